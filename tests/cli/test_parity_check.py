"""`ringrift parity check` as a person runs it: what it prints, its exit codes, and Ctrl-C."""

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys

import pytest

from ringrift.cli.main import run


def test_no_difference(capsys):
    """Exit 0; the table says how often each case occurred and which never did."""
    arguments = ["--config", "hex8:2", "--games", "2", "--positions", "18", "--seed", "3"]
    assert run(["parity", "check", *arguments, "--jobs", "2"]) == 0
    out = capsys.readouterr().out
    assert "hex8:2, seed 3: 2 games and 18 set-up positions" in out
    assert " 0 differences" in out
    assert " §7.2  capture-land" in out
    assert "\nnever: " in out


def test_json(capsys):
    """--json gives one object with the figures, the counts, one place for each case, the command."""
    arguments = ["--config", "square8:2", "--games", "2", "--positions", "18", "--seed", "3"]
    options = ["--no-pie", "--rings", "6", "--lps-rounds", "2", "--line-detect", "5"]
    assert run(["parity", "check", *arguments, *options, "--jobs", "1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["games"], told["positions"], told["differences"]) == (2, 18, 0)
    assert told["occurrences"]["place-1"] > 0
    assert "swap" not in told["occurrences"]
    assert told["first"]["place-1"].startswith(("game-", "position-"))
    assert told["never"] == [name for name, count in told["occurrences"].items() if not count]
    # The command in it plays the same games.
    assert run([*told["command"].split(" ")[1:], "--jobs", "1", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again | {"seconds": 0} == told | {"seconds": 0}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--config", "square9:2"], "did you mean 'square"),
        (["--config", "square8:2", "--policy", "lines!"], "did you mean 'lines'"),
        (["--config", "square8:2", "--out", "nowhere"], "nowhere: no such folder"),
        (["--config", "square8:2", "--only", "7"], "game-3 or position-12"),
        (["--config", "square8:3", "--pie"], "2 players"),
        (["--config", "square8:3", "--rings", "0"], "expected 1 to 999"),
        (["--config", "square8:3", "--lps-rounds", "0"], "expected 1 to 999"),
        (["--config", "square8:3", "--games", "-1"], "--games"),
        ([], "--config"),
    ],
)
def test_bad_input(arguments, said, capsys):
    """Exit 2 and one line that says what is valid."""
    assert run(["parity", "check", *arguments]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_tells_what_was_compared(jobs):
    """Ctrl-C on a long check: exit 130, the table so far, and no process left behind."""
    ours, theirs = pty.openpty()
    command = ["parity", "check", "--config", "hex8:4", "--games", "5000", "--jobs", jobs]
    process = subprocess.Popen(
        [sys.executable, "-c", "from ringrift.cli.main import main; main()", *command],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
        text=True,
        start_new_session=True,
    )
    os.close(theirs)
    bar = ""
    with contextlib.suppress(OSError):  # the end of a terminal
        while "/s " not in bar.partition(" moves ")[2]:
            bar += os.read(ours, 1000).decode(errors="replace")
    assert "parity check hex8:4" in bar
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
    with contextlib.suppress(OSError):
        while read := os.read(ours, 1000):
            bar += read.decode(errors="replace")
    out, _ = process.communicate()  # ends when the last process that holds the pipe has ended
    os.close(ours)
    assert process.returncode == 130
    assert "interrupted: no difference in what was compared so far" in bar
    assert "place-1" in out
    assert "0 differences" in out
    assert " 0 moves compared" not in out
