"""Which processes a stack starts, by profile and part; nothing is started here."""

import pytest

from ringrift.cli import roles
from ringrift.cli.stack import Stack
from ringrift.pipeline.queues import CONTROL, CPU, GPU
from ringrift.settings import Settings

#: Two devices, so that one and all of them differ.
TWO = {"CUDA_VISIBLE_DEVICES": "0,1"}


def names(home, profile, **parts):
    """Names of the children that a stack would start."""
    settings = Settings.load("unified_loop", {"RINGRIFT__LOOP__PROFILE": profile})
    stack = Stack(home, settings, environ=TWO, **parts)
    return [role.name for role in stack.roles()]


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("minimal", ["gpu1", "cpu", "control", "beat"]),
        ("standard", ["gpu1", "gpu2", "cpu", "control", "beat"]),
        ("full", ["gpu1", "gpu2", "cpu", "control", "beat", "flower"]),
    ],
)
def test_a_profile_names_its_processes(tmp_path, profile, expected):
    """minimal has one gpu worker, standard one per device, full Flower as well."""
    assert names(tmp_path, profile) == expected


def test_parts_of_a_cluster(tmp_path):
    """Each part may be left out, and the continuous loop may stand in beat's place."""
    assert names(tmp_path, "minimal", beat=False) == ["gpu1", "cpu", "control"]
    assert names(tmp_path, "full", workers=False) == ["beat"]
    assert names(tmp_path, "minimal", beat=False, continuous=True)[-1] == "continuous"
    assert "flower" not in names(tmp_path, "full", flower=False)


def test_queues_that_others_serve_are_left_to_them():
    """Workers that somebody started by hand are used, the missing ones are started."""
    parts = roles.Parts("standard")
    flower = roles.Role("flower", ("flower",))
    found = parts.roles(TWO, local_tasks=True, flower=flower, served={GPU, CONTROL})
    assert [role.name for role in found] == ["cpu", "beat"]
    assert CPU in found[0].arguments


def test_the_continuous_loop_is_a_command_of_ours(tmp_path):
    """It is started by our command line, Celery's children by Celery's, and both by name only."""
    settings = Settings.load("unified_loop", {})
    stack = Stack(tmp_path, settings, environ=TWO, continuous=True, flower=False)
    by_name = {role.name: stack._command(role) for role in stack.roles()}
    assert by_name["continuous"][1:] == ["-m", "ringrift", "continuous"]
    assert by_name["beat"][1:5] == ["-m", "celery", "-A", "ringrift"]


def test_children_know_the_profile(tmp_path):
    """beat reads it from its environment, whatever the file says."""
    settings = Settings.load("unified_loop", {"RINGRIFT__LOOP__PROFILE": "minimal"})
    assert Stack(tmp_path, settings)._environ["RINGRIFT__LOOP__PROFILE"] == "minimal"


def test_only_what_a_run_needs_ends_the_others(tmp_path):
    """Flower, whose port may be taken, and a continuous loop that has come to its end, are done without."""
    stack = Stack(tmp_path, Settings.load("unified_loop", {}), environ=TWO, continuous=True)
    spare = {role.name for role in stack.roles() if not role.vital}
    assert spare == {"flower", "continuous"}
