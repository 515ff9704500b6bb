"""Canonical game records: one JSON object per line, zstd-compressed, named by content.

docs/records.md is the manual of the format. A file is

    {"t":"shard","v":1,"spec":{...}}       optional, what the file was made from
    {"t":"game","v":1,"id":...}            one line per game
    {"t":"end","games":n}                  so that a file cut short is noticed

and its name is ``<sha256 of its bytes>.jsonl.zst``. The same lines give the same bytes. Writing
and reading stream: neither holds more than one game.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import zstandard

from ringrift.configs import BOARD_NAMES, Config
from ringrift.errors import BadInput, nearest
from ringrift.rules.kernels.constants import VICTORY_NAMES
from ringrift.rules.lines import (
    Fault,
    Lines,
    check_keys,
    located,
    objects,
    parse_object,
    shown,
    typed,
    typed_list,
    version,
)

VERSION = 1
SUFFIX = ".jsonl.zst"
#: Measured on 100 games of hex8: level 10 is 22% smaller than 3; 15 is 7% smaller again, but takes
#: five times as long.
_LEVEL = 10
_SHA = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class SeatAgent:
    """Who sat in a seat when the game began (a swap is among the moves)."""

    kind: str  #: "random", "heuristic", "policy-only", "gumbel-mcts", ...
    model: str | None = None  #: sha256 of the weights
    budget: int | None = None  #: simulations per full search


@dataclass(frozen=True, slots=True)
class Decision:
    """What a search found at one move."""

    i: int  #: 0-based index into the moves
    a: tuple[int, ...]  #: actions with a share of the policy target
    p: tuple[float, ...]  #: their shares, sum 1
    v: tuple[float, ...]  #: root value per absolute seat
    n: int  #: simulations used
    full: bool  #: a full search: the target may be learned from


@dataclass(frozen=True, slots=True)
class Result:
    """How a game ended."""

    winner: int  #: seat
    victory: str  #: one of the endings of rules §14
    ranks: tuple[int, ...]  #: per seat, 1 is best (rules §16)
    turns: int  #: turns begun
    plies: int  #: moves, bookkeeping included


@dataclass(frozen=True, slots=True)
class GameRecord:
    """One complete game: a line of a file."""

    config: Config
    options: Mapping[str, Any]  #: pie, line_detect, lps_rounds, rings
    seats: tuple[SeatAgent, ...]
    seed: int
    moves: tuple[str, ...]  #: docs/traces.md, "Move notation"; bookkeeping included
    result: Result
    decisions: tuple[Decision, ...] = ()
    start: Mapping[str, Any] | None = None  #: state+; None for the opening position
    id: str = field(default="")  #: derived when left empty

    def __post_init__(self) -> None:
        """Derive the id: equal games have equal ids, wherever and however often recorded."""
        if not self.id:
            object.__setattr__(self, "id", self.derived_id())

    def derived_id(self) -> str:
        """sha256 (hex) of config, options, agents, seed, start and moves."""
        parts = [
            str(self.config),
            dict(self.options),
            [[seat.kind, seat.model, seat.budget] for seat in self.seats],
            self.seed,
            self.start,
            list(self.moves),
        ]
        return hashlib.sha256(_dumps(parts, sort_keys=True).encode()).hexdigest()

    def line(self) -> str:
        """The game as its line of a file, without the newline."""
        return _dumps(
            {
                "t": "game",
                "v": VERSION,
                "id": self.id,
                "board": self.config.board,
                "players": self.config.players,
                "options": dict(self.options),
                "seats": [
                    {"kind": seat.kind, "model": seat.model, "budget": seat.budget}
                    for seat in self.seats
                ],
                "seed": self.seed,
                "start": self.start,
                "moves": list(self.moves),
                "decisions": [
                    {
                        "i": d.i,
                        "a": list(d.a),
                        "p": [short(x) for x in d.p],
                        "v": [short(x) for x in d.v],
                        "n": d.n,
                        "full": d.full,
                    }
                    for d in self.decisions
                ],
                "result": {
                    "winner": self.result.winner,
                    "victory": self.result.victory,
                    "ranks": list(self.result.ranks),
                    "turns": self.result.turns,
                    "plies": self.result.plies,
                },
            }
        )

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """A record from the object of its line; BadInput names the key that is wrong."""
        check_keys(data, _GAME_KEYS, "the game")
        version(data, VERSION, "a game record")
        config = _config(data)
        players = config.players
        seats = typed_list(data, "seats", dict)
        if len(seats) != players:
            raise BadInput(f"'seats' holds {len(seats)} agents, expected {players}")
        options = _options(typed(data, "options", dict))
        start = data["start"]
        if start is not None and not isinstance(start, dict):
            raise BadInput(f"'start' must be null or a state, found {shown(start)}")
        if start is not None and start.get("options") != options:
            raise BadInput("the options in 'start' are not those of the game")
        moves = tuple(typed_list(data, "moves", str))
        record = cls(
            id=typed(data, "id", str),
            config=config,
            options=options,
            seats=tuple(_seat(item) for item in seats),
            seed=typed(data, "seed", int),
            start=start,
            moves=moves,
            decisions=tuple(
                _decision(item, players, len(moves)) for item in typed_list(data, "decisions", dict)
            ),
            result=_result(typed(data, "result", dict), players, len(moves)),
        )
        if data["id"] != record.derived_id():
            said = shown(data["id"][:12])
            raise BadInput(f"id {said}... is not that of this game's moves and agents")
        return record


_GAME_KEYS = (
    "t", "v", "id", "board", "players", "options", "seats", "seed", "start", "moves",
    "decisions", "result",
)  # fmt: skip


# -- checking what was read ------------------------------------------------------------------


def _dumps(value: Any, *, sort_keys: bool = False) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=sort_keys, allow_nan=False)


def short(x: float) -> float:
    """Six significant digits: finer than any search, and a third of the bytes."""
    return float(f"{x:.6g}")


def _floats(data: Mapping[str, Any], key: str) -> tuple[float, ...]:
    items: list[Any] = typed(data, key, list)
    for item in items:
        if type(item) is not float and type(item) is not int:
            raise BadInput(f"{key!r} must hold only numbers, found {shown(item)}")
    return tuple(float(item) for item in items)


def _config(data: Mapping[str, Any]) -> Config:
    name, players = data["board"], data["players"]
    if type(name) is not str or name not in BOARD_NAMES:
        raise BadInput(f"unknown board {shown(name)}: {nearest(str(name)[:60], BOARD_NAMES)}")
    if type(players) is not int or players not in (2, 3, 4):
        raise BadInput(f"'players' must be 2, 3 or 4, found {shown(players)}")
    return Config(name, players)


def _options(data: Mapping[str, Any]) -> Mapping[str, Any]:
    check_keys(data, ("pie", "line_detect", "lps_rounds", "rings"), "'options'")
    typed(data, "pie", bool)
    for key in ("line_detect", "lps_rounds", "rings"):
        typed(data, key, int)
    return data


def _seat(data: Mapping[str, Any]) -> SeatAgent:
    check_keys(data, ("kind", "model", "budget"), "a seat")
    model, budget = data["model"], data["budget"]
    if model is not None and (not isinstance(model, str) or not _SHA.fullmatch(model)):
        raise BadInput(f"'model' must be null or a sha256, found {shown(model)}")
    if budget is not None and type(budget) is not int:
        raise BadInput(f"'budget' must be null or a number of simulations, found {shown(budget)}")
    return SeatAgent(typed(data, "kind", str), model, budget)


def _decision(data: Mapping[str, Any], players: int, moves: int) -> Decision:
    check_keys(data, ("i", "a", "p", "v", "n", "full"), "a decision")
    decision = Decision(
        i=typed(data, "i", int),
        a=tuple(typed_list(data, "a", int)),
        p=_floats(data, "p"),
        v=_floats(data, "v"),
        n=typed(data, "n", int),
        full=typed(data, "full", bool),
    )
    if not 0 <= decision.i < moves:
        raise BadInput(f"a decision is for move {decision.i + 1} of {moves}")
    if len(decision.a) != len(decision.p):
        raise BadInput(f"decision {decision.i} has {len(decision.a)} actions, {len(decision.p)} p")
    if len(decision.v) != players:
        raise BadInput(f"decision {decision.i} has {len(decision.v)} values, expected {players}")
    return decision


def _result(data: Mapping[str, Any], players: int, moves: int) -> Result:
    check_keys(data, ("winner", "victory", "ranks", "turns", "plies"), "'result'")
    result = Result(
        winner=typed(data, "winner", int),
        victory=typed(data, "victory", str),
        ranks=tuple(typed_list(data, "ranks", int)),
        turns=typed(data, "turns", int),
        plies=typed(data, "plies", int),
    )
    if not 1 <= result.winner <= players:
        raise BadInput(f"'winner' must be a seat 1 to {players}, found {result.winner}")
    if result.victory not in VICTORY_NAMES[1:]:
        hint = nearest(result.victory[:60], VICTORY_NAMES[1:])
        raise BadInput(f"unknown ending {shown(result.victory)}: {hint}")
    if len(result.ranks) != players:
        raise BadInput(f"'ranks' holds {len(result.ranks)} numbers, expected {players}")
    if result.plies < moves:
        raise BadInput(f"'plies' is {result.plies}, but the game has {moves} moves")
    return result


# -- writing ---------------------------------------------------------------------------------


class RecordWriter:
    """Writes a file of records aside and gives it its name at the end.

    A context manager: leaving it normally finishes the file (fsync, rename), leaving it by an
    exception removes what was written. Afterwards `path`, `sha256` and `games` are set. Raises
    BadInput where the folder cannot be written.
    """

    def __init__(self, folder: Path, spec: Mapping[str, Any] | None = None) -> None:
        self.folder = folder
        self.spec = spec
        self.games = 0
        self.path: Path | None = None
        self.sha256 = ""

    def __enter__(self) -> Self:
        """Open the file aside."""
        self._aside = self.folder / f".tmp-{os.getpid()}-{secrets.token_hex(6)}{SUFFIX}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._file = _Hashed(self._aside.open("xb"))
        except OSError as error:
            raise BadInput(f"cannot write to {self.folder}: {error.strerror}") from error
        compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
        self._stream = compressor.stream_writer(self._file, closefd=False)  # type: ignore[arg-type]
        try:
            if self.spec is not None:
                self._line(_dumps({"t": "shard", "v": VERSION, "spec": dict(self.spec)}))
        except BaseException:
            self._discard()
            raise
        return self

    def _line(self, text: str) -> None:
        try:
            self._stream.write(text.encode() + b"\n")
        except OSError as error:
            raise BadInput(f"cannot write to {self.folder}: {error.strerror}") from error

    def write(self, record: GameRecord) -> None:
        """Append one game."""
        self._line(record.line())
        self.games += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish the file, or remove it after an exception."""
        if kind is not None:
            self._discard()
            return
        try:
            self._line(_dumps({"t": "end", "games": self.games}))
            self._stream.close()
            self._file.sync_and_close()
            self.sha256 = self._file.sha256
            path = self.folder / f"{self.sha256}{SUFFIX}"
            self._aside.replace(path)
            _sync_folder(self.folder)
        except OSError as failure:
            self._discard()
            raise BadInput(f"cannot write to {self.folder}: {failure.strerror}") from failure
        except BaseException:
            self._discard()
            raise
        self.path = path

    def _discard(self) -> None:
        self._file.close()
        self._aside.unlink(missing_ok=True)


class _Hashed(io.RawIOBase):
    """A file that hashes what is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._inner = file
        self._digest = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._digest.update(data)
        return self._inner.write(data)

    def sync_and_close(self) -> None:
        self._inner.flush()
        os.fsync(self._inner.fileno())
        self.close()

    def close(self) -> None:
        self._inner.close()
        super().close()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    """Make a rename in the folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_records(
    folder: Path, records: Iterable[GameRecord], spec: Mapping[str, Any] | None = None
) -> RecordWriter:
    """Write all records as one file in `folder`; the writer tells path, sha256 and games."""
    with RecordWriter(folder, spec) as writer:
        for record in records:
            writer.write(record)
    return writer


# -- reading ---------------------------------------------------------------------------------


def file_sha256(path: Path) -> str:
    """sha256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify_name(path: Path) -> str:
    """sha256 of a file whose name must be it; BadInput where it is not."""
    try:
        found = file_sha256(path)
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
    named = path.name.split(".")[0]
    if _SHA.fullmatch(named) is None:
        raise BadInput(f"{path}: a file of records is named by its sha256, this one is not")
    if named != found:
        raise BadInput(f"{path}: damaged, its content has sha256 {found[:12]}...")
    return found


class RecordReader:
    """Reads a file of records game by game: iterate over it, once or more often.

    Iterating raises BadInput with file, line and reason at the first fault; `scan` goes on after
    it. `spec` is what the first line says the file was made from, None where it has no such line;
    it is read when the reader is made. With `verify` the content must have the sha256 that is the
    file's name. Files that are not compressed can be read too.
    """

    def __init__(self, path: Path, *, verify: bool = True) -> None:
        self.path = path
        if verify:
            verify_name(path)
        self.spec: dict[str, Any] | None = None
        for number, data in objects(Lines(path)):
            if isinstance(data, Fault):
                raise located(path, number, data)
            if data.get("t") == "shard":
                try:
                    self.spec = _spec(data)
                except BadInput as error:
                    raise located(path, number, Fault(str(error))) from None
            break

    def __iter__(self) -> Iterator[GameRecord]:
        """Yield the games."""
        for number, record in scan_records(Lines(self.path)):
            if isinstance(record, Fault):
                raise located(self.path, number, record)
            yield record


def _spec(data: Mapping[str, Any]) -> dict[str, Any]:
    check_keys(data, ("t", "v", "spec"), "the header")
    version(data, VERSION, "a header")
    spec: dict[str, Any] = typed(data, "spec", dict)
    return spec


def scan_records(lines: Lines) -> Iterator[tuple[int, GameRecord | Fault]]:
    """Each game of a file with the number of its line, and each fault; goes on after a fault.

    Games are as they are written: whether their moves are legal is not asked here.
    """
    number = games = 0
    ended = told = False
    for number, line in lines:
        try:
            if isinstance(line, Fault):
                yield number, line
                if line.last:
                    return
                continue
            if not line.endswith(b"\n"):
                yield number, Fault("the file is cut short in this line", last=True)
                return
            data = parse_object(line)
            kind = data.get("t")
            if ended and not told:
                told = True
                yield number, Fault("text after the end line")
            if kind == "game":
                games += 1
                yield number, GameRecord.parse(data)
            elif kind == "end":
                ended = True
                _check_end(data, games)
            elif kind == "shard" and number == 1:
                _spec(data)
            else:
                yield number, Fault(f"unknown kind of line {shown(kind)}")
        except BadInput as error:
            yield number, Fault(str(error))
    if not ended:
        yield number + 1, Fault("the file is cut short: no end line", last=True)


def _check_end(data: Mapping[str, Any], games: int) -> None:
    check_keys(data, ("t", "games"), "the end line")
    said = typed(data, "games", int)
    if said != games:
        raise BadInput(f"the end line says {said} games, the file holds {games}")
