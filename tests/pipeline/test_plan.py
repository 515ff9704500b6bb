"""The plan of a run outlives the settings it was made from."""

from ringrift.pipeline.plan import RunPlan
from tests.pipeline.tiny import HEX8, settings


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
