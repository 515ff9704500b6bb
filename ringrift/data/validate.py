"""Everything that a stored game says, held against the rules.

    file      the name is the sha256 of the bytes, where it looks like one
    line      strict JSON, version, keys, types, order of lines, counts; no game twice
    start     can be set up, and reads back as it is written
    moves     each is legal and written as the notation writes it
    decisions at moves that exist, in order, about legal actions; shares and values are proper
    end       winner, victory, ranks, turns, moves

Traces are compared as the parity gate compares them; their ranks are advisory and only counted.
A bad game is told with its line and reason, and the rest of the file is read all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ringrift.configs import Config
from ringrift.data.game_files import (
    IllegalMove,
    StoredGame,
    kind_of,
    moves_of,
    scan,
    start_of,
    step,
)
from ringrift.data.quality import decision_fault
from ringrift.errors import BadInput, shown
from ringrift.parity.gate import Difference, compare
from ringrift.parity.trace import TraceGame
from ringrift.rules.boards import tables
from ringrift.rules.canonical import is_plus
from ringrift.rules.game import Game
from ringrift.rules.kernels.apply import apply_move
from ringrift.rules.kernels.constants import ACTION_MASK
from ringrift.rules.lines import Fault, Lines
from ringrift.rules.records import Decision, GameRecord, short, verify_name

_HASHED = re.compile(r"[0-9a-f]{64}\.jsonl\.zst")


@dataclass(frozen=True, slots=True)
class Problem:
    """A bad line."""

    file: Path
    line: int  #: from 1; 0 for the file as a whole
    reason: str  #: one line for a person
    legal: tuple[str, ...] = ()  #: where a move is not legal: those that are, the nearest first

    def __str__(self) -> str:
        """File, line and reason."""
        where = f"{self.file}:{self.line}" if self.line else f"{self.file}"
        return f"{where}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Good:
    """A game without a fault."""

    line: int
    config: Config
    moves: int
    other_ranks: bool = False  #: a trace whose advisory ranks are not those of this engine


def validate(lines: Lines) -> Iterator[Good | Problem]:
    """Check every game of a file; BadInput where it cannot be read, or is no file of games."""
    path = lines.path
    kind = kind_of(path)
    if (fault := name_fault(path)) is not None:
        yield fault
    seen: dict[str, int] = {}
    number, found = 0, False
    for number, game in scan(lines, kind):
        found = True
        if isinstance(game, Fault):
            yield Problem(path, number, game.reason)
        elif game.id in seen:
            yield Problem(path, number, f"game {shown(game.id)} stands in line {seen[game.id]} too")
        else:
            seen[game.id] = number
            yield check_game(path, number, game)
    if not found:
        yield Problem(path, number + 1, "the file holds no game")


def name_fault(path: Path) -> Problem | None:
    """What is wrong with the bytes of a file that is named by their sha256."""
    if _HASHED.fullmatch(path.name):
        try:
            verify_name(path)
        except BadInput as error:
            return Problem(path, 0, str(error).removeprefix(f"{path}: "))
    return None


def check_game(path: Path, number: int, game: StoredGame) -> Good | Problem:
    """Check one game of a file that begins in line `number`."""
    if isinstance(game, TraceGame):
        difference, other_ranks = compare(str(path), game)
        if difference is not None:
            return _difference(path, game, difference)
        return Good(number, game.config, len(game.moves), other_ranks)
    try:
        check_record(game)
    except IllegalMove as error:
        return Problem(path, number, str(error), tuple(error.legal))
    except BadInput as error:
        return Problem(path, number, str(error))
    return Good(number, game.config, len(game.moves))


class _IllegalRecord(IllegalMove):
    """An illegal move of a record, with its number."""

    def __init__(self, number: int, error: IllegalMove) -> None:
        BadInput.__init__(self, f"move {number}: {error}")
        self.legal = error.legal


def check_record(record: GameRecord) -> None:
    """Replay a record and check all that it says; BadInput without file and line.

    IllegalMove, with the alternatives, where that is the reason.
    """
    game = _start(record)
    decisions: dict[int, list[Decision]] = {}
    last = 0
    for decision in record.decisions:
        if decision.i < last:
            raise BadInput(f"the decision for move {decision.i + 1} follows that for {last + 1}")
        last = decision.i
        decisions.setdefault(last, []).append(decision)
    unsearched = {d.i for d in record.decisions[record.stopped :]}
    for i, text in enumerate(record.moves):
        if game.result is not None:
            raise BadInput(f"move {i + 1}: {shown(text)} after the end of the game")
        searched = decisions.get(i)
        before = game.copy() if searched else game
        try:
            code = step(game, text)
        except IllegalMove as error:
            raise _IllegalRecord(i + 1, error) from None
        if searched:
            _check_decisions(searched, before, code, least=0 if i in unsearched else 1)
    _check_end(record, game)


def _start(record: GameRecord) -> Game:
    start = record.start
    if start is not None and not is_plus(start):
        raise BadInput("'start' is a bare canonical state, expected a state+")
    try:
        game = start_of(record)
    except BadInput as error:
        raise BadInput(
            f"'start': {error}" if start is not None else f"'options': {error}"
        ) from None
    found = game.state_plus()
    for key in found if start is not None else ("options",):
        said = dict(record.options) if start is None else start[key]
        if said != found[key]:
            raise BadInput(f"{key!r} is {shown(said)}, expected {shown(found[key])}")
    return game


def _check_decisions(searched: list[Decision], game: Game, code: int, least: int) -> None:
    """One decision for a move; or two for a recovery slide, whose stack is chosen after it.

    least: simulations of each at least.
    """
    if len(searched) > 1 + (code > ACTION_MASK):
        raise BadInput(f"{len(searched)} decisions for move {searched[0].i + 1}")
    for decision in searched:
        fault = _decision(decision, game, least)
        if fault is not None:
            raise BadInput(f"the decision for move {decision.i + 1}: {fault}")
        apply_move(game.states, 0, tables(game.config.board), code & ACTION_MASK)


def _decision(decision: Decision, game: Game, least: int) -> str | None:
    fault = decision_fault(decision, game.board.num_actions(game.config.players))
    if fault is not None:
        return fault
    if not decision.full and decision.a:
        return "a fast search has a policy target"
    if decision.n < least or (decision.full and decision.n < 1):
        return f"{decision.n} simulations"
    if any(short(x) != x for x in (*decision.p, *decision.v)):
        return "a number has more than six significant digits"
    legal = set((game.legal_codes() & ACTION_MASK).tolist())
    foreign = set(decision.a) - legal
    if foreign:
        return f"action {min(foreign)} is not legal there"
    return "the move was forced" if len(legal) == 1 else None


def _check_end(record: GameRecord, game: Game) -> None:
    found, said = game.result, record.result
    if found is None:
        raise BadInput(f"the game is not over after its {len(record.moves)} moves")
    for name in ("winner", "victory", "ranks", "turns", "plies"):
        if getattr(said, name) != getattr(found, name):
            here = getattr(found, name)
            raise BadInput(f"{name} is {shown(getattr(said, name))}, the replay gives {here}")


def _difference(path: Path, trace: TraceGame, found: Difference) -> Problem:
    """A difference of the gate as the problem of a line: move i stands i lines after the header."""
    reason = f"move {found.move}: {_cut(found.subject)}" if found.move else _cut(found.subject)
    line = trace.line + found.move
    legal: tuple[str, ...] = ()
    if found.subject == NOT_LEGAL:
        game = start_of(trace)
        try:
            for text in moves_of(trace):
                step(game, text)
        except IllegalMove as error:
            legal, reason = tuple(error.legal), f"move {found.move}: {error}"
    else:
        if found.expected or found.found:
            reason += f": recorded {_cut(found.expected)}, the replay gives {_cut(found.found)}"
        for name, moves in (("missing", found.missing), ("too much", found.excess)):
            if moves:
                more = f" and {len(moves) - 3} more" if len(moves) > 3 else ""
                reason += f"; {name}: {', '.join(map(_cut, moves[:3]))}{more}"
    return Problem(path, line, reason, legal)


#: What the gate says of a move that it cannot play.
NOT_LEGAL = "the move played is not legal here"


def _cut(text: str) -> str:
    line = " ".join(text.split())
    line = line if line.isprintable() else repr(line)
    return line if len(line) <= 100 else line[:97] + "..."
