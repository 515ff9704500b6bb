"""Reading and writing files of recorded games (docs/traces.md).

A file is gzip-compressed JSON lines: per game one header (``"t":"h"``), one line per move
(``"t":"p"``) and one end line (``"t":"e"``). Reading streams game by game; every fault is a
BadInput that says file, line and reason.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ringrift.configs import BOARD_NAMES, Config
from ringrift.errors import BadInput, nearest
from ringrift.rules import canonical
from ringrift.rules.boards import board, constants
from ringrift.rules.game import GameOptions, opening

VERSION = 1

_HEADER_KEYS = {"t", "v", "id", "board", "players", "pie", "crafted", "const", "state"}
_HEADER_NOTES = {"policy", "seed", "recorded"}  # information only
_CONST_KEYS = {
    "lineDetect", "lineLength", "lpsRounds", "ringsPerPlayer", "size", "spaces",
    "territoryMinimum", "victoryThreshold",
}  # fmt: skip
_MOVE_KEYS = {"t", "i", "pl", "ph", "n", "mv"}
_MOVE_OPTIONAL = {"legal", "lh", "st", "sh", "lps", "rej"}
_END_KEYS = {"t", "id", "plies", "turns", "over", "winner", "victory"}
_END_OPTIONAL = {"ranks"}


@dataclass(frozen=True, slots=True)
class TraceGame:
    """One recorded game."""

    id: str
    config: Config
    options: GameOptions
    crafted: bool  #: begins from a state that is not the opening
    state: Mapping[str, Any]  #: canonical start state
    moves: tuple[Mapping[str, Any], ...]  #: the move lines as they were read
    end: Mapping[str, Any]  #: the end line as it was read


def read_trace(path: Path) -> Iterator[TraceGame]:
    """Yield the games of a file; BadInput (file:line: reason) on the first fault."""
    header: tuple[int, dict[str, Any]] | None = None
    moves: list[dict[str, Any]] = []
    number = 0
    for number, line in _lines(path):
        data = _object(path, number, line)
        kind = data.get("t")
        if kind == "h":
            if header is not None:
                raise BadInput(f"{path}:{number}: a header before the end line of the last game")
            _check(path, number, data, _HEADER_KEYS, _HEADER_NOTES, "the header")
            header, moves = (number, data), []
        elif kind == "p" and header is not None:
            _check(path, number, data, _MOVE_KEYS, _MOVE_OPTIONAL, "the move line")
            if data["i"] != len(moves) + 1:
                raise BadInput(f"{path}:{number}: move {data['i']}, expected {len(moves) + 1}")
            _check_move(path, number, data)
            moves.append(data)
        elif kind == "e" and header is not None:
            _check(path, number, data, _END_KEYS, _END_OPTIONAL, "the end line")
            if data["plies"] != len(moves):
                raise BadInput(
                    f"{path}:{number}: the end line says {data['plies']} moves, found {len(moves)}"
                )
            yield _game(path, header, moves, data, number)
            header = None
        else:
            raise BadInput(f"{path}:{number}: unexpected kind of line {kind!r}")
    if header is not None:
        raise BadInput(f"{path}:{number + 1}: the file is cut short inside game {header[1]['id']}")
    if number == 0:
        raise BadInput(f"{path}:1: the file holds no game")


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    number = 0
    try:
        with gzip.open(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                yield number, line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadInput(f"{path}:{number + 1}: damaged compression: {error}") from error
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error


def _object(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        data = json.loads(line)
    except ValueError as error:
        raise BadInput(f"{path}:{number}: not JSON: {error}") from error
    if not isinstance(data, dict):
        raise BadInput(f"{path}:{number}: expected an object")
    return data


def _check(
    path: Path,
    number: int,
    data: Mapping[str, Any],
    wanted: set[str],
    optional: set[str],
    where: str,
) -> None:
    missing = wanted - data.keys()
    if missing:
        raise BadInput(f"{path}:{number}: {where} lacks the key {min(missing)!r}")
    for key in data.keys() - wanted - optional:
        hint = nearest(key, sorted(wanted | optional))
        raise BadInput(f"{path}:{number}: {where} has an unknown key {key!r}: {hint}")


def _check_move(path: Path, number: int, data: Mapping[str, Any]) -> None:
    for key, kind in (("i", int), ("pl", int), ("ph", str), ("n", int), ("mv", str)):
        if type(data[key]) is not kind:
            raise BadInput(f"{path}:{number}: {key!r} must be a {kind.__name__}")
    for full, digest in (("legal", "lh"), ("st", "sh")):
        if full not in data and digest not in data:
            raise BadInput(f"{path}:{number}: the move line has neither {full!r} nor {digest!r}")
    if not isinstance(data.get("st", {}), dict):
        raise BadInput(f"{path}:{number}: 'st' must be an object")
    for key in ("legal", "rej"):
        moves = data.get(key, [])
        if not isinstance(moves, list) or not all(type(move) is str for move in moves):
            raise BadInput(f"{path}:{number}: {key!r} must be a list of moves")


def _game(
    path: Path,
    header: tuple[int, dict[str, Any]],
    moves: list[dict[str, Any]],
    end: dict[str, Any],
    end_number: int,
) -> TraceGame:
    number, data = header
    if data["v"] != VERSION:
        raise BadInput(f"{path}:{number}: version {data['v']!r}, this program reads {VERSION}")
    if end["id"] != data["id"]:
        raise BadInput(f"{path}:{end_number}: end of {end['id']!r} in game {data['id']!r}")
    name, players = data["board"], data["players"]
    if name not in BOARD_NAMES:
        hint = nearest(str(name), BOARD_NAMES)
        raise BadInput(f"{path}:{number}: unknown board {name!r}: {hint}")
    if players not in (2, 3, 4):
        raise BadInput(f"{path}:{number}: 'players' must be 2, 3 or 4, found {players!r}")
    config = Config(name, players)
    const = data["const"]
    if not isinstance(const, dict):
        raise BadInput(f"{path}:{number}: 'const' must be an object")
    _check(path, number, const, _CONST_KEYS, set(), "'const'")
    for key, value in const.items():
        if type(value) is not int:
            raise BadInput(f"{path}:{number}: const {key!r} must be a whole number")
    try:
        options = GameOptions(
            pie=bool(data["pie"]),
            line_detect=const["lineDetect"],
            lps_rounds=const["lpsRounds"],
            rings=const["ringsPerPlayer"],
        )
        expected = const_of(config, options)
        if data["crafted"]:
            canonical.load(config, data["state"], options)
        else:
            opening(config, options)
    except BadInput as error:
        raise BadInput(f"{path}:{number}: {error}") from error
    for key, value in expected.items():
        if const[key] != value:
            raise BadInput(f"{path}:{number}: const {key!r} is {const[key]!r}, expected {value}")
    return TraceGame(
        id=data["id"],
        config=config,
        options=options,
        crafted=bool(data["crafted"]),
        state=data["state"],
        moves=tuple(moves),
        end=end,
    )


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
    """Write lines as a trace file; the same lines give the same bytes."""
    with (
        path.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=raw, mtime=0) as packed,
        io.TextIOWrapper(packed, encoding="utf-8", newline="\n") as text,
    ):
        for line in lines:
            text.write(json.dumps(line, separators=(",", ":")) + "\n")
