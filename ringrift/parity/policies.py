"""How `parity check` picks moves: at random, or with a taste that leads to rare cases.

A policy sees the position as a state+ and the complete legal list, and returns one of the moves.
All chance comes from the generator it is given, so a seed decides a game. A taste is a score per
move; the best of a handful of candidates is played, and now and then any move, so that no policy
repeats itself.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ringrift.parity.geometry import Geometry
from ringrift.parity.record import pick_by_type, pick_uniform

#: Candidates that a taste scores at a node; the large boards list more than a thousand placements.
CANDIDATES: Final = 40

#: How often a taste is set aside for any move.
WHIM: Final = 0.06

#: Declining moves; `legal` holds at most one of them (rules §4.7).
DECLINES: Final = ("SP", "SC", "SR", "ST")


@dataclass(frozen=True, slots=True)
class View:
    """What a policy may look at."""

    state: Mapping[str, Any]  #: state+
    legal: Sequence[str]  #: complete and sorted
    board: Geometry
    game: int  #: number of the game, by which a policy may choose a victim or a side


Policy = Callable[[random.Random, View], str]
Taste = Callable[[View, list[str]], float]


def uniform(rng: random.Random, view: View) -> str:
    """Any legal move."""
    return pick_uniform(rng, view.legal)


def bytype(rng: random.Random, view: View) -> str:
    """A kind of move first, then one of that kind."""
    return pick_by_type(rng, view.legal)


def _tasteful(taste: Taste) -> Policy:
    """The policy that plays the best of some candidates, every kind of move among them."""

    def pick(rng: random.Random, view: View) -> str:
        legal = view.legal
        if len(legal) == 1:
            return legal[0]
        if rng.random() < WHIM:
            return pick_by_type(rng, legal)
        if len(legal) > CANDIDATES:
            first = {move[:2]: move for move in reversed(legal)}
            legal = [*first.values(), *rng.sample(list(legal), CANDIDATES)]
        return max(legal, key=lambda move: taste(view, move.split(" ")) + rng.random())

    return pick


def _stack(view: View, cell: str) -> str:
    return view.state["stacks"].get(cell, "")  # type: ignore[no-any-return]


def _distance(view: View, source: str, target: str) -> int:
    direction = view.board.direction(source, target)
    return view.board.rays[source][direction].index(target) + 1


def _chains(view: View, move: list[str]) -> float:
    """Capture whenever possible and go on: long chains (rules §7.3)."""
    match move[0]:
        case "CA" | "CC":
            return 6 - 0.3 * _distance(view, move[1], move[3]) - (move[3] in view.state["markers"])
        case "PL":
            # Thick caps between single rings: they may jump everything.
            near = sum(cell in view.state["stacks"] for cell in view.board.near[move[1]])
            return 2 + near * 0.7 + 0.6 * int(move[2])
        case "MV":
            return 1 + 0.5 * sum(cell in view.state["stacks"] for cell in view.board.near[move[2]])
        case kind:
            return -1 if kind in DECLINES else 0


def _lines(view: View, move: list[str]) -> float:
    """Leave markers in rows: exact, overlength and crossing lines (rules §8)."""
    state, seat = view.state, view.state["cur"]
    match move[0]:
        case "MV":
            runs = view.board.run(state["markers"], seat, move[1])
            crossed = view.board.rays[move[1]][view.board.direction(move[1], move[2])]
            lost = sum(
                state["markers"].get(cell) == seat for cell in crossed[: crossed.index(move[2]) + 1]
            )
            return 3 + sum(length for length in runs if length > 1) - 2 * lost
        case "PL":
            return max(view.board.run(state["markers"], seat, move[1])) - 0.8 * int(move[2])
        case "LO" | "LN" | "RL":
            return 4
        case "SP":
            return 2.5
        case kind:
            return -2 if kind in ("CA", "CC", "TO") else 0


def _regions(view: View, move: list[str]) -> float:
    """Keep markers and take every region (rules §9)."""
    state, seat = view.state, view.state["cur"]
    match move[0]:
        case "TO":
            return 6
        case "MV" | "CA" | "CC":
            ends = (move[1], move[-1])
            ray = view.board.rays[ends[0]][view.board.direction(*ends)]
            passed = [state["markers"].get(cell, 0) for cell in ray[: ray.index(ends[1])]]
            flips = sum(owner not in (0, seat) for owner in passed)
            beside = sum(cell in state["markers"] for cell in view.board.near[ends[0]])
            return 2 + flips + 0.4 * beside - 2 * passed.count(seat) - (ends[1] in state["markers"])
        case "LO":
            return 1 if move[3] == "*" else 0
        case kind:
            return -1 if kind in DECLINES else 0


def _hoard(view: View, move: list[str]) -> float:
    """Keep the hand: declined placements, and hands that count on a bare board (rules §5.4, §14)."""
    match move[0]:
        case "SP":
            return 6
        case "PL":
            return -int(move[2])
        case "MV" | "CA" | "CC":
            return 2 * (move[-1] in view.state["markers"])
        case _:
            return 0


def _victim(view: View) -> int:
    return 1 + view.game % len(view.state["hand"])  # type: ignore[no-any-return]


def _starve(view: View, move: list[str]) -> float:
    """All against one seat, which helps: seats without stacks, skipped and vanished (rules §13)."""
    state, victim = view.state, _victim(view)
    sign = str(victim)
    if state["cur"] == victim:
        match move[0]:
            case "PL":
                return 2 + int(move[2])
            case "MV" | "CA" | "CC":
                return 4 * (move[-1] in state["markers"])
            case "RF" | "RL" | "RS" | "FE":
                return 3
            case kind:
                return -2 if kind in DECLINES else 0
    match move[0]:
        case "CA" | "CC":
            return 5 if _stack(view, move[2]).endswith(sign) else 1
        case "PL":
            # On top of the victim's stacks, to bury them.
            return 4 if _stack(view, move[1]).endswith(sign) else 0
        case "TO":
            return 1 + sum(_stack(view, cell).count(sign) for cell in move[1].split(";"))
        case "RS":
            return 3 if _stack(view, move[2]).endswith(sign) else 1
        case _:
            return 0


def _recover(view: View, move: list[str]) -> float:
    """Bury one's neighbours, and recover as soon as one may, in every way (rules §11)."""
    state, seat = view.state, str(view.state["cur"])
    match move[0]:
        case "SP":
            controls = any(rings.endswith(seat) for rings in state["stacks"].values())
            return 1 if controls else 8
        case "RS":
            # A strike that bares one's own ring gives a stack back.
            return 7 + 2 * (_stack(view, move[2])[-2:-1] == seat)
        case "RF":
            return 6.8
        case "RL":
            return 7
        case "PL":
            on = _stack(view, move[1])
            return 3 if on and not on.endswith(seat) else 1
        case "CA" | "CC":
            return 2 if not _stack(view, move[2]).endswith(seat) else 0
        case "SR":
            return -1
        case _:
            return 0


def _spend(view: View, move: list[str]) -> float:
    """Eliminate rings, one's own included: quick ends, bare boards, blocked seats (rules §10, §14)."""
    state = view.state
    match move[0]:
        case "MV" | "CA" | "CC":
            low = len(_stack(view, move[1])) < 3
            return (4 + low) * (move[-1] in state["markers"]) - 0.2 * (move[0] == "MV")
        case "ER" | "FE":
            return len(_stack(view, move[-1]))
        case "PL":
            near = sum(cell in state["markers"] for cell in view.board.near[move[1]])
            return 1 + near - int(move[2])
        case "TO" | "SP":
            return 2
        case "LO":
            return 2 * (move[3] == "*")
        case _:
            return 0


def _stay(view: View, move: list[str]) -> float:
    """Move as little as possible and decline everything (rules §4.6, §9.7, §15)."""
    match move[0]:
        case "SC" | "ST" | "SR" | "SP":
            return 5
        case "MV":
            return 3 - _distance(view, move[1], move[2])
        case "PL":
            return -int(move[2])
        case _:
            return 0


POLICIES: Final[Mapping[str, Policy]] = {
    "uniform": uniform,
    "bytype": bytype,
    "chains": _tasteful(_chains),
    "lines": _tasteful(_lines),
    "regions": _tasteful(_regions),
    "hoard": _tasteful(_hoard),
    "starve": _tasteful(_starve),
    "recover": _tasteful(_recover),
    "spend": _tasteful(_spend),
    "stay": _tasteful(_stay),
}
