"""The entry point: finds the command, runs it, and turns its end into an exit code.

A command lives in ``ringrift/cli/NAME.py`` (dashes become underscores), which holds
``app = typer.Typer()``, and has one line in COMMANDS. Its module is imported only when it is called,
so that ``ringrift --help`` and every light command start without torch and numba. A command's
function may return its exit code; None is 0.
"""

from __future__ import annotations

import errno
import importlib
import importlib.util
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from ringrift import __version__
from ringrift.errors import BadInput, Interrupted, RingRiftError, nearest

#: Exit code of a defect of ours, which is none of the codes of ringrift/errors.py (sysexits.h).
DEFECT: Final = 70


@dataclass(frozen=True, slots=True)
class Command:
    """One line of ``ringrift --help``."""

    #: What a person types.
    name: str
    #: One line about it.
    about: str
    #: True for a group of commands, such as ``ringrift ledger verify``.
    group: bool = False

    @property
    def module(self) -> str:
        """The module that holds its ``app``."""
        return f"ringrift.cli.{self.name.replace('-', '_')}"

    def exists(self) -> bool:
        """Return whether this installation has it."""
        return importlib.util.find_spec(self.module) is not None


#: Every command, in the order of a newcomer's way through them.
COMMANDS: Final = (
    Command("run", "play, learn and promote a first model, small (what `make run` does)"),
    Command("training-loop", "iterations of selfplay → … → promote for one config"),
    Command("continuous", "iterations of some configs in turn, while no master loop runs"),
    Command("status", "what each config has reached, and what it waits for"),
    Command("master-loop", "the master loop with its console; --watch, --status, --dry-run look"),
    Command("up", "start the whole cluster on this machine, or its workers only"),
    Command("unified-loop", "the older style of loop, by opt-in: one process, stage by stage"),
    Command("down", "stop it"),
    Command("broker", "the embedded broker: broker url, broker status", group=True),
    Command("queue", "what waits in the queues, what is wrong there: queue explain", group=True),
    Command("selfplay", "make games of any agents: selfplay run, soak, canonical", group=True),
    Command("eval", "matches between agents and ratings: eval match", group=True),
    Command("data", "recorded games and datasets: data stats, data check", group=True),
    Command("game", "play a game, draw a position: game play, game draw", group=True),
    Command("record", "show, check, convert files of games: record show", group=True),
    Command("engine", "play for other programs, by lines on stdin and stdout (UGI)"),
    Command("parity", "hold the rules against traces and the reference: parity check", group=True),
    Command("models", "networks and their files: models list, models prune", group=True),
    Command("ledger", "recompute what the ledger says: ledger verify", group=True),
    Command("events", "what happened: events list, events tail, events replay", group=True),
    Command("warmup", "compile the kernels, once per machine"),
    Command("config", "check, show, compare settings: config check, config diff", group=True),
    Command("doctor", "what this machine has and lacks"),
)


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit with its code."""
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def run(argv: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    _have_streams()
    signal.signal(signal.SIGTERM, _terminated)
    if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:  # not under nohup, which ignores it
        signal.signal(signal.SIGHUP, _terminated)  # the terminal is gone
    try:
        code = _dispatch(list(argv))
        sys.stdout.flush()
        return code
    except BaseException as error:  # noqa: BLE001 - every end becomes an exit code here
        from ringrift.settings.secrets import masked
        from ringrift.settings.switches import TRACE_DEBUG, switched_on

        if switched_on(TRACE_DEBUG):
            sys.stderr.write(masked(traceback.format_exc()))
        return _end(error)


def _have_streams() -> None:
    """Open what of stdin, stdout and stderr was closed for us: else the next files would take their numbers."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            setattr(sys, name, os.fdopen(number, mode))


def _dispatch(argv: list[str]) -> int:
    """Find the command and call it."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(overview())
        return 0
    if argv[0] == "--version":
        print(f"ringrift {__version__}")
        return 0
    known = {command.name: command for command in COMMANDS if command.exists()}
    command = known.get(argv[0])
    if command is None:
        kind = "option" if argv[0].startswith("-") else "command"
        raise BadInput(f"unknown {kind} {argv[0]!r}: {nearest(argv[0], known)}")

    import structlog
    import typer

    # The log is no part of an answer: `--json` alone is on stdout. Looked up late, so that a bar may stand below it.
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
    app = importlib.import_module(command.module).app
    runner = typer.main.get_group(app) if command.group else typer.main.get_command(app)
    program = f"ringrift {command.name}"
    try:
        result = runner.main(
            argv[1:] or ["--help"][: command.group], program, standalone_mode=False
        )
    except typer.TyperException as error:  # what was typed is wrong
        wrong = error.format_message().replace("\n", " ")
        context = getattr(error, "ctx", None)  # of the command that was meant, if that is known
        asked = program if context is None else context.command_path
        raise BadInput(f"{wrong} ({asked} --help shows the choices)") from None
    except typer.Abort:  # end of input at a question
        raise Interrupted("interrupted") from None
    except SystemExit as end:  # typer's answer to a reader of our output that has enough
        if isinstance(end.__context__, BrokenPipeError):
            raise end.__context__ from None
        raise
    if result == Interrupted.exit_code:  # typer's answer to Ctrl-C
        raise Interrupted("interrupted")
    return result if isinstance(result, int) else 0


def overview() -> str:
    """Return the text of ``ringrift --help``."""
    lines = [
        "ringrift: the board game RingRift, and a cluster that learns to play it",
        "",
        "usage: ringrift COMMAND [OPTIONS]      ringrift COMMAND --help tells more",
        "",
    ]
    lines += [f"  {c.name:<15} {c.about}" for c in COMMANDS if c.exists()]
    lines += [
        "",
        "RINGRIFT_HOME         folder of all state (default: .ringrift in the project folder)",
        "RINGRIFT_CONFIG_PATH  settings file (default: config/unified_loop.yaml, then the packaged one)",
        "RINGRIFT_TRACE_DEBUG  1 shows where an error comes from, and traces runs in logs and events",
        "docs/variables.md has all variables",
        "",
        "exit codes: 0 done, 1 negative verdict, 2 bad input, 3 not reached, 130 interrupted",
    ]
    return "\n".join(lines)


def _end(error: BaseException) -> int:
    """Say in one line why a command ended, and return its exit code."""
    match error:
        case SystemExit(code=code):
            return code if isinstance(code, int) else 0 if code is None else DEFECT
        case RingRiftError():
            _say(str(error) or type(error).__name__)
            return error.exit_code
        case KeyboardInterrupt():
            _say("interrupted")
            return Interrupted.exit_code
        case BrokenPipeError():  # the reader of our output, such as head, has enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is still buffered goes nowhere
            return 0
        case OSError(errno=errno.ENOSPC | errno.EDQUOT | errno.EROFS | errno.EACCES):
            where = f" ({error.filename})" if error.filename else ""
            _say(f"{error.strerror}{where}; RINGRIFT_HOME may name a folder with room to write to")
            return BadInput.exit_code
        case _:
            at = traceback.extract_tb(error.__traceback__)[-1]
            _say(
                f"internal error: {type(error).__name__}: {error} (in {at.name}, line {at.lineno} of "
                f"{Path(at.filename).name}; RINGRIFT_TRACE_DEBUG=1 shows the way there)"
            )
            return DEFECT


def _say(line: str) -> None:
    """Print one line on stderr, red where that is a terminal."""
    from ringrift.settings.secrets import masked

    sys.stdout.flush()
    line = masked(" ".join(line.split("\n")))
    red = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    print(f"\033[31m{line}\033[0m" if red else line, file=sys.stderr)


def _terminated(_signum: int, _frame: FrameType | None) -> NoReturn:
    """End as Ctrl-C does, so that everything is put away."""
    raise Interrupted("terminated")
