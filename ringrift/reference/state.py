"""A position as the canonical state and state+ of docs/traces.md, and back."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ringrift.reference.geometry import Geometry
from ringrift.reference.limits import Limits
from ringrift.reference.position import GAME_OVER, MOVEMENT, Position, Stack, Tracker


@lru_cache(maxsize=1 << 14)
def _digits(stack: Stack) -> str:
    return "".join(map(str, stack))


def canonical(position: Position) -> dict[str, Any]:
    """The canonical state (docs/traces.md §5)."""
    if position.line_debt:
        pend = "line"
    elif position.region_debt:
        pend = "recovery" if position.recovered else "territory"
    else:
        pend = ""
    terr = dict.fromkeys(position.seats, 0)
    for owner in position.collapsed.values():
        terr[owner] += 1
    return {
        "acted": position.acted,
        "chain": position.capturing,
        "collapsed": dict(position.collapsed),
        "cur": position.player,
        "elim": list(position.eliminated.values()),
        "hand": list(position.hand.values()),
        "markers": dict(position.markers),
        "must": position.must_move,
        "pend": pend,
        "phase": position.phase,
        "recov": position.recovered,
        "stacks": {cell: _digits(stack) for cell, stack in position.stacks.items()},
        "swapped": position.swapped,
        "terr": list(terr.values()),
    }


def state_plus(position: Position) -> dict[str, Any]:
    """The canonical state with all else that decides the rest of the game (docs/traces.md §8)."""
    limits, tracker = position.limits, position.tracker
    return canonical(position) | {
        "last": position.last,
        "lps": {
            "leader": tracker.leader,
            "seen": sorted(tracker.seen),
            "real": sorted(tracker.real),
            "seat": tracker.seat,
            "count": tracker.count,
        },
        "options": {
            "pie": limits.pie,
            "line_detect": limits.detect,
            "lps_rounds": limits.lps_rounds,
            "rings": limits.rings,
        },
        "out": list(position.out.values()),
        "plies": position.plies,
        "swap_open": position.swap_open,
        "turns": position.turns,
        "victory": position.victory,
        "winner": position.winner,
    }


def load(board: Geometry, limits: Limits, state: Mapping[str, Any]) -> Position:
    """The position of a valid canonical state or state+ (docs/traces.md §5, §8).

    `limits` say which game it is. A bare canonical state begins its first turn, with an empty
    tracker and no right to swap.
    """
    seats = range(1, limits.players + 1)
    position = Position(
        geometry=board,
        limits=limits,
        stacks={cell: tuple(map(int, rings)) for cell, rings in state["stacks"].items()},
        markers=dict(state["markers"]),
        collapsed=dict(state["collapsed"]),
        hand=dict(zip(seats, state["hand"], strict=True)),
        eliminated=dict(zip(seats, state["elim"], strict=True)),
        phase=state["phase"],
        player=state["cur"],
        must_move=state["must"] if state["phase"] == MOVEMENT else None,
        capturing=state["chain"],
        line_debt=state["pend"] == "line",
        region_debt=state["pend"] in ("territory", "recovery"),
        acted=state["acted"],
        recovered=state["recov"],
        swapped=state["swapped"],
        out=dict.fromkeys(seats, 0),
    )
    if "lps" in state:
        _load_plus(position, state)
    return position


def _load_plus(position: Position, state: Mapping[str, Any]) -> None:
    lps = state["lps"]
    position.tracker = Tracker(
        lps["leader"],
        frozenset(lps["seen"]),
        frozenset(lps["real"]),
        lps["seat"],
        lps["count"],
    )
    position.swap_open = state["swap_open"]
    position.turns = state["turns"]
    position.plies = state["plies"]
    position.last = state["last"]
    position.out = dict(zip(position.seats, state["out"], strict=True))
    if position.phase == GAME_OVER:
        position.winner = state["winner"]
        position.victory = state["victory"]
