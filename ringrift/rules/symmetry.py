"""The symmetry group of each board, as permutations of cells, directions, axes and planes (rules §20.5).

====================  =====  =========================================================================
board                 order  why
====================  =====  =========================================================================
square8, square19     8      turns and reflections of the square
hexagonal             12     turns and reflections of the hexagon
hex8                  4      only those that keep the offsets (1, 1) and (-1, -1), by which a claimed
                             region's border grows there (rules §2.4): identity, half turn, and the
                             reflections (x, y) -> (y, x) and (x, y) -> (-y, -x)
====================  =====  =========================================================================

    >>> g = group("square8")
    >>> g.names[:3]
    ('identity', 'turn 90', 'mirror (y, x)')
    >>> g.names[g.product[1, 1]], g.names[g.inverse[1]]
    ('turn 180', 'turn 270')

For every symmetry T, state s and legal move m: legal(T(s)) = T(legal(s)) and apply(T(s), T(m)) =
T(apply(s, m)). The one exception are recovery slides through whose landing cell two longest runs go: recovery
then looks at the axes in an order that no symmetry keeps, and may prefer the other run. `runs_tied` tells them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ringrift.configs import Config
from ringrift.errors import BadInput, nearest
from ringrift.rules.boards import (
    HEX_AXES,
    HEX_DIRECTIONS,
    SQUARE_AXES,
    SQUARE_DIRECTIONS,
    Board,
    board,
    tables,
)
from ringrift.rules.kernels import constants as k
from ringrift.rules.kernels.symmetry import transform_codes, transform_policy, transform_states

#: A linear map of the plane: (x, y) -> (a*x + b*y, c*x + d*y).
Matrix = tuple[int, int, int, int]

_IDENTITY: Matrix = (1, 0, 0, 1)
#: A quarter turn and a reflection make the group of the square.
_SQUARE_TURN: Matrix = (0, -1, 1, 0)
_SQUARE_MIRROR: Matrix = (0, 1, 1, 0)
#: A sixth of a turn in axial coordinates: (x, y) -> (-y, x + y); and the exchange of x and y.
_HEX_TURN: Matrix = (0, -1, 1, 1)
_HEX_MIRROR: Matrix = (0, 1, 1, 0)


class Symmetries(NamedTuple):
    """Tables of a symmetry group for the kernels; number 0 is the identity."""

    players: int
    cell: NDArray[np.int16]  # [G, N] where a cell goes
    direction: NDArray[np.int16]  # [G, D]
    axis: NDArray[np.int16]  # [G, A]
    flip: NDArray[np.int16]  # [G, A] 1: the axis points the other way afterwards


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """The symmetries of one board by number; 0 is the identity."""

    board: str
    #: Maps of (x, y) about the centre of the board.
    matrices: tuple[Matrix, ...]
    #: "identity", "turn 60" (degrees, from +x towards +y), or "mirror" with the image of (x, y).
    names: tuple[str, ...]
    product: NDArray[np.int16]  # [G, G] number of "first j, then i" at [i, j]
    inverse: NDArray[np.int16]  # [G]

    def __len__(self) -> int:
        """Order of the group."""
        return len(self.matrices)

    def number(self, name: str) -> int:
        """Number of a symmetry by name; BadInput names the nearest one."""
        if name not in self.names:
            raise BadInput(f"{self.board} has no symmetry {name!r}: {nearest(name, self.names)}")
        return self.names.index(name)


def _times(m: Matrix, v: tuple[int, int]) -> tuple[int, int]:
    return m[0] * v[0] + m[1] * v[1], m[2] * v[0] + m[3] * v[1]


def _after(m: Matrix, n: Matrix) -> Matrix:
    """First n, then m."""
    left, right = _times(m, (n[0], n[2])), _times(m, (n[1], n[3]))
    return left[0], right[0], left[1], right[1]


def _generated(turn: Matrix, mirror: Matrix) -> list[Matrix]:
    """All products of a turn and a mirror, the identity first."""
    found: list[Matrix] = [_IDENTITY]
    for m in found:
        for product in (_after(turn, m), _after(mirror, m)):
            if product not in found:
                found.append(product)  # the loop goes on over what it appends
    return found


def shape_symmetries(b: Board) -> list[Matrix]:
    """All maps that keep the shape of a board: more than its exact symmetries on hex8."""
    if b.hexa:
        return _generated(_HEX_TURN, _HEX_MIRROR)
    return _generated(_SQUARE_TURN, _SQUARE_MIRROR)


def _exact(b: Board) -> list[Matrix]:
    """The maps that keep the rules on a board."""
    group = shape_symmetries(b)
    if b.name == "hex8":
        return [m for m in group if _times(m, (1, 1)) in {(1, 1), (-1, -1)}]
    return group


def _term(x: int, y: int) -> str:
    """Text of x * "x" + y * "y" for factors -1, 0, 1."""
    signs = {1: "+", -1: "-"}
    text = "".join(signs[factor] + name for factor, name in ((x, "x"), (y, "y")) if factor)
    return text.removeprefix("+")


def _name(m: Matrix, turn: Matrix) -> str:
    if m == _IDENTITY:
        return "identity"
    turned, degrees = turn, 90 if turn == _SQUARE_TURN else 60
    step = degrees
    while turned != _IDENTITY:
        if turned == m:
            return f"turn {degrees}"
        turned, degrees = _after(turn, turned), degrees + step
    return f"mirror ({_term(m[0], m[1])}, {_term(m[2], m[3])})"


@cache
def group(board_name: str) -> Group:
    """The exact symmetry group of the board called `board_name`."""
    b = board(board_name)
    matrices = _exact(b)
    product = [[matrices.index(_after(m, n)) for n in matrices] for m in matrices]
    turn = _HEX_TURN if b.hexa else _SQUARE_TURN
    return Group(
        board=board_name,
        matrices=tuple(matrices),
        names=tuple(_name(m, turn) for m in matrices),
        product=np.array(product, np.int16),
        inverse=np.array([row.index(0) for row in product], np.int16),
    )


def tables_of(b: Board, matrices: tuple[Matrix, ...], players: int) -> Symmetries:
    """Tables of any maps that keep the shape of a board, the identity first."""
    directions = HEX_DIRECTIONS if b.hexa else SQUARE_DIRECTIONS
    axes = HEX_AXES if b.hexa else SQUARE_AXES
    # Twice the coordinates less their mean keeps the centre of an even square on whole numbers.
    centre = 0 if b.hexa else b.side - 1
    points = [(2 * int(p[0]) - centre, 2 * int(p[1]) - centre) for p in b.coords]
    at = {point: cell for cell, point in enumerate(points)}
    flip = np.zeros((len(matrices), b.A), dtype=np.int16)
    axis = np.zeros((len(matrices), b.A), dtype=np.int16)
    for i, m in enumerate(matrices):
        for a, vector in enumerate(axes):
            x, y = _times(m, vector)
            flip[i, a] = (x, y) not in axes
            axis[i, a] = axes.index((-x, -y) if flip[i, a] else (x, y))
    return Symmetries(
        players=players,
        cell=np.array([[at[_times(m, p)] for p in points] for m in matrices], dtype=np.int16),
        direction=np.array(
            [[directions.index(_times(m, d)) for d in directions] for m in matrices], dtype=np.int16
        ),
        axis=axis,
        flip=flip,
    )


@cache
def symmetries(config: Config) -> Symmetries:
    """Tables of the symmetry group of a config's board."""
    b = board(config.board)
    return tables_of(b, group(config.board).matrices, config.players)


@cache
def plane_permutations(config: Config) -> NDArray[np.int16]:
    """Where each plane of the action space goes, int16[G, Q] (rules §20.3).

    Placements, eliminations and regions keep their plane, rays follow their direction and lines their axis.
    The free recovery slides on the ray planes are the exception: their slot 2 + o also becomes 2 + L-1-o
    where the run is turned around, which `move_codes` sees to.
    """
    b, sym = board(config.board), symmetries(config)
    planes = np.tile(np.arange(b.planes(config.players), dtype=np.int16), (len(sym.cell), 1))
    slots = np.arange(b.M)
    for d in range(b.D):
        rays = k.PLANE_RAY + d * b.M + slots
        planes[:, rays] = k.PLANE_RAY + sym.direction[:, d : d + 1] * b.M + slots
    for base in (k.PLANE_RAY + b.D * b.M, k.PLANE_RAY + b.D * b.M + b.A):
        planes[:, base : base + b.A] = base + sym.axis
    return planes


def move_states(
    config: Config, states: NDArray[np.uint16], which: int | NDArray[np.int64]
) -> NDArray[np.uint16]:
    """States uint16[B, 6, N], each under its symmetry: one number for all, or int64[B]."""
    numbers = np.broadcast_to(np.asarray(which, np.int64), len(states)).copy()
    out = np.zeros_like(states)
    t, sym = tables(config.board), symmetries(config)
    transform_states(states, len(states), t, sym, numbers, out)
    return out


def move_codes(
    config: Config, states: NDArray[np.uint16], codes: NDArray[np.int32], which: int
) -> NDArray[np.int32]:
    """Moves or actions int32[n] that are legal in state 0 of `states`, under a symmetry, in the same order."""
    out = np.zeros_like(codes)
    transform_codes(states, 0, tables(config.board), symmetries(config), which, codes, out)
    return out


def move_policy(
    config: Config, states: NDArray[np.uint16], policy: NDArray[np.float32], which: int
) -> NDArray[np.float32]:
    """A policy float32[A] over the legal actions of state 0 of `states`, under a symmetry."""
    out = np.zeros_like(policy)
    transform_policy(states, 0, tables(config.board), symmetries(config), which, policy, out)
    return out


def runs_tied(config: Config, state: NDArray[np.uint16], code: int) -> bool:
    """Whether a legal move is a recovery slide through whose landing cell two longest runs go (rules §11.2).

    state: uint16[6, N]. Only slides that make a line count: runs shorter than L are not looked at.
    """
    t = tables(config.board)
    words, scalars = state[k.F_CELL].astype(int), state[k.F_SCALAR]
    action = int(code) & k.ACTION_MASK
    source, ray = action % t.n, action // t.n - k.PLANE_RAY
    marker = int(scalars[k.S_PLAYER]) | (k.MARKER << k.KIND_SHIFT)
    if not 0 <= ray < t.D * t.max_ray or words[source] != marker:
        return False
    target = int(t.ray[source, ray // t.max_ray, 0])
    if words[target] != k.EMPTY:
        return False
    lengths = []
    for axis in range(t.A):
        length = 1
        for step in (t.axis_next, t.axis_prev):
            x = step[target, axis]
            while x >= 0 and x != source and words[x] == marker:
                length, x = length + 1, step[x, axis]
        lengths.append(length)
    return max(lengths) >= scalars[k.S_LINE] and lengths.count(max(lengths)) > 1
