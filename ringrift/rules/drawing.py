"""A position as plain text for the terminal, with colour if wanted.

Cells::

    .        empty
    o2       marker of seat 2
    #2       collapsed, territory of seat 2
    2^5      stack that seat 2 controls, height 5, all its own rings
    2^5/3    the same with a cap of 3

Squares are drawn with x to the right and y downwards; hexagons in rows of equal y, each row half
a cell further right than the one above it, so that the six neighbours are the two beside a cell
and the four nearest in the rows above and below.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ringrift.rules.boards import Board
from ringrift.rules.kernels import constants as k

#: ANSI colours of seats 1..4: red, blue, green, yellow.
_COLOURS = ("", "31", "34", "32", "33")


def _cell_text(word: int) -> str:
    kind = word >> k.KIND_SHIFT & k.KIND_MASK
    owner = word & k.OWNER_MASK
    if kind == k.MARKER:
        return f"o{owner}"
    if kind == k.COLLAPSED:
        return f"#{owner}"
    if kind == k.STACK:
        height = word >> k.HEIGHT_SHIFT & k.HEIGHT_MASK
        cap = word >> k.CAP_SHIFT & k.CAP_MASK
        return f"{owner}^{height}" if cap == height else f"{owner}^{height}/{cap}"
    return "."


def _paint(text: str, word: int, colour: bool) -> str:
    """Colour by owner; stacks bold, collapsed cells reversed."""
    owner = word & k.OWNER_MASK
    if not colour or owner == 0 or owner >= len(_COLOURS):
        return text
    kind = word >> k.KIND_SHIFT & k.KIND_MASK
    style = {k.STACK: "1;", k.COLLAPSED: "7;"}.get(kind, "")
    return f"\x1b[{style}{_COLOURS[owner]}m{text}\x1b[0m"


def seat_text(seat: int, *, colour: bool = False) -> str:
    """``seat 2``, in that seat's colour."""
    return _paint(f"seat {seat}", seat | k.STACK << k.KIND_SHIFT, colour)


def _square(b: Board, words: list[int], texts: list[str], colour: bool) -> list[str]:
    width = max(4, max(len(text) for text in texts) + 1)
    head = "   y\\x" + "".join(f"{x:>{width}}" for x in range(b.side))
    lines = [head]
    for y in range(b.side):
        line = f"{y:>6}"
        for x in range(b.side):
            cell = x * b.side + y
            line += " " * (width - len(texts[cell])) + _paint(texts[cell], words[cell], colour)
        lines.append(line)
    return lines


def _hexagon(b: Board, words: list[int], texts: list[str], colour: bool) -> list[str]:
    radius = b.side // 2
    width = max(4, max(len(text) for text in texts) + 1)
    width += width % 2  # half a cell must be whole characters
    lines = []
    for y in range(-radius, radius + 1):
        first, last = max(-radius, -radius - y), min(radius, radius - y)
        # Column of x in row y: x + y/2 cells from the middle.
        line = f"{'y ' + str(y):>6}" + " " * ((2 * first + y + 2 * radius) * (width // 2))
        for x in range(first, last + 1):
            cell = b.cells[f"{x},{y},{-x - y}"]
            line += " " * (width - len(texts[cell])) + _paint(texts[cell], words[cell], colour)
        lines.append(line + f"   x {first}..{last}")
    return lines


def _ring_owners(state: NDArray[np.uint16], cell: int) -> list[int]:
    """Seats of the rings on a cell, bottom ring first."""
    height = int(state[k.F_CELL, cell]) >> k.HEIGHT_SHIFT & k.HEIGHT_MASK
    per = k.RINGS_PER_WORD
    return [
        (int(state[k.F_RINGS + i // per, cell]) >> 2 * (i % per) & 3) + 1 for i in range(height)
    ]


def _seats(state: NDArray[np.uint16], colour: bool) -> list[str]:
    """A table with one row per seat."""
    scalars: list[int] = state[k.F_SCALAR, : k.NUM_SCALARS].tolist()
    words: list[int] = state[k.F_CELL].tolist()
    players = scalars[k.S_PLAYERS]
    stacks, markers, tops, rings = ([0] * 5 for _ in range(4))
    for cell, word in enumerate(words):
        kind = word >> k.KIND_SHIFT & k.KIND_MASK
        if kind == k.MARKER:
            markers[word & k.OWNER_MASK] += 1
        elif kind == k.STACK:
            stacks[word & k.OWNER_MASK] += 1
            owners = _ring_owners(state, cell)
            tops[owners[-1]] += 1
            for owner in owners:
                rings[owner] += 1
    vt, tm = f"eliminated/{scalars[k.S_VT]}", f"territory/{scalars[k.S_TM]}"
    lines = [f"  seat   hand  stacks  rings  buried  markers  {vt}  {tm}"]
    for seat in range(1, players + 1):
        mover = ">" if scalars[k.S_PLAYER] == seat else " "
        name = seat_text(seat, colour=colour)
        lines.append(
            f"{mover} {name}  {scalars[k.S_HAND + seat - 1]:>4}  {stacks[seat]:>6}  "
            f"{rings[seat]:>5}  {rings[seat] - tops[seat]:>6}  {markers[seat]:>7}  "
            f"{scalars[k.S_ELIM + seat - 1]:>{len(vt)}}  {scalars[k.S_TERR + seat - 1]:>{len(tm)}}"
        )
    return lines


def _status(scalars: list[int], b: Board) -> str:
    phase = scalars[k.S_PHASE]
    if phase == k.GAME_OVER:
        return (
            f"game over after {scalars[k.S_TURNS]} turns, {scalars[k.S_PLIES]} moves: "
            f"seat {scalars[k.S_WINNER]} wins by {k.VICTORY_NAMES[scalars[k.S_VICTORY]]}"
        )
    name = k.PHASE_NAMES[phase].replace("_", " ")
    where = f"turn {scalars[k.S_TURNS]}, move {scalars[k.S_PLIES] + 1}"
    parts = [f"{where}: seat {scalars[k.S_PLAYER]} in {name}"]
    if phase == k.MOVEMENT and scalars[k.S_MUST]:
        parts.append(f"must move the stack at {b.texts[scalars[k.S_MUST] - 1]}")
    if phase in (k.CAPTURE, k.CHAIN_CAPTURE) and scalars[k.S_FROM]:
        parts.append(f"capturing from {b.texts[scalars[k.S_FROM] - 1]}")
    if scalars[k.S_DEBT]:
        parts.append("a line is to be paid for")
    if scalars[k.S_PEND]:
        parts.append("a region is to be paid for")
    if scalars[k.S_RECOVERED]:
        parts.append("after a recovery slide")
    if scalars[k.S_LPS_SEAT]:
        rounds = f"{scalars[k.S_LPS_COUNT]} of {scalars[k.S_LPS_ROUNDS]} rounds"
        parts.append(f"seat {scalars[k.S_LPS_SEAT]} alone with real actions for {rounds}")
    return ", ".join(parts)


def draw(states: NDArray[np.uint16], g: int, b: Board, *, colour: bool = False) -> str:
    """Game g of `states` uint16[G, 6, N] as lines of text without a final newline."""
    state = states[g]
    words: list[int] = state[k.F_CELL].tolist()
    texts = [_cell_text(word) for word in words]
    scalars: list[int] = state[k.F_SCALAR, : k.NUM_SCALARS].tolist()
    rows = (_hexagon if b.hexa else _square)(b, words, texts, colour)
    lines = [f"{b.name}, {_status(scalars, b)}", "", *rows, "", *_seats(state, colour)]
    return "\n".join(line.rstrip() for line in lines)
