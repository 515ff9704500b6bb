"""The plan of a run outlives the settings it was made from."""

from ringrift.pipeline.plan import LATER, RunPlan
from tests.pipeline.tiny import GAMES, HEX8, SHARD, settings


def test_a_plan_comes_back_from_json():
    """What the ledger holds is the plan, with its digest."""
    plan = RunPlan.of(settings(), HEX8)
    again = RunPlan.from_dict(plan.as_dict())
    assert again == plan
    assert again.digest == plan.digest


def test_a_plan_of_another_version_is_read():
    """Keys that it did not know take the packaged default; keys that are gone are left out."""
    stored = RunPlan.of(settings(), HEX8).as_dict()
    del stored["selfplay"]["first_games"]
    stored["evaluation"]["forgotten"] = 1
    assert RunPlan.from_dict(stored).selfplay.first_games == 5000


def test_keys_that_came_later_change_no_plan_unless_they_are_set():
    """A plan with all of them as packaged is the plan of before, with its digest; another value is in it."""
    for section, keys in LATER.items():
        for key in keys:
            assert key not in RunPlan.of(settings(), HEX8).as_dict()[section]
    other = RunPlan.of(settings(training__min_new_fraction=0.5), HEX8)
    assert other.as_dict()["training"]["min_new_fraction"] == 0.5
    assert RunPlan.from_dict(other.as_dict()) == other
    assert other.digest != RunPlan.of(settings(), HEX8).digest


def test_a_run_of_an_older_version_keeps_its_shards():
    """A plan without the size of its shards has that of its settings."""
    stored = RunPlan.of(settings(), HEX8).as_dict()
    assert stored.pop("shard_games") == SHARD
    assert RunPlan.from_dict(stored).shard_sizes() == [SHARD, SHARD, GAMES - 2 * SHARD]


def test_a_fixed_size_heeds_no_speed():
    """With games_per_shard set a plan is the same however fast the machine is."""
    assert RunPlan.of(settings(), HEX8, 100, 1e3) == RunPlan.of(settings(), HEX8, 100, 1e-3)


def test_every_shard_fills_its_slots():
    """The plan of a run that is sized by itself has as many slots as its shards fill 8 times, unless it is one shard."""
    free = settings(selfplay__games_per_shard=0, selfplay__slots=64)
    for games, slots in ((1000, 62), (5000, 64), (200, 64)):
        plan = RunPlan.of(free, HEX8, games, 1.0)
        assert plan.selfplay.slots == slots
        assert min(plan.shard_sizes()) >= 8 * slots or len(plan.shard_sizes()) == 1


def test_sizes_follow_the_speed():
    """With games_per_shard 0 a faster machine has larger shards; an unmeasured one has 8 fillings."""
    free = settings(selfplay__games_per_shard=0, selfplay__slots=4, selfplay__shard_seconds=10)
    sizes = [RunPlan.of(free, HEX8, 100, speed).shard_sizes() for speed in (None, 0.1, 5.0)]
    assert sizes == [[34, 33, 33], [34, 33, 33], [50, 50]]
    assert RunPlan.of(free, HEX8, 100, 5.0).digest != RunPlan.of(free, HEX8, 100).digest
