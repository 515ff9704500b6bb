"""A stored game as lines for the terminal: who played, every move, positions, how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ringrift.data.game_files import StoredGame, moves_of, start_of, step
from ringrift.parity.trace import TraceGame
from ringrift.rules.drawing import seat_text
from ringrift.rules.kernels.constants import PASS_NAMES
from ringrift.rules.records import GameRecord, SeatAgent

if TYPE_CHECKING:
    from ringrift.rules.game import Game
    from ringrift.rules.records import Decision

_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"


def printable(text: Any, width: int = 80) -> str:
    """A text of a file, without anything that a terminal would obey."""
    safe = text if isinstance(text, str) and text.isprintable() else repr(text)
    return safe if len(safe) <= width else safe[: width - 3] + "..."


def title(game: StoredGame) -> str:
    """One line for a list of games: id, config, agents, ending, number of moves."""
    name = printable(game.id if isinstance(game, TraceGame) else game.id[:12], 40)
    moves = len(moves_of(game))
    return f"{name}  {game.config}  {_played_by(game)}, {ending(game)}, {moves} moves"


def _played_by(game: StoredGame) -> str:
    if isinstance(game, TraceGame):
        return f"trace, {printable(game.notes.get('policy', 'unknown'), 40)}"
    return " - ".join(printable(seat.kind, 30) for seat in game.seats)


def ending(game: StoredGame) -> str:
    """How the game ended, as its file says: winner, victory, ranks, turns."""
    if isinstance(game, TraceGame):
        if not game.end["over"]:
            return "not over"
        winner, victory, turns = (game.end[key] for key in ("winner", "victory", "turns"))
        ranks = game.end.get("ranks") or ()
    else:
        result = game.result
        winner, victory, turns, ranks = result.winner, result.victory, result.turns, result.ranks
    order = f", ranks {'-'.join(map(str, ranks))}" if ranks else ""
    return f"seat {winner} wins by {printable(victory, 40)}{order} after {turns} turns"


def heading(game: StoredGame, *, colour: bool) -> Iterator[str]:
    """Who played what: id, config, options, agents, seed."""
    kind = "trace" if isinstance(game, TraceGame) else "game"
    yield f"{kind} {printable(game.id)}, {game.config}"
    start = start_of(game).state_plus()
    o = start["options"]
    yield (
        f"options: pie rule {'on' if o['pie'] else 'off'}, lines from {o['line_detect']}, "
        f"{o['rings']} rings each, {o['lps_rounds']} rounds alone win"
    )
    if isinstance(game, TraceGame):
        notes = ", ".join(f"{key} {printable(value)}" for key, value in game.notes.items())
        yield f"notes: {notes}{', crafted start' if game.crafted else ''}"
        return
    for seat, agent in enumerate(game.seats, start=1):
        yield f"{seat_text(seat, colour=colour)}  {_agent(agent)}"
    yield f"seed {game.seed}{'' if game.start is None else ', from a position of its own'}"
    yield from _course(game)


def _course(game: GameRecord) -> Iterator[str]:
    """Where it began and when it was decided, if that is not as usual."""
    if game.origin is not None:
        yield f"goes on from game {game.origin.game[:12]} after {game.origin.move} moves"
    if game.drawn:
        yield f"its first {game.drawn} decisions were drawn from the policy"
    if (end := game.decided) is not None:
        rest = "searched to its end" if end.audited else "played on without search"
        move = game.decisions[end.decision].i + 1
        yield f"decided for seat {end.seat} at move {move}, {rest}"


def _agent(agent: SeatAgent) -> str:
    model = f", model {agent.model[:12]}" if agent.model else ""
    budget = f", {agent.budget} simulations" if agent.budget is not None else ""
    return f"{printable(agent.kind, 40)}{model}{budget}"


def position(game: StoredGame, move: int, *, colour: bool) -> Iterator[str]:
    """The position after so many of its moves, and the move that led to it."""
    moves = moves_of(game)
    at = start_of(game)
    for i in range(move):
        if i == move - 1:
            yield _move_line(i, at, moves[i], {}, colour=colour)
        step(at, moves[i])
    yield f"\n{at.draw(colour=colour)}"


def whole(game: StoredGame, *, every: bool, colour: bool) -> Iterator[str]:
    """Every move with turn, seat and phase, and the last position; or `every` position."""
    at = start_of(game)
    if every:
        yield f"{at.draw(colour=colour)}\n"
    yield "move  turn  seat    phase                 move"
    searched = {} if isinstance(game, TraceGame) else {d.i: d for d in game.decisions}
    for i, text in enumerate(moves_of(game)):
        yield _move_line(i, at, text, searched, colour=colour)
        step(at, text)
        if every and text not in PASS_NAMES:
            yield f"\n{at.draw(colour=colour)}\n"
    if not every:
        yield f"\n{at.draw(colour=colour)}"


def _move_line(i: int, at: Game, text: str, searched: dict[int, Decision], *, colour: bool) -> str:
    """One move, before it is made: its number, turn, seat and phase; what a search thought of it."""
    turn = at.state_plus()["turns"]
    phase = at.phase.replace("_", " ")
    seat = seat_text(at.player, colour=colour)
    shown = printable(text, 200)
    if colour and text in PASS_NAMES:
        shown = f"{_DIM}{shown}{_PLAIN}"
    note = ""
    if (decision := searched.get(i)) is not None:
        note = f"   [{decision.n} simulations, value {decision.v[at.player - 1]:.2f}]"
        note = f"{_DIM}{note}{_PLAIN}" if colour else note
    return f"{i + 1:>4}  {turn:>4}  {seat}  {phase:<20}  {shown}{note}"
