"""Reading and writing files of recorded games (docs/traces.md).

A file is gzip-compressed JSON lines: per game one header (``"t":"h"``), one line per move
(``"t":"p"``) and one end line (``"t":"e"``). Reading streams game by game. `read_trace` is strict:
every fault is a BadInput that says file, line and reason; `scan_trace` tells it and goes on.
"""

from __future__ import annotations

import gzip
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ringrift.configs import BOARD_NAMES, Config
from ringrift.errors import BadInput, nearest, shown
from ringrift.rules import canonical
from ringrift.rules.boards import board, constants
from ringrift.rules.game import GameOptions, opening
from ringrift.rules.kernels import constants as k
from ringrift.rules.lines import (
    Fault,
    Lines,
    check_keys,
    located,
    parse_object,
    typed,
    typed_list,
    version,
)

VERSION = 1

_HEADER_KEYS = ("t", "v", "id", "board", "players", "pie", "crafted", "const", "state")
_HEADER_NOTES = ("policy", "seed", "recorded")  # information only
_CONST_KEYS = (
    "lineDetect", "lineLength", "lpsRounds", "ringsPerPlayer", "size", "spaces",
    "territoryMinimum", "victoryThreshold",
)  # fmt: skip
_MOVE_KEYS = ("t", "i", "pl", "ph", "n", "mv")
_MOVE_OPTIONAL = ("legal", "lh", "st", "sh", "lps", "rej")
_END_KEYS = ("t", "id", "plies", "turns", "over", "winner", "victory")
_END_OPTIONAL = ("ranks",)


@dataclass(frozen=True, slots=True)
class TraceGame:
    """One recorded game."""

    id: str
    config: Config
    options: GameOptions
    crafted: bool  #: begins from a state that is not the opening
    state: Mapping[str, Any]  #: start state: canonical, or a state+
    moves: tuple[Mapping[str, Any], ...]  #: the move lines as they were read
    end: Mapping[str, Any]  #: the end line as it was read
    notes: Mapping[str, Any] = field(default_factory=dict)  #: policy, seed, recorded
    line: int = 1  #: number of the header's line in its file; move i is i lines further


def read_trace(path: Path) -> Iterator[TraceGame]:
    """Yield the games of a file; BadInput (file:line: reason) on the first fault."""
    for number, game in scan_trace(Lines(path)):
        if isinstance(game, Fault):
            raise located(path, number, game)
        yield game


def scan_trace(lines: Lines) -> Iterator[tuple[int, TraceGame | Fault]]:
    """Each game of a file with the number of its header's line, and each fault.

    A game with a fault is not yielded, but the rest of its lines are still read.
    """
    game: _Reading | None = None
    number = 0
    for number, line in lines:
        try:
            if isinstance(line, Fault):
                yield number, line
                if line.last:
                    return
                # It may have been any line; a header is the only one that can be seen to lack.
                game = (game or _Reading()).spoil()
                continue
            data = parse_object(line)
            kind = data.get("t")
            if kind == "h":
                if game is not None and game.header is not None:
                    yield number, Fault("a header before the end line of the last game")
                game = _Reading()  # in case the header is bad
                game = _Reading(_header(data), number)
            elif kind == "p" and game is not None:
                game.move(data)
            elif kind == "e" and game is not None:
                ended, game = game, None
                whole = ended.end(data)
                if whole is not None:
                    yield whole.line, whole
            else:
                yield number, Fault(f"unexpected kind of line {shown(kind)}{_hint(kind)}")
                game = (game or _Reading()).spoil()
        except BadInput as error:
            yield number, Fault(str(error))
            game = game.spoil() if game is not None else None
    if game is not None and game.header is not None:
        name = game.header.id
        yield number + 1, Fault(f"the file is cut short inside game {shown(name)}", last=True)
    if number == 0:
        yield 1, Fault("the file holds no game", last=True)


def _hint(kind: object) -> str:
    """What else a line may be of: the records of selfplay, which are no traces."""
    records = kind in ("shard", "game")
    return " (a file of records: ringrift data check judges those)" if records else ""


class _Reading:
    """The game that is being read; without a header only its lines are checked."""

    def __init__(self, header: TraceGame | None = None, line: int = 0) -> None:
        self.header = header
        self.line = line
        self.good = header is not None
        self.moves: list[dict[str, Any]] = []
        self.count: int | None = 0  #: moves so far, None where that is not known

    def spoil(self) -> _Reading:
        """A line of the game is bad: nothing is to be made of it."""
        self.good, self.count, self.moves = False, None, []
        return self

    def move(self, data: dict[str, Any]) -> None:
        """Take a move line; BadInput where it is none, or not the next."""
        check_keys(data, _MOVE_KEYS, "the move line", _MOVE_OPTIONAL)
        _check_move(data)
        expected = None if self.count is None else self.count + 1
        self.count = data["i"] if self.header is not None else None
        if expected is not None and data["i"] != expected:
            found, self.good, self.moves = data["i"], False, []
            raise BadInput(f"move {found}, expected {expected}")
        if self.good:
            self.moves.append(data)

    def end(self, data: dict[str, Any]) -> TraceGame | None:
        """Take the end line; the game if all its lines are good."""
        check_keys(data, _END_KEYS, "the end line", _END_OPTIONAL)
        _check_end(data)
        if self.header is None:
            return None
        if data["id"] != self.header.id:
            raise BadInput(f"end of {shown(data['id'])} in game {shown(self.header.id)}")
        if not self.good:
            return None
        if data["plies"] != len(self.moves):
            raise BadInput(f"the end line says {data['plies']} moves, found {len(self.moves)}")
        h = self.header
        return TraceGame(
            h.id,
            h.config,
            h.options,
            h.crafted,
            h.state,
            tuple(self.moves),
            data,
            h.notes,
            self.line,
        )


def _check_move(data: Mapping[str, Any]) -> None:
    for key, kind in (("i", int), ("pl", int), ("ph", str), ("n", int), ("mv", str)):
        typed(data, key, kind)
    for full, digest in (("legal", "lh"), ("st", "sh")):
        if full not in data and digest not in data:
            raise BadInput(f"the move line has neither {full!r} nor {digest!r}")
        if digest in data:
            typed(data, digest, str)
    if "st" in data:
        typed(data, "st", dict)
    for key, of in (("legal", str), ("rej", str), ("lps", int)):
        if key in data:
            typed_list(data, key, of)


def _check_end(data: Mapping[str, Any]) -> None:
    for key, kind in (("id", str), ("plies", int), ("turns", int), ("over", bool), ("winner", int)):
        typed(data, key, kind)
    if data["victory"] is not None:
        typed(data, "victory", str)
    if data.get("ranks") is not None:
        typed_list(data, "ranks", int)


def _header(data: dict[str, Any]) -> TraceGame:
    """The game of a header, yet without its moves and its end."""
    check_keys(data, _HEADER_KEYS, "the header", _HEADER_NOTES)
    version(data, VERSION, "a trace")
    name, players = data["board"], data["players"]
    if type(name) is not str or name not in BOARD_NAMES:
        raise BadInput(f"unknown board {shown(name)}: {nearest(str(name)[:60], BOARD_NAMES)}")
    if type(players) is not int or players not in (2, 3, 4):
        raise BadInput(f"'players' must be 2, 3 or 4, found {shown(players)}")
    config = Config(name, players)
    const = typed(data, "const", dict)
    check_keys(const, _CONST_KEYS, "'const'")
    for key in const:
        typed(const, key, int)
    options = GameOptions(
        pie=typed(data, "pie", bool),
        line_detect=const["lineDetect"],
        lps_rounds=const["lpsRounds"],
        rings=const["ringsPerPlayer"],
    )
    expected = const_of(config, options)
    state = typed(data, "state", dict)
    if typed(data, "crafted", bool):
        loaded = canonical.load(config, state, options)
        if canonical.is_plus(state):
            _check_options(loaded, options)
    else:
        opening(config, options)
    for key, value in expected.items():
        if const[key] != value:
            raise BadInput(f"const {key!r} is {const[key]}, expected {value}")
    return TraceGame(
        id=typed(data, "id", str),
        config=config,
        options=options,
        crafted=data["crafted"],
        state=state,
        moves=(),
        end={},
        notes={key: data[key] for key in _HEADER_NOTES if key in data},
    )


def _check_options(loaded: NDArray[np.uint16], options: GameOptions) -> None:
    """A state+ brings its own options, which must be those of the header."""
    scalars = loaded[0, k.F_SCALAR]
    for name, at in (
        ("pie", k.S_PIE),
        ("line_detect", k.S_DETECT),
        ("lps_rounds", k.S_LPS_ROUNDS),
        ("rings", k.S_RINGS),
    ):
        if int(scalars[at]) != int(getattr(options, name)):
            raise BadInput(f"state key 'options': {name} is not that of the header")


def const_of(config: Config, options: GameOptions) -> dict[str, int]:
    """Rule constants as a header states them, keys in alphabetical order."""
    limits = constants(config, options)
    b = board(config.board)
    return {
        "lineDetect": limits.detect,
        "lineLength": limits.line,
        "lpsRounds": options.lps_rounds,
        "ringsPerPlayer": limits.rings,
        "size": b.side,
        "spaces": b.n,
        "territoryMinimum": limits.territory,
        "victoryThreshold": limits.victory,
    }


def write_trace(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Write lines as a trace file, compressed if its name ends in ``.gz``; aside, then renamed.

    The same lines give the same bytes. BadInput where the folder cannot be written.
    """
    aside = path.with_name(f".tmp-{os.getpid()}-{secrets.token_hex(6)}.jsonl")
    try:
        with aside.open("xb") as raw, ExitStack() as stack:
            file: Any = raw
            if path.name.endswith(".gz"):
                file = stack.enter_context(
                    gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=raw, mtime=0)
                )
            for line in lines:
                file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
            stack.close()
            raw.flush()
            os.fsync(raw.fileno())
        aside.replace(path)
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror}") from error
    finally:
        aside.unlink(missing_ok=True)  # it is there only where the writing was broken off
