"""The symmetry group of each board, as permutations of cells, directions and axes (rules §20.5).

====================  =====  =========================================================================
board                 group  why
====================  =====  =========================================================================
square8, square19     8      turns and reflections of the square
hexagonal             12     turns and reflections of the hexagon
hex8                  4      only those that keep the offsets (1, 1) and (-1, -1), by which a claimed
                             region's border grows there (rules §2.4): identity, half turn, and the
                             reflections (x, y) -> (y, x) and (x, y) -> (-y, -x)
====================  =====  =========================================================================

The one thing that none of them keeps is the order in which recovery looks at axes: where two runs through
a landing cell are equally long, a symmetry may prefer the other one.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ringrift.configs import Config
from ringrift.rules.boards import (
    HEX_AXES,
    HEX_DIRECTIONS,
    SQUARE_AXES,
    SQUARE_DIRECTIONS,
    Board,
    board,
)

#: A linear map of the plane: (x, y) -> (a*x + b*y, c*x + d*y).
Matrix = tuple[int, int, int, int]

#: A quarter turn and a reflection make the group of the square.
_SQUARE_TURN: Matrix = (0, -1, 1, 0)
_SQUARE_MIRROR: Matrix = (0, 1, 1, 0)
#: A sixth of a turn in axial coordinates: (x, y) -> (-y, x + y); and the exchange of x and y.
_HEX_TURN: Matrix = (0, -1, 1, 1)
_HEX_MIRROR: Matrix = (0, 1, 1, 0)


class Symmetries(NamedTuple):
    """Tables of a board's symmetry group for the kernels; number 0 is the identity."""

    players: int
    cell: NDArray[np.int16]  # [G, N] where a cell goes
    direction: NDArray[np.int16]  # [G, D]
    axis: NDArray[np.int16]  # [G, A]
    flip: NDArray[np.int16]  # [G, A] 1: the axis points the other way afterwards


def _times(m: Matrix, v: tuple[int, int]) -> tuple[int, int]:
    return m[0] * v[0] + m[1] * v[1], m[2] * v[0] + m[3] * v[1]


def _after(m: Matrix, n: Matrix) -> Matrix:
    """First n, then m."""
    left, right = _times(m, (n[0], n[2])), _times(m, (n[1], n[3]))
    return left[0], right[0], left[1], right[1]


def _group(turn: Matrix, mirror: Matrix) -> list[Matrix]:
    """All products of a turn and a mirror, the identity first."""
    found: list[Matrix] = [(1, 0, 0, 1)]
    for m in found:
        for product in (_after(turn, m), _after(mirror, m)):
            if product not in found:
                found.append(product)  # the loop goes on over what it appends
    return found


def matrices(b: Board) -> list[Matrix]:
    """The group of a board as maps of (x, y) about its centre."""
    if not b.hexa:
        return _group(_SQUARE_TURN, _SQUARE_MIRROR)
    group = _group(_HEX_TURN, _HEX_MIRROR)
    if b.name == "hex8":
        return [m for m in group if _times(m, (1, 1)) in {(1, 1), (-1, -1)}]
    return group


@cache
def symmetries(config: Config) -> Symmetries:
    """The symmetry group of a config's board."""
    b = board(config.board)
    group = matrices(b)
    directions = HEX_DIRECTIONS if b.hexa else SQUARE_DIRECTIONS
    axes = HEX_AXES if b.hexa else SQUARE_AXES
    # Twice the coordinates less their mean keeps the centre of an even square on whole numbers.
    centre = 0 if b.hexa else b.side - 1
    points = [(2 * int(p[0]) - centre, 2 * int(p[1]) - centre) for p in b.coords]
    at = {point: cell for cell, point in enumerate(points)}
    flip = np.zeros((len(group), b.A), dtype=np.int16)
    axis = np.zeros((len(group), b.A), dtype=np.int16)
    for i, m in enumerate(group):
        for a, vector in enumerate(axes):
            x, y = _times(m, vector)
            flip[i, a] = (x, y) not in axes
            axis[i, a] = axes.index((-x, -y) if flip[i, a] else (x, y))
    return Symmetries(
        players=config.players,
        cell=np.array([[at[_times(m, p)] for p in points] for m in group], dtype=np.int16),
        direction=np.array(
            [[directions.index(_times(m, d)) for d in directions] for m in group], dtype=np.int16
        ),
        axis=axis,
        flip=flip,
    )
