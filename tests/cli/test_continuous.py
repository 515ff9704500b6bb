"""`ringrift continuous` as a person types it, without a broker."""

import json

import pytest

from ringrift.broker.lock import take_lock
from ringrift.cli.continuous import LOCK
from ringrift.cli.main import run
from ringrift.pipeline.context import open_context
from ringrift.pipeline.loop_config import LoopConfig
from ringrift.pipeline.owner import owner
from ringrift.settings import Settings, home, prepare_home
from ringrift.settings.switches import DISABLE_LOCAL_TASKS
from ringrift.store.loops import DEFERRED, LoopRow, say
from tests.pipeline import tiny

LOOP = ["continuous", "--in-process", "--jobs", "1", "--cooldown", "0"]


@pytest.fixture
def small(monkeypatch):
    """The command takes the small services and settings."""
    tiny.commands_are_small(monkeypatch)


def test_iterations_of_two_configs_and_their_status(small, capsys):
    """It says what it does, each config has its iteration, and --status tells the rest, for people and programs."""
    configs = ["--config", "hex8:2", "--config", "square8:2"]
    assert run([*LOOP, *configs, "--games", "20", "--max-iterations", "1"]) == 0
    said = capsys.readouterr().out
    for part in (
        "hex8:2, square8:2 in turn, 1 iterations, games each: 20, by gumbel-mcts, rest 0 s",
        "running: works on iteration 1 of hex8:2",
        "cooldown: iteration 1 of square8:2 promoted",
        "stopped: 1 iterations of each config are done",
    ):
        assert part in said
    assert run(["continuous", "--status"]) == 0
    said = capsys.readouterr().out
    assert "stopped for 0:0" in said
    assert "closed so far  hex8:2 1, square8:2 1" in said
    assert "circuit        closed, no failure" in said
    assert run(["continuous", "--status", "--json"]) == 0
    loop = json.loads(capsys.readouterr().out)["loop"]
    assert (loop["state"], loop["alive"]) == ("stopped", False)
    assert loop["details"]["done"] == {"hex8:2": 1, "square8:2": 1}


def test_a_status_without_a_loop(capsys):
    """Where none ever ran, the status says how to start one."""
    assert run(["continuous", "--status"]) == 0
    assert "`ringrift continuous` starts one" in capsys.readouterr().out


def test_one_that_waits_long_for_a_broker_is_not_gone(capsys):
    """A loop of this machine is gone when its process is, not when it has said nothing for a while."""
    ctx = open_context(Settings.load())
    asked = LoopConfig().as_dict()
    row = LoopRow(
        "continuous", owner(), DEFERRED, None, "nobody answers", 0.0, None, 0.0, None, asked
    )
    with ctx.ledger.write() as tx:
        say(tx, row)
    assert run(["continuous", "--status"]) == 0
    assert "GONE: it was deferred" in capsys.readouterr().out
    with take_lock(home() / LOCK, "{}"):
        assert run(["continuous", "--status"]) == 0
    assert "continuous loop  deferred for" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--in-process", "--config", "hex9:2"], "hex8"),
        (["--in-process", "--engine", "random"], "leaves no policy to learn from"),
        (["--in-process", "--engine", "mcts:t50ms"], "has a time"),
        (["--in-process", "--cooldown", "nan"], "cooldown"),
        (["--json"], "--status"),
        (["--jobs", "2"], "--in-process"),
        ([], "no broker: set CELERY_BROKER_URL"),
    ],
)
def test_what_is_refused(small, capsys, arguments, said):
    """What cannot work ends with exit code 2 and one line that says why."""
    assert run(["continuous", *arguments]) == 2
    found = capsys.readouterr().err.strip()
    assert said in found
    assert "\n" not in found


def test_not_on_a_node_that_coordinates_only(monkeypatch, capsys):
    """Work in this process is refused by a coordinator."""
    monkeypatch.setenv(DISABLE_LOCAL_TASKS, "1")
    assert run(LOOP) == 2
    assert DISABLE_LOCAL_TASKS in capsys.readouterr().err


def test_one_loop_for_a_state_directory(small, capsys):
    """A second continuous loop of a state directory is refused, with the first one's process."""
    prepare_home(0, home())
    with take_lock(home() / LOCK, "{}"):
        assert run(LOOP) == 2
    assert "runs the continuous loop of" in capsys.readouterr().err
