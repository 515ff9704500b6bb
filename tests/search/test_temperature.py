"""Temperature schedules: their shapes, their ends, and that the kernels follow them."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.rules.game import opening
from ringrift.search.evaluator import UniformEvaluator
from ringrift.search.temperature import KINDS, TemperatureScheduler, create_scheduler
from ringrift.selfplay.pool import SelfplayParameters, SelfplayPool
from ringrift.settings import Settings

HEX = Config("hex8", 2)

temperatures = st.floats(0, 10)
schedulers = st.builds(
    TemperatureScheduler,
    kind=st.sampled_from(KINDS),
    initial=temperatures,
    final=temperatures,
    decisions=st.integers(0, 60),
    elo_low=st.floats(-500, 0),
    elo_high=st.floats(1, 3000),
)
contexts = st.fixed_dictionaries(
    {
        "elo": st.none() | st.floats(-1000, 4000),
        "progress": st.none() | st.floats(-1, 2),
        "entropy": st.none() | st.floats(0, 1),
    }
)


@given(schedulers, st.integers(0, 200), contexts)
def test_bounds(scheduler, decision, context):
    """Every temperature lies between the initial and the final one, whatever it is asked with."""
    low, high = sorted((scheduler.initial, scheduler.final))
    assert low <= scheduler.temperature(decision, **context) <= high


@given(schedulers, contexts)
def test_never_turns_round(scheduler, context):
    """In the course of a game no schedule ever goes back towards its initial temperature."""
    made = [scheduler.temperature(n, **context) for n in range(100)]
    distances = np.abs(np.array(made) - scheduler.final)
    assert (np.diff(distances) <= 1e-12).all()


@given(schedulers, contexts)
def test_pure(scheduler, context):
    """The same question has the same answer, in any order of asking, and asking changes nothing."""
    before = dataclasses.replace(scheduler)
    forth = [scheduler.temperature(n, **context) for n in range(50)]
    back = [scheduler.temperature(n, **context) for n in reversed(range(50))]
    assert forth == back[::-1]
    assert scheduler == before


@pytest.mark.parametrize("what", ["elo", "progress", "entropy"])
def test_no_numbers(what):
    """Asked with NaN, a schedule says so: a temperature of NaN would leave a search without a best move."""
    for kind in KINDS:
        with pytest.raises(BadInput, match=f"{what} (is )?nan"):
            create_scheduler(kind).temperature(1, **{what: float("nan")})


@pytest.mark.parametrize("kind", KINDS)
def test_ends(kind):
    """A game begins at the initial temperature; what falls has fallen when its decisions are made."""
    scheduler = create_scheduler(kind, initial=1.5, final=0.25, decisions=20)
    assert scheduler.temperature(0) == 1.5
    end = scheduler.temperature(20)
    if kind in ("constant", "entropy"):
        assert end == 1.5
    elif kind == "exponential":
        assert end == pytest.approx((1.5 + 0.25) / 2), "half-life"
        assert scheduler.temperature(10_000) == pytest.approx(0.25)
    else:
        assert end == 0.25
        assert scheduler.temperature(19) > 0.25


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("linear", [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]),
        ("step", [1.0, 1.0, 1.0, 1.0, 0.0, 0.0]),
        ("cosine", [1.0, 0.8535534, 0.5, 0.1464466, 0.0, 0.0]),
        ("exponential", [1.0, 0.8408964, 0.7071068, 0.5946036, 0.5, 0.4204482]),
        ("constant", [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_shapes(kind, expected):
    """The tables of the formulas, written out."""
    made = create_scheduler(kind, initial=1.0, final=0.0, decisions=4).table(6)
    np.testing.assert_allclose(made, expected, atol=1e-7)


def test_elo_and_curriculum():
    """A stronger or further trained player begins cooler: from step at the one end to final at the other."""
    by_elo = create_scheduler("elo", elo_low=100, elo_high=300)
    assert [by_elo.temperature(3, elo=e) for e in (0, 100, 200, 300, 900)] == pytest.approx(
        [1.0, 1.0, 0.6, 0.2, 0.2]
    )
    by_progress = create_scheduler("curriculum")
    assert [by_progress.temperature(3, progress=p) for p in (0, 0.5, 1)] == pytest.approx(
        [1.0, 0.6, 0.2]
    )
    assert by_elo.temperature(40, elo=0) == by_progress.temperature(40, progress=0) == 0.2


def test_entropy():
    """Where one move stands out it is played coolly, where all are equal warmly."""
    scheduler = create_scheduler("entropy")
    assert [scheduler.temperature(7, entropy=h) for h in (0, 0.5, 1)] == pytest.approx(
        [0.2, 0.6, 1.0]
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "linnear"}, "did you mean 'linear'"),
        ({"initial": 11.0}, "initial temperature is 11.0: expected 0 to 10"),
        ({"final": -1.0}, "final temperature is -1.0"),
        ({"decisions": -1}, "decisions is -1: expected 0 or more"),
        ({"elo_low": 5.0, "elo_high": 5.0}, "expected less than elo_high"),
    ],
)
def test_nonsense_is_refused(arguments, message):
    """What is no schedule is refused in one line, also where it is a parameter of selfplay."""
    with pytest.raises(BadInput, match=message):
        create_scheduler(**arguments)


def test_settings_name_every_kind():
    """The settings take every kind that there is, and the file's default is step."""
    field = type(Settings.load().selfplay).model_fields["temperature_schedule"]
    assert set(field.annotation.__args__) == set(KINDS)
    assert Settings.load().selfplay.temperature_schedule == "step"


class Leaning(UniformEvaluator):
    """Likes one action out of all so much that it is all of the prior, or every other action not at all."""

    def __init__(self, config, batch_size, favourite):
        super().__init__(config, batch_size)
        self.favourite = favourite

    def evaluate(self, states, legal):
        """As the uniform one, logit 60 for the favourite."""
        logits, values = super().evaluate(states, legal)
        logits[:] = np.where(legal.actions == self.favourite, 60.0, 0.0)
        return logits, values


def moves_of(evaluator, parameters, games=12):
    """Move codes of each game, in the order of their numbers."""
    pool = SelfplayPool(evaluator, opening(HEX), parameters)
    seeds = np.arange(games, dtype=np.uint64)
    found = {g.index: g.codes.tolist() for g in pool.run(seeds) if g is not None}
    return [found[i] for i in range(games)]


SMALL = SelfplayParameters(6, 3, 0.5, temperature_final=0.0, temperature_decisions=8)


def test_kernels_follow_the_table():
    """A step is played as it was before there were schedules; other tables give other games after it only.

    Constant and step agree until the step; so do their games, and they part later.
    """
    step = moves_of(UniformEvaluator(HEX, 4), SMALL)
    assert step == moves_of(UniformEvaluator(HEX, 4), dataclasses.replace(SMALL))
    kept = dataclasses.replace(SMALL, temperature_schedule="constant", temperature=1.0)
    constant = moves_of(UniformEvaluator(HEX, 4), kept)
    assert step != constant
    assert [m[:8] for m in step] == [m[:8] for m in constant], "eight decisions take eight moves"
    same = dataclasses.replace(kept, temperature_schedule="linear", temperature_final=1.0)
    assert moves_of(UniformEvaluator(HEX, 4), same) == constant


def test_kernels_follow_the_entropy():
    """With equal priors `entropy` plays at the initial temperature; a prior that is sure at the final one."""
    play = dataclasses.replace(SMALL, temperature_schedule="entropy", temperature_final=0.0)
    equal = dataclasses.replace(SMALL, temperature_schedule="constant")
    assert moves_of(UniformEvaluator(HEX, 4), play) == moves_of(UniformEvaluator(HEX, 4), equal)
    cold = moves_of(Leaning(HEX, 4, favourite=30), play)
    assert {m[0] for m in cold} == {30}
    warm = dataclasses.replace(play, temperature=10.0, temperature_final=10.0)
    assert len({m[0] for m in moves_of(Leaning(HEX, 4, favourite=30), warm)}) > 1


def test_defaults_keep_their_identity():
    """Parameters that older shards did not have are no part of a shard's spec until they say something."""
    assert "temperature_schedule" not in SMALL.as_dict()
    changed = dataclasses.replace(SMALL, temperature_schedule="linear", progress=0.5)
    assert SelfplayParameters(**changed.as_dict()) == changed
    assert SelfplayParameters(**SMALL.as_dict()) == SMALL
