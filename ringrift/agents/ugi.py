"""The line protocol: the Universal Game Interface, one line in and its answer lines out (docs/engine.md).

    >>> engine = Ugi(Settings(agent="random"))
    >>> engine.handle("query seat")
    ['response 1']
    >>> engine.handle("position startpos moves PL:0,0,0:9")
    ["error position: move 1: 'PL:0,0,0:9' is no move: 1 to 3 rings are placed, not 9"]

`go` only begins to think: while `thinking` is true the caller calls `think` for one slice after the other, and
`handle` for each line that has arrived meanwhile. Nothing here reads, writes or waits.
"""

from __future__ import annotations

import re
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from ringrift import __version__
from ringrift.agents.clock import Clock, Limits
from ringrift.agents.spec import WITH_MODEL, AgentSpec
from ringrift.agents.thinking import (
    Thinker,
    best_move,
    make_thinker,
    variation,
    whole_move,
)
from ringrift.agents.thought import Info, Thought, Waiting
from ringrift.agents.ugi_go import read_limits
from ringrift.agents.ugi_options import Settings, option_lines, set_option
from ringrift.agents.ugi_position import Position, read_position, to_wire
from ringrift.agents.ugi_query import answer
from ringrift.configs import Config
from ringrift.errors import BadInput, nearest

#: Finds a model by name for a config: its sha256 and file.
ModelFinder = Callable[[Config, str], tuple[str, Path]]

#: Commands that a running search refuses.
NEED_IDLE: Final = ("setoption", "uginewgame", "position", "go")

#: An error line is no longer than this.
MOST_ERROR: Final = 1000


def file_of(_config: Config, name: str) -> tuple[str, Path]:
    """Find a model that is named by its file."""
    from ringrift.nets.checkpoint import file_sha256  # loads torch

    path = Path(name).expanduser()
    return file_sha256(path), path


class Ugi:
    """One engine: its options, its position, and perhaps a search that runs."""

    def __init__(
        self,
        settings: Settings | None = None,
        find_model: ModelFinder = file_of,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin at the start of a game; ``now`` is the clock that `go` looks at."""
        self.settings = settings or Settings()
        self.position = Position.at_start(self.settings)
        #: True after `quit`.
        self.over = False
        #: True while a search only waits for `stop`.
        self.waiting = False
        self._find_model = find_model
        self._now = now
        self._thinker: Thinker | None = None
        self._thought: Thought | None = None
        self._clock = Clock(Limits(), now)
        self._commands: dict[str, Callable[[str], list[str]]] = {
            "ugi": self._ugi,
            "isready": self._isready,
            "setoption": self._setoption,
            "uginewgame": self._uginewgame,
            "position": self._position,
            "go": self._go,
            "stop": self._stop,
            "query": self._query,
            "quit": self._quit,
        }

    @property
    def thinking(self) -> bool:
        """Whether a search runs."""
        return self._thought is not None

    @property
    def endless(self) -> bool:
        """Whether the search that runs has no end of its own."""
        return self.thinking and self._clock.limits.infinite

    def handle(self, line: str) -> list[str]:
        """Answer one line; bad input is answered by a line that begins with `error`, and changes nothing."""
        word, _, rest = line.strip().partition(" ")
        if not word:
            return []
        try:
            return self._command(word)(rest)
        except BadInput as error:
            return [error_line(error)]
        except Exception as error:  # noqa: BLE001 - a defect of ours must not end somebody's game
            return [self._defect(error)]

    def _command(self, word: str) -> Callable[[str], list[str]]:
        """The method of a command; raises BadInput where there is none, or none while a search runs."""
        command = self._commands.get(word)
        if command is None:
            raise BadInput(f"unknown command {word[:40]!r}: {nearest(word[:40], self._commands)}")
        if self.thinking and word in NEED_IDLE:
            raise BadInput(f"{word}: a search is running, expected stop before it")
        return command

    def think(self) -> list[str]:
        """Think for one slice; answers `info` lines and at the end `bestmove`."""
        thought = self._thought
        if thought is None:
            return []
        try:
            step = next(thought)
        except StopIteration as end:
            self._forget_thought()
            return [f"bestmove {to_wire(self.position.game.text(int(end.value)))}"]
        except BadInput as error:
            self._forget_thought()
            return [error_line(error)]
        except Exception as error:  # noqa: BLE001 - as in `handle`
            self._forget_thought()
            return [self._defect(error)]
        self.waiting = isinstance(step, Waiting)
        return [self._info(step)] if isinstance(step, Info) else []

    # -- commands --------------------------------------------------------------------------

    def _ugi(self, _rest: str) -> list[str]:
        return [
            f"id name RingRift {__version__}",
            "id author RingRift",
            *option_lines(self.settings),
            "ugiok",
        ]

    def _isready(self, _rest: str) -> list[str]:
        if self.thinking:
            return ["readyok"]
        try:
            self._ready()
        except BadInput as error:
            return [error_line(error), "readyok"]
        return ["readyok"]

    def _setoption(self, rest: str) -> list[str]:
        found = re.fullmatch(r"\s*name\s+(\S+)(?:\s+value(?:\s+(.*?))?)?\s*", rest, re.DOTALL)
        if found is None:
            raise BadInput("setoption: expected name OPTION value VALUE")
        settings = set_option(self.settings, found[1], found[2] or "")
        if settings == self.settings:
            return []
        game = (settings.config, settings.rules, settings.play_forced)
        if game != (self.settings.config, self.settings.rules, self.settings.play_forced):
            self.position = Position.at_start(settings)
        self.settings = settings
        self._thinker = None
        return []

    def _uginewgame(self, _rest: str) -> list[str]:
        self.position = Position.at_start(self.settings)
        return []

    def _position(self, rest: str) -> list[str]:
        try:
            self.position = read_position(self.settings, self.position, rest)
        except BadInput as error:
            text = str(error)
            raise BadInput(text if text.startswith("position") else f"position: {text}") from error
        forced = self.position.forced
        return ["info forced " + " ".join(forced)] if forced else []

    def _go(self, rest: str) -> list[str]:
        game = self.position.game
        if game.result is not None:
            raise BadInput("go: the game is over")
        limits = read_limits(rest.split(), self.settings.seats, game.player)
        thinker = self._ready()
        self._clock = Clock(limits, self._now)
        self._thought = best_move(thinker, game, self._clock)
        return []

    def _stop(self, _rest: str) -> list[str]:
        self._clock.stopped = True
        lines = []
        while self.thinking:
            lines += self.think()
        return lines

    def _query(self, rest: str) -> list[str]:
        return ["response " + answer(rest.split(), self.position)]

    def _quit(self, _rest: str) -> list[str]:
        lines = self._stop("")
        self.over = True
        return lines

    # -- helpers ---------------------------------------------------------------------------

    def _forget_thought(self) -> None:
        self._thought = None
        self.waiting = False

    def _ready(self) -> Thinker:
        """The thinker of the options, made and tried out when it is first needed."""
        if self._thinker is None:
            settings = self.settings
            config, kind = settings.config, settings.agent
            sha256, path = None, None
            if kind in WITH_MODEL:
                if not settings.model:
                    raise BadInput(f"agent {kind} needs a model: setoption name model value FILE")
                sha256, path = self._find_model(config, settings.model)
            thinker = make_thinker(
                AgentSpec(kind, sha256, **settings.budgets),
                config,
                path,
                settings.simulations,
                settings.seed,
            )
            # Whatever has to be compiled is compiled now, and not on somebody's clock.
            game = Position.at_start(settings).game
            for step in whole_move(thinker, game, Clock(Limits(nodes=2), self._now)):
                if isinstance(step, Info):
                    variation(game, step.actions)
            self._thinker = thinker
        return self._thinker

    def _info(self, info: Info) -> str:
        milliseconds = int(self._clock.elapsed * 1000)
        parts = [
            f"info depth {info.depth} nodes {info.nodes} time {milliseconds}",
            f"nps {info.nodes * 1000 // max(milliseconds, 1)}",
        ]
        if info.value is not None:
            parts.append("value " + " ".join(f"{chance:.4f}" for chance in info.value))
        line = variation(self.position.game, info.actions)
        return " ".join([*parts, "pv", *map(to_wire, line)])

    def _defect(self, error: Exception) -> str:
        """A line about a defect of ours; where it is stands on stderr."""
        at = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{at.name}, line {at.lineno} of {Path(at.filename).name}"
        print(f"ringrift engine: {type(error).__name__}: {error} (in {where})", file=sys.stderr)  # noqa: T201 - stderr is the log
        return error_line(f"internal error: {type(error).__name__}: {error}")


def error_line(error: BadInput | str) -> str:
    """The answer to bad input: one line of printable characters."""
    text = " ".join(str(error).split())
    text = "".join(ch if ch.isprintable() else ascii(ch)[1:-1] for ch in text)
    return "error " + (text if len(text) <= MOST_ERROR else text[: MOST_ERROR - 1] + "…")


def answers(engine: Ugi, lines: Sequence[str]) -> list[str]:
    """All that an engine says to some lines, thinking to the end after each: for scripts that need no clock."""
    said: list[str] = []
    for line in lines:
        said += engine.handle(line)
        while engine.thinking and not engine.waiting:
            said += engine.think()
    return said
