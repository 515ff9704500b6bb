"""The search of selfplay comes from the settings, and its defaults are theirs."""

import dataclasses

from ringrift.selfplay.parameters import parameters_of
from ringrift.selfplay.pool import SelfplayParameters
from ringrift.settings import Settings
from ringrift.training.spec import TrainSpec

DEFAULTS = Settings.load("unified_loop", environ={})


def test_a_default_has_one_value():
    """What a record defaults to is what the file says, in selfplay and in training."""
    found = parameters_of(DEFAULTS.selfplay, DEFAULTS.search, games=10_000)
    # what shards of older specs lack is off in them
    play = DEFAULTS.selfplay
    assert found == SelfplayParameters(
        opening_random_fraction=play.opening_random_fraction,
        decided_threshold=play.decided_threshold,
    )
    spec, training = dataclasses.asdict(TrainSpec("hex8:2")), DEFAULTS.training.model_dump()
    shared = (spec.keys() & training.keys()) - {"threads"}  # 0 of the settings is found out
    assert len(shared) >= 9
    assert {name: spec[name] for name in shared} == {name: training[name] for name in shared}


def test_a_small_shard_and_a_small_budget():
    """There are no more slots than games, and a fast search is never larger than a full one."""
    made = parameters_of(DEFAULTS.selfplay, DEFAULTS.search, games=5, simulations=8)
    assert (made.slots, made.simulations, made.fast_simulations) == (5, 8, 8)


def test_only_what_a_schedule_asks_for_is_kept():
    """A rating and a progress decide games, and so a shard's id, only where the temperature depends on them."""

    def known(schedule):
        play = DEFAULTS.selfplay.replace(temperature_schedule=schedule)
        made = parameters_of(play, DEFAULTS.search, games=64, elo=800.0, progress=0.5)
        return made.elo, made.progress

    assert known("step") == (None, 0.0)
    assert known("elo") == (800.0, 0.0)
    assert known("curriculum") == (None, 0.5)
