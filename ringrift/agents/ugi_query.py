"""What `query` may ask about the position."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from ringrift.agents.ugi_position import Position, from_wire, to_wire
from ringrift.errors import BadInput, nearest
from ringrift.rules.canonical import canonical_text

#: Word of a result while the game goes on.
NONE: Final = "none"


def _yes(answer: bool) -> str:
    return "true" if answer else "false"


def _result(position: Position) -> str:
    """UGI's word for the winner; with 3 and 4 seats the ranks too, seat 1 first."""
    outcome = position.game.result
    if outcome is None:
        return NONE
    word = f"p{outcome.winner}win"
    if position.settings.seats == 2:
        return word
    return f"{word} ranks {' '.join(map(str, outcome.ranks))}"


def _winner(position: Position) -> str:
    outcome = position.game.result
    return NONE if outcome is None else str(outcome.winner)


def _ranks(position: Position) -> str:
    outcome = position.game.result
    return NONE if outcome is None else " ".join(map(str, outcome.ranks))


def _victory(position: Position) -> str:
    outcome = position.game.result
    return NONE if outcome is None else outcome.victory


#: Questions without an argument, in the order of docs/engine.md.
QUESTIONS: Final[dict[str, Callable[[Position], str]]] = {
    "gameover": lambda p: _yes(p.game.result is not None),
    "result": _result,
    "winner": _winner,
    "ranks": _ranks,
    "victory": _victory,
    "seat": lambda p: str(p.game.player),
    "phase": lambda p: p.game.phase,
    "swapped": lambda p: _yes(bool(p.game.canonical()["swapped"])),
    "legalmoves": lambda p: " ".join(map(to_wire, p.game.legal())) or NONE,
    "moves": lambda p: " ".join(p.moves) or NONE,
    "state": lambda p: canonical_text(p.game.state_plus()),
}


def answer(words: Sequence[str], position: Position) -> str:
    """Answer ``query WORD…`` (without the word `response`); raises BadInput for a question that is none.

    Beside QUESTIONS: ``p1turn`` to ``p4turn``, as far as there are seats, and ``islegal MOVE``.
    """
    seats = position.settings.seats
    turns = [f"p{seat}turn" for seat in range(1, seats + 1)]
    if not words:
        raise BadInput(f"query: expected a question, {', '.join([*QUESTIONS, *turns, 'islegal'])}")
    question = words[0]
    if question == "islegal":
        if len(words) != 2:
            raise BadInput("query islegal: expected one move")
        return _yes(from_wire(words[1]) in position.game.legal())
    if len(words) > 1:
        raise BadInput(f"query {question[:40]}: expected nothing after it")
    if question in turns:
        return _yes(position.game.player == int(question[1]))
    if question == "fen":
        question = "state"
    if question not in QUESTIONS:
        known = [*QUESTIONS, *turns, "islegal"]
        if re.fullmatch(r"p[0-9]turn", question):
            raise BadInput(f"query {question}: there are {seats} seats")
        raise BadInput(f"unknown question {question[:40]!r}: {nearest(question[:40], known)}")
    return QUESTIONS[question](position)
