"""The search of selfplay comes from the settings, and its defaults are theirs."""

import dataclasses
import inspect

import pytest

from ringrift.pipeline.lease import Lease
from ringrift.pipeline.loop_config import LoopConfig
from ringrift.selfplay.parameters import parameters_of
from ringrift.selfplay.pool import SelfplayParameters
from ringrift.selfplay.shard import produce_shard
from ringrift.settings import Settings
from ringrift.training.process import train_in_child
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


@pytest.mark.parametrize(
    ("function", "name", "value"),
    [
        (train_in_child, "deadline_seconds", DEFAULTS.training.deadline_seconds),
        (produce_shard, "checkpoint_seconds", DEFAULTS.selfplay.checkpoint_seconds),
        (Lease, "seconds", DEFAULTS.cluster.lease_seconds),
        (Lease, "renew_seconds", DEFAULTS.cluster.lease_renew_seconds),
        (LoopConfig, "selfplay_games_per_iteration", DEFAULTS.selfplay.games_per_iteration),
        (LoopConfig, "max_iterations", DEFAULTS.loop.max_iterations),
        (LoopConfig, "iteration_cooldown_seconds", DEFAULTS.loop.iteration_cooldown_seconds),
    ],
)
def test_what_a_caller_may_leave_out(function, name, value):
    """A default of a function or a record that a setting has, too, is the value of the file."""
    assert inspect.signature(function).parameters[name].default == value


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
