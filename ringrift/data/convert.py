"""Files of game records made into traces and back (docs/records.md §5).

Both formats hold config, options, start, moves, seed and end, so a record that went through a trace
has its id again. A trace also says who sat where: its `policy`, a text where all seats played by
one, else a list with one object per seat as in a record. What searches found, where a game began
and was decided, and what a file was made from, is only in records; legal lists and states are only in
traces and are written anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ringrift.data.game_files import SUFFIXES, StoredGame, kind_of, moves_of, scan, start_of, step
from ringrift.data.validate import Problem, check_game, name_fault
from ringrift.errors import BadInput, shown
from ringrift.parity.record import follow, write_down
from ringrift.parity.trace import TraceGame, write_trace
from ringrift.rules.game import Game, GameOptions
from ringrift.rules.game_record import GameRecord, Result, SeatAgent, parse_seats
from ringrift.rules.lines import Fault, Lines
from ringrift.rules.records import RecordReader, RecordWriter


@dataclass(slots=True)
class Conversion:
    """What became of a file."""

    path: Path  #: the file that was written
    games: int = 0
    moves: int = 0
    decisions: int = 0  #: left behind: a trace has no place for them
    skipped: int = 0  #: games and lines that could not be converted


def convert(
    lines: Lines,
    target: Path,
    to: str,
    *,
    force: bool = False,
    skip: Callable[[Problem], None] | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Conversion:
    """Write the games of a file as another, of kind `to`; whole or not at all.

    A folder as `target` takes records under the name of their content. Every game is checked as
    `validate` does. BadInput naming line and game for the first that is bad or that the other
    format cannot hold; with `skip` it is told and left out. `advance` is called for every game.
    """
    kind = kind_of(lines.path)
    if kind == to == "trace":
        raise BadInput(f"{lines.path}: holds traces already")
    _check_target(target, to, force=force)
    made = Conversion(target)
    games = _good_games(lines, kind, made, skip, advance)
    if to == "trace":
        write_trace(target, (line for game in games for line in _trace_lines(game, made)))
        return made
    spec = None
    if kind == "record":
        with suppress(BadInput):  # a bad first line is told in its turn
            spec = RecordReader(lines.path, verify=False).spec
    folder, name = (target, None) if target.is_dir() else (target.parent, target.name)
    with RecordWriter(folder, spec, name) as writer:
        for game in games:
            writer.write(game if isinstance(game, GameRecord) else to_record(game))
    assert writer.path is not None
    made.path = writer.path
    return made


def _check_target(target: Path, to: str, *, force: bool) -> None:
    if target.is_dir():
        if to == "trace":
            raise BadInput(f"{target} is a folder: traces need the name of a file")
        return
    endings = [suffix for suffix, kinds in SUFFIXES.items() if to in kinds]
    ending = target.name[target.name.find(".jsonl") :]
    if ending not in endings:
        raise BadInput(f"{target}: a file of {to}s ends in {' or '.join(sorted(endings))}")
    if not target.parent.is_dir():
        raise BadInput(f"{target.parent}: no such folder")
    if target.exists() and not force:
        raise BadInput(f"{target} exists; --force overwrites it")


def _good_games(
    lines: Lines,
    kind: str,
    made: Conversion,
    skip: Callable[[Problem], None] | None,
    advance: Callable[[], None],
) -> Iterator[StoredGame]:
    """The games that can be converted, counted."""
    path = lines.path
    if (fault := name_fault(path)) is not None:
        raise BadInput(str(fault))
    for number, game in scan(lines, kind):
        advance()
        problem = (
            Problem(path, number, game.reason)
            if isinstance(game, Fault)
            else _refusal(path, number, game)
        )
        if problem is not None:
            if skip is None:
                raise BadInput(str(problem))
            skip(problem)
            made.skipped += 1
        elif not isinstance(game, Fault):
            made.games += 1
            made.moves += len(moves_of(game))
            yield game
    if not made.games:
        raise BadInput(f"{path}: no game that could be converted")


def _refusal(path: Path, number: int, game: StoredGame) -> Problem | None:
    found = check_game(path, number, game)
    if isinstance(found, Problem):
        return found
    try:
        if isinstance(game, TraceGame):
            _check_notes(game)
    except BadInput as error:
        name = game.id[:12] if isinstance(game, GameRecord) else game.id
        return Problem(path, number, f"game {shown(name)}: {error}")
    return None


#: What a crafted trace begins with that is no state+ (docs/traces.md §2).
_TURN_BEGINS = {
    "phase": "ring_placement", "acted": False, "recov": False, "pend": "", "chain": None,
    "must": None,
}  # fmt: skip

# -- record to trace -------------------------------------------------------------------------


def _trace_lines(game: StoredGame, made: Conversion) -> Iterable[dict[str, Any]]:
    assert isinstance(game, GameRecord), "traces are not made into traces"
    made.decisions += len(game.decisions)
    return to_trace(game)


def to_trace(record: GameRecord) -> Iterator[dict[str, Any]]:
    """The lines of a record's trace. A start with a history is written as a state+."""
    game = start_of(record)
    options = GameOptions(**dict(record.options))
    return write_down(
        game,
        options,
        record.id,
        policy_of(record.seats),
        record.seed,
        follow(game, record.moves),
        crafted=record.start is not None,
        note="ringrift, from a game record",
        plus=record.start is not None and not _plainly(game, options),
    )


def _plainly(game: Game, options: GameOptions) -> bool:
    """Whether a crafted start says it all: a turn begins, and nothing was before (traces.md §2)."""
    if options.pie or any(game.canonical()[key] != value for key, value in _TURN_BEGINS.items()):
        return False
    bare = Game.from_canonical(game.config, game.canonical(), options)
    return bare.state_plus() == game.state_plus()


def policy_of(seats: tuple[SeatAgent, ...]) -> Any:
    """Who sat where, for the header of a trace: one text, or an object per seat."""
    if len(set(seats)) == 1 and seats[0] == SeatAgent(seats[0].kind):
        return seats[0].kind
    return [{"kind": s.kind, "model": s.model, "budget": s.budget} for s in seats]


# -- trace to record -------------------------------------------------------------------------


def to_record(trace: TraceGame) -> GameRecord:
    """The record of a trace that the gate passes; BadInput where it is not over."""
    game = start_of(trace)
    start = game.state_plus()
    moves = tuple(moves_of(trace))
    for text in moves:
        step(game, text)
    found = game.result
    if found is None:
        raise BadInput("is not over, and a record holds only whole games")
    return GameRecord(
        config=trace.config,
        options=start["options"],
        seats=seats_of(trace),
        seed=_seed(trace),
        start=start if trace.crafted else None,
        moves=moves,
        result=Result(found.winner, found.victory, found.ranks, found.turns, found.plies),
    )


def _check_notes(trace: TraceGame) -> None:
    """BadInput where the game is good, but no record can hold it."""
    seats_of(trace)
    _seed(trace)
    if not trace.end["over"]:
        raise BadInput("is not over, and a record holds only whole games")


def seats_of(trace: TraceGame) -> tuple[SeatAgent, ...]:
    """Agents of a trace by its `policy`: one name for all, or an object per seat."""
    policy = trace.notes.get("policy", "unknown")
    if isinstance(policy, str):
        return (SeatAgent(policy),) * trace.config.players
    try:
        return parse_seats({"policy": policy}, "policy", trace.config.players)
    except BadInput as error:
        raise BadInput(f"{error}; expected a text, or one agent per seat") from None


def _seed(trace: TraceGame) -> int:
    seed = trace.notes.get("seed", 0)
    if type(seed) is not int:
        raise BadInput(f"'seed' is {shown(seed)}, and a record needs a whole number")
    return seed
