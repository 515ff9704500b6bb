"""What a config waits for between two runs: decided from figures alone."""

import dataclasses
from typing import Any

import pytest

from ringrift.pipeline.scheduling import OPEN, WAIT, Decision
from ringrift.pipeline.triggers import training_due
from ringrift.pipeline.waits import Around, between
from ringrift.store import loops, runs
from ringrift.store.loops import LoopRow
from ringrift.store.runs import RunRow
from ringrift.store.work import Supply
from tests.pipeline.tiny import settings

NOW = 10_000.0
RULES = settings(training__min_samples_to_trigger=10_000).training

#: A run that collected 3 100 positions in 600 s.
_FIELDS: dict[str, Any] = dict.fromkeys(RunRow.__dataclass_fields__)
COLLECTED = RunRow(
    **_FIELDS
    | {
        "id": "r" * 64,
        "config": "hex8:2",
        "iteration": 2,
        "state": runs.CLOSED,
        "outcome": runs.COLLECTED,
        "totals": {"positions": 3100},
        "opened_at": NOW - 700,
        "closed_at": NOW - 100,
    }
)
REJECTED = dataclasses.replace(COLLECTED, outcome=runs.REJECTED)

TOO_FEW = training_due(Supply(positions=6200, games=100), RULES, NOW)
ENOUGH = training_due(Supply(positions=12_000, games=100), RULES, NOW)

ALONE = Around(NOW, False, True, True, 2, 0, 10.0, None, [])
MASTER = dataclasses.replace(ALONE, master=True)


def loop(state, **fields):
    """What a continuous loop says of itself."""
    said = {"config": None, "reason": None, "until": None, "since": NOW - 20, **fields}
    about = {"updated_at": NOW, "breaker": None, "details": {"configs": ["hex8:2"]}}
    return LoopRow("continuous", "host:1:a", state, **said, **about)


def decided(action, reason):
    """The master, having decided that."""
    return dataclasses.replace(MASTER, decision=Decision("hex8:2", action, reason, {}))


def test_too_few_positions_are_told_with_figures_and_an_estimate():
    """6 200 of 10 000 are there; two more runs like the last, of 600 s each, bring the rest."""
    found = between("hex8:2", COLLECTED, TOO_FEW, MASTER)
    assert (found.have, found.need, found.unit) == (6200, 10_000, "positions")
    assert found.eta_seconds == 1200.0
    assert "6200 of 10000 positions" in found.waits_for
    assert "the master's next look" in found.waits_for


@pytest.mark.parametrize(
    ("around", "stage", "said"),
    [
        (ALONE, "nobody", "`ringrift master-loop`, or `ringrift training-loop --config hex8:2`"),
        (dataclasses.replace(ALONE, master=None), "nobody", "the broker, to know"),
        (dataclasses.replace(MASTER, listed=False), "nobody", "none of the master's loop.configs"),
        (dataclasses.replace(MASTER, auto=False), "nobody", "training.auto_trigger is off"),
        (dataclasses.replace(MASTER, max_iterations=2), "finished", "2 of 2 iterations are closed"),
        (decided(OPEN, "idle devices"), "turn", "within 10 s, to open its next run (idle devices)"),
        (decided(WAIT, "square8:2 goes first"), "turn", "its turn: square8:2 goes first"),
    ],
)
def test_who_opens_the_next_run(around, stage, said):
    """Nobody, with the command that would; the master, with its decision and reason."""
    found = between("hex8:2", REJECTED, ENOUGH, around)
    assert found.stage == stage
    assert said in found.waits_for


@pytest.mark.parametrize(
    ("row", "stage", "said", "eta"),
    [
        (loop(loops.COOLDOWN, until=NOW + 40), "rest", "a rest of 60 s", 40.0),
        (
            loop(loops.OPEN, until=NOW + 200, reason="5 failures"),
            "breaker",
            "breaker is open: 5 failures",
            200.0,
        ),
        (loop(loops.RUNNING, config="square8:2"), "turn", "works on square8:2", None),
        (loop(loops.RUNNING), "turn", "to open its next run", None),
    ],
)
def test_what_the_continuous_loop_makes_of_it(row, stage, said, eta):
    """Its rest, its circuit breaker, another config's turn: with the time until it goes on."""
    found = between("hex8:2", REJECTED, ENOUGH, dataclasses.replace(ALONE, loops=[row]))
    assert (found.stage, found.eta_seconds) == (stage, eta)
    assert said in found.waits_for


def test_a_rest_says_how_much_of_it_is_over():
    """20 of 60 s."""
    row = loop(loops.COOLDOWN, until=NOW + 40)
    found = between("hex8:2", REJECTED, ENOUGH, dataclasses.replace(ALONE, loops=[row]))
    assert (found.have, found.need, found.unit) == (20.0, 60.0, "seconds")


def test_a_loop_with_several_configs_takes_as_long_for_each():
    """Two runs of this config come after two of the other, each of 600 s with a rest of 60 s."""
    row = loop(loops.RUNNING, config="square8:2")
    row = dataclasses.replace(
        row, details={"configs": ["hex8:2", "square8:2"], "iteration_cooldown_seconds": 60.0}
    )
    found = between("hex8:2", COLLECTED, TOO_FEW, dataclasses.replace(ALONE, loops=[row]))
    assert found.eta_seconds == 2 * 2 * 660.0


def test_the_amount_is_that_of_the_next_training():
    """Where nobody works on a config, too; but nothing is promised then."""
    found = between("hex8:2", COLLECTED, TOO_FEW, ALONE)
    assert (found.have, found.need, found.eta_seconds) == (6200, 10_000, None)


def test_a_deferred_loop_leaves_its_configs_to_the_master():
    """The master's decision counts; where the master does not work on the config, the loop's reason does."""
    row = loop(loops.DEFERRED, reason="host:2 holds the master lease")
    found = between("hex8:2", REJECTED, ENOUGH, dataclasses.replace(MASTER, loops=[row]))
    assert "the master's next look" in found.waits_for
    aside = dataclasses.replace(MASTER, loops=[row], listed=False)
    found = between("hex8:2", REJECTED, ENOUGH, aside)
    assert found.stage == "deferred"
    assert "stepped back: host:2 holds the master lease" in found.waits_for


@pytest.mark.parametrize("row", [loop(loops.RUNNING), loop(loops.COOLDOWN, until=NOW + 40)])
def test_a_loop_forced_beside_the_master_does_not_keep_its_configs_waiting(row):
    """The master opens the next run at its next look, though the other one rests; what it has done, that one may do."""
    found = between("hex8:2", REJECTED, ENOUGH, dataclasses.replace(MASTER, loops=[row]))
    assert "the master's next look" in found.waits_for
    done = dataclasses.replace(MASTER, loops=[row], max_iterations=2)
    found = between("hex8:2", REJECTED, ENOUGH, done)
    assert "continuous loop" in found.waits_for
