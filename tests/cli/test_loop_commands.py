"""training-loop, status, ledger and events as a person types them, over a state directory."""

import json
import re
import signal
import subprocess
import sys
from itertools import takewhile

import pytest

from ringrift.cli.main import run
from ringrift.pipeline import nodes
from ringrift.pipeline.events import lease_taken
from ringrift.pipeline.in_process import work_off
from ringrift.pipeline.runs import open_or_resume
from ringrift.settings import home
from ringrift.store import runs
from ringrift.store.blobs import file_sha256
from ringrift.store.ledger import Fence
from tests.pipeline import tiny


@pytest.fixture
def ctx():
    """The state directory of the test, with one promoted run."""
    made = tiny.context(home())
    work_off(made, open_or_resume(made, tiny.HEX8).id)
    yield made
    made.ledger.close()


@pytest.fixture
def small(monkeypatch):
    """Commands take the small services and settings."""
    tiny.commands_are_small(monkeypatch, EVALUATION__GAMES_PER_TASK=20)


LOOP = [
    "training-loop",
    "--board-type",
    "hex8",
    "--num-players",
    "2",
    "--in-process",
    "--jobs",
    "1",
]


def test_the_loop_prints_what_each_stage_did(small, capsys):
    """From nothing to a summary with games, losses, gauntlet, file and the command to go on."""
    assert run([*LOOP, "--selfplay-games", "20"]) == 0
    said = capsys.readouterr().out
    for part in (
        "selfplay done in",
        "loss 1.000 → 0.300",
        "hex8:2 #1 promoted",
        "gauntlet    random",
    ):
        assert part in said, part
    command = re.search(r"to go on: ringrift (.*?)   to look: ringrift status", said)
    assert command is not None
    assert command[1].startswith("training-loop --board-type hex8 --num-players 2 --minutes ")
    assert command[1].endswith(" --in-process")  # there is no broker, and no worker
    assert str(home() / "models") in said
    assert run(["ledger", "verify"]) == 0


def test_no_time_is_exit_3_and_the_run_stays(small, capsys):
    """And the same command goes on."""
    assert run([*LOOP, "--selfplay-games", "20", "--minutes", "0"]) == 3
    assert "goes on from there" in capsys.readouterr().err
    assert run([*LOOP]) == 0
    assert "hex8:2 #1 promoted" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--board-type", "hex9", "--num-players", "2"], "did you mean 'hex8'?"),
        (["--board-type", "hex8", "--num-players", "7"], "expected 2, 3 or 4"),
        (["--config", "hex8"], "BOARD:PLAYERS"),
        (["--config", "hex8:2", "--num-players", "2"], "either --config or --board-type"),
        (["--settings", "/nowhere.yaml", "--in-process"], "/nowhere.yaml"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(arguments, said, capsys):
    """Boards, players, configs and files that are not there."""
    assert run(["training-loop", *arguments]) == 2
    errors = capsys.readouterr().err
    assert said in errors
    assert errors.count("\n") == 1


def test_status_as_json_holds_what_the_issue_asks(ctx, capsys):
    """The champion's sha256 is the hash of its file; equal counts in ledger and shards."""
    assert run(["status", "--json"]) == 0
    about = json.loads(capsys.readouterr().out)["configs"]["hex8:2"]
    assert about["champion"]["sha256"] == file_sha256(home() / about["champion"]["file"])
    assert about["files"]["champion"].endswith(about["champion"]["file"])
    assert about["games_in_ledger"] == about["games_in_shards"] == tiny.GAMES
    assert {gate["gate"]: gate["decision"] for gate in about["champion"]["gates"]} == {
        "policy": "passed",
        "random": "passed",
        "initial": "passed",
    }


def test_status_fits_a_screen_and_tells_of_lost_files(ctx, capsys):
    """A shard that is gone makes the counts differ: exit 1, and its name."""
    assert run(["status"]) == 0
    assert len(capsys.readouterr().out.splitlines()) < 24
    gone = next((home() / "shards").iterdir())
    gone.unlink()
    assert run(["status"]) == 1
    said = capsys.readouterr().out
    assert "DIFFERENT" in said
    assert gone.name in said


@pytest.mark.parametrize("spoil", [lambda p: p.unlink(), lambda p: p.write_bytes(b"x")])
def test_status_tells_of_a_broken_champion(ctx, capsys, spoil):
    """A champion whose file is gone or other than its name: exit 1, and its name."""
    run(["status", "--json"])
    about = json.loads(capsys.readouterr().out)["configs"]["hex8:2"]
    spoil(home() / about["champion"]["file"])
    assert run(["status"]) == 1
    assert f"{about['champion']['file']}: gone or damaged" in capsys.readouterr().out


def test_status_of_nothing_says_how_to_begin(capsys):
    """A fresh state directory is no error."""
    assert run(["status", "--config", "square8:3"]) == 0
    assert "ringrift training-loop --config square8:3" in capsys.readouterr().out


def test_verify_names_the_disagreement(ctx, capsys):
    """Exit 1 and one line for each."""
    assert run(["ledger", "verify"]) == 0
    assert "the ledger agrees" in capsys.readouterr().out
    model = next((home() / "models").iterdir())
    model.write_bytes(model.read_bytes() + b"x")
    assert run(["ledger", "verify", "--json"]) == 1
    [found] = json.loads(capsys.readouterr().out)["disagreements"]
    assert found["subject"] == "model"


def test_events_are_listed_in_order(ctx, capsys):
    """Newest last, by kind and run, as text and JSON."""
    assert run(["events", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[3] for line in lines][-1] == "MODEL_PROMOTED"
    assert run(["events", "list", "--kind", "TRAINING_COMPLETED", "--json"]) == 0
    event = json.loads(capsys.readouterr().out)
    assert (event["kind"], event["config"], event["attempt"]) == ("TRAINING_COMPLETED", "hex8:2", 1)
    assert run(["events", "list", "--kind", "TRAINING_COMPLETE"]) == 2
    assert "TRAINING_COMPLETED" in capsys.readouterr().err


def test_events_of_a_run_are_asked_for_by_the_beginning_of_its_id(ctx, capsys):
    """Where one run begins so; none, or several, is bad input, and the line says which there are."""
    with ctx.ledger.read() as tx:
        [only] = runs.all_runs(tx)
    second = open_or_resume(ctx, tiny.HEX8)
    same = takewhile(lambda digits: digits[0] == digits[1], zip(only.id, second.id, strict=True))
    shared = only.id[: len(list(same))]
    own = only.id[: len(shared) + 1]
    capsys.readouterr()
    assert run(["events", "list", "--run", own, "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {event["run"] for event in told} == {only.id}
    wrong = only.id[:11] + ("0" if only.id[11] != "0" else "1")
    for asked, said in (
        ("zzz", f"no run begins with 'zzz': there are {second.id[:12]}, {only.id[:12]}"),
        (wrong, f"no run begins with '{wrong}': did you mean '{only.id[:12]}'?"),
        (
            shared,
            f"2 runs begin with '{shared}': give more digits of one: {second.id[:12]} (hex8:2",
        ),
    ):
        assert run(["events", "list", "--run", asked]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert said in err


def test_no_event_is_said(ctx, capsys):
    """A config of which nothing was told is no bad input; the answer is there, and not in the list."""
    assert run(["events", "list", "--config", "square8:4"]) == 0
    assert capsys.readouterr() == ("", "no such event yet\n")
    assert run(["events", "list", "--config", "square8:5"]) == 2


@pytest.mark.processes
def test_moments_in_events_are_shown_as_times(ctx, capsys):
    """When a worker started is a time of day in the list, and the number itself as JSON."""
    with ctx.ledger.write() as tx:
        nodes.came(tx, nodes.Node("gpu1@here", "here:1", 1e9, ("gpu",), 1), 60.0)
    assert run(["events", "list", "--kind", "NODE_UP"]) == 0
    assert "started=01:46:40" in capsys.readouterr().out
    assert run(["events", "list", "--kind", "NODE_UP", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["started"] == 1e9


def test_tail_prints_events_until_ctrl_c(ctx):
    """The newest first, each new one as it comes; Ctrl-C ends it with 130."""
    code = "from ringrift.cli.main import main; main()"
    command = [sys.executable, "-c", code, "events", "tail", "-n", "1", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert json.loads(process.stdout.readline())["kind"] == "MODEL_PROMOTED"
        with ctx.ledger.write() as tx:
            lease_taken(tx, Fence("master", 7), "me")
        assert json.loads(process.stdout.readline())["fence"] == 7
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130


def test_tail_waits_for_the_first_event_and_makes_nothing():
    """Where nothing was started it says so, leaves no state directory, and prints what begins later."""
    code = "from ringrift.cli.main import main; main()"
    command = [sys.executable, "-c", code, "events", "tail", "--json"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        assert process.stderr.readline() == f"no event yet: nothing has been started in {home()}\n"
        assert not home().exists()
        with tiny.context(home()).ledger.write() as tx:
            lease_taken(tx, Fence("master", 7), "me")
        assert json.loads(process.stdout.readline())["fence"] == 7
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
