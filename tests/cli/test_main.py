"""Every command ends with a code that means something and, when it fails, one clear line."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import structlog
import typer

from ringrift import errors
from ringrift.cli import main
from ringrift.nets.backend import KINDS
from ringrift.nets.choice import default_backend, dtype_of
from ringrift.nets.presence import lacking


def ringrift(*arguments, **environ):
    """Run the command line as a person does."""
    return subprocess.run(
        [sys.executable, "-m", "ringrift", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environ},
        check=False,
    )


@pytest.fixture
def command(monkeypatch):
    """Return a way to run a command of our own making in this process, for its exit code."""
    handler = signal.getsignal(signal.SIGTERM)

    def run(function):
        app = typer.Typer()
        app.command()(function)
        module = type(sys)("ringrift.cli.sample")
        module.app = app
        module.__spec__ = type(sys.__spec__)(module.__name__, None)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setattr(main, "COMMANDS", (main.Command("sample", "made for a test"),))
        return main.run(["sample"])

    yield run
    signal.signal(signal.SIGTERM, handler)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.NegativeVerdict("a difference"), 1),
        (errors.BadInput("a wrong file"), 2),
        (errors.NotReached("no time left"), 3),
        (errors.Interrupted("stopped"), 130),
        (KeyboardInterrupt(), 130),
        (OSError(errno.ENOSPC, "No space left on device"), 2),
        (ZeroDivisionError("a defect"), main.DEFECT),
        (typer.Exit(3), 3),
    ],
)
def test_each_error_has_its_exit_code_and_one_line(command, capsys, error, code):
    """An error ends a command with its exit code and at most one line, never a traceback."""

    def fail():
        raise error

    assert command(fail) == code
    said = capsys.readouterr().err
    assert said.count("\n") == (0 if isinstance(error, typer.Exit) else 1)
    assert "Traceback" not in said


def test_what_a_command_returns_is_its_exit_code(command):
    """An int is the exit code; None is 0."""
    assert command(lambda: 3) == 3
    assert command(lambda: None) == 0


def test_the_way_to_an_error_is_shown_on_demand(command, capsys, monkeypatch):
    """RINGRIFT_TRACE_DEBUG adds the traceback."""
    monkeypatch.setenv("RINGRIFT_TRACE_DEBUG", "1")

    def fail():
        raise errors.BadInput("a wrong file")

    assert command(fail) == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["confg"], "unknown command 'confg': did you mean 'config'?"),
        (["--nonsense"], "unknown option '--nonsense'"),
        (["config", "chek"], "Did you mean 'check'?"),
        (["config", "check", "--fast"], "No such option: --fast"),
        (["config", "check", "nowhere.yaml"], "nowhere.yaml: no such file"),
    ],
)
def test_what_is_typed_wrongly_is_answered_with_the_nearest(arguments, said):
    """A wrong command, option or argument exits 2 with one line on stderr and nothing on stdout."""
    result = ringrift(*arguments)
    assert result.returncode == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert not result.stdout


def test_help_names_every_command_that_exists():
    """``ringrift --help`` lists what this installation has, and needs nothing heavy for it."""
    result = ringrift("--help")
    assert result.returncode == 0
    for command in main.COMMANDS:
        assert (f"\n  {command.name} " in result.stdout) == command.exists()


def test_a_command_that_is_not_there_breaks_no_other(monkeypatch):
    """A line of the table without a module is left out of the help."""
    monkeypatch.setattr(main, "COMMANDS", (*main.COMMANDS, main.Command("no-such-thing", "?")))
    assert "no-such-thing" not in main.overview()
    assert "doctor" in main.overview()


def test_config_shows_what_is_in_force():
    """``config show`` prints defaults, file and variables together; ``check`` names the file."""
    shown = ringrift("config", "show", "quickstart", RINGRIFT__TRAINING__BATCH_SIZE="77")
    assert shown.returncode == 0
    assert "batch_size: 77" in shown.stdout
    assert (
        "quickstart.yaml: all settings are valid"
        in ringrift("config", "check", "quickstart").stdout
    )


def test_a_reader_that_has_enough_is_no_error():
    """Output into a pipe that is closed early ends the command quietly with 0."""
    pipe = "ringrift config show | head -c 1 >/dev/null; test ${PIPESTATUS[0]} = 0"
    folder = Path(sys.executable).parent
    result = subprocess.run(
        ["bash", "-c", pipe],
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"},
        capture_output=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, b"")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_whatever_asks_for_an_end_is_heard(tmp_path, number):
    """Ctrl-C, `kill` and a closed terminal end a command in order."""
    command = [sys.executable, "-m", "ringrift", "broker", "start"]
    environ = {**os.environ, "RINGRIFT_HOME": str(tmp_path)}
    before = signal.signal(
        signal.SIGHUP, signal.SIG_DFL
    )  # under nohup it is ignored, by children too
    try:
        started = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGHUP, before)
    with started:
        assert started.stdout.readline().startswith("broker at")
        started.send_signal(number)
        assert "stopped" in started.stdout.read()
    assert started.returncode == 0


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_error(closed):
    """Where nobody reads what is said, the command does its work and ends as usual; no file gets the number."""
    command = f"{sys.executable} -m ringrift config show {closed}"
    result = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
    assert (result.returncode, result.stderr) == (0, b"")


def test_doctor_looks_at_everything_and_fails_on_what_cannot_work(tmp_path):
    """A good machine passes; a bad setting is one BAD line, beside all others, and exit code 1."""
    assert ringrift("doctor", "--no-timing").returncode == 0
    bad = ringrift(
        "doctor",
        "--no-timing",
        RINGRIFT__TRAINING__BATCH_SIZE="none",
        RINGRIFT_HOME=str(tmp_path / "x"),
    )
    assert bad.returncode == 1
    assert bad.stdout.count("BAD") == 1
    assert "batch_size" in bad.stdout
    assert str(tmp_path / "x") in bad.stdout
    (tmp_path / "file").touch()
    for nowhere in ("/proc/x", str(tmp_path / "file" / "x")):
        bad = ringrift("doctor", "--no-timing", RINGRIFT_HOME=nowhere)
        assert bad.returncode == 1
        assert "BAD  state" in bad.stdout


def test_doctor_times_what_computes_the_network(tmp_path):
    """Each backend is there with its speed, number format, batches and threads, or with what it lacks."""
    said = ringrift("doctor", "--json", RINGRIFT__NETWORK__HEX8__CHANNELS="8").stdout
    found = [f["text"] for f in json.loads(said) if f["subject"] == "backend"]
    for kind in KINDS:
        [text] = [text for text in found if text.startswith(kind)]
        if lacking(kind):
            assert text == f"{kind}: {lacking(kind)}"
        else:
            for part in (dtype_of(kind), "batch 16", "batch 64", "evaluations/s with 1 thread"):
                assert part in text
    assert found[-1] == f"selfplay.backend torch: {default_backend(64)}"


def test_doctor_names_a_backend_that_is_missing():
    """A backend that the settings name and that is not there is a BAD line; one that nobody named is none."""
    code = (
        "import sys; sys.modules['openvino'] = None; from ringrift.cli.main import main; "
        "main(['doctor', '--no-timing'])"
    )
    for wish, status in (("openvino", 1), ("torch", 0)):
        found = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "RINGRIFT__SELFPLAY__BACKEND": wish},
            capture_output=True,
            text=True,
            check=False,
        )
        assert found.returncode == status
        assert "openvino: openvino not installed: pip install 'ringrift[openvino]'" in found.stdout


def test_the_log_is_no_part_of_an_answer(command, capsys):
    """What a command logs is on stderr, and what it prints alone on stdout."""

    def sample():
        structlog.get_logger("sample").info("said aside")
        print("{}")

    assert command(sample) == 0
    told = capsys.readouterr()
    assert told.out == "{}\n"
    assert "said aside" in told.err


def test_a_wrong_option_names_the_help_of_its_own_command():
    """Not that of the group, which does not know the option."""
    said = ringrift("eval", "match", "--a", "random").stderr
    assert "ringrift eval match --help" in said
