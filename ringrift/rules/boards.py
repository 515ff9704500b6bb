"""The four boards as tables of small integers: cells, rays, axes and neighbours (rules §1, §2).

A cell is an index 0..N-1 in the scan order of rules §2.1 (x outer, y inner); kernels know no
coordinates. Everything that depends on the shape of a board is in one `Tables`, so kernels have
one code path for all boards.

Directions d of movement, capture and recovery slides (rules §2.2), drawn with x to the right and,
as everywhere in this project, y downwards::

    square   d  dx dy   d  dx dy        hex   d  dx dy dz   d  dx dy dz
             0   1  0   4  -1  0              0   1  0 -1   3  -1  0  1
     5 6 7   1   1  1   5  -1 -1      4 5     1   0  1 -1   4   0 -1  1
     4 o 0   2   0  1   6   0 -1     3 o 0    2  -1  1  0   5   1 -1  0
     3 2 1   3  -1  1   7   1 -1      2 1

Line axes a (rules §2.3) point along one direction each, `axis_dir[a]`::

    square   0: d 0 (1,0)     1: d 1 (1,1)      2: d 2 (0,1)      3: d 7 (1,-1)
    hex      0: d 0 (1,0,-1)  1: d 5 (1,-1,0)   2: d 4 (0,-1,1)

Cells, square8 and a hexagon of radius 1 (rules §2.1; the row masks hold cell (x, y) in row
x - xmin at bit y - ymin)::

    y\\x  0  1  2 ..  7         x=-1:        (-1,0,1)=0  (-1,1,0)=1
     0   0  8 16 .. 56         x= 0:  (0,-1,1)=2  (0,0,0)=3  (0,1,-1)=4
     1   1  9 17 .. 57         x= 1:  (1,-1,0)=5  (1,0,-1)=6
     ..
     7   7 15 23 .. 63

Legend of shapes: N cells, D directions, M longest ray in steps, A line axes, S board side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ringrift.errors import BadInput, nearest, shown

if TYPE_CHECKING:
    from ringrift.configs import Config

SQUARE_DIRECTIONS = ((1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1))
HEX_DIRECTIONS = ((1, 0), (0, 1), (-1, 1), (-1, 0), (0, -1), (1, -1))
SQUARE_AXES = ((1, 0), (1, 1), (0, 1), (1, -1))
HEX_AXES = ((1, 0), (1, -1), (0, -1))
#: Recovery walks the axes straight ones first on square boards (rules §2.3).
SQUARE_RECOVERY_AXES = (0, 2, 1, 3)
HEX_RECOVERY_AXES = (0, 1, 2)


class Tables(NamedTuple):
    """Geometry of one board for the kernels: the same types and dtypes on every board.

    All arrays are C-contiguous and read-only in spirit; -1 stands for "off board".
    """

    n: int  #: cells
    D: int  #: directions
    max_ray: int  #: M, steps of the longest ray
    A: int  #: line axes
    hexa: int  #: 1 on hexagons, 0 on squares
    side: int  #: S, rows of the row masks
    ray: NDArray[np.int16]  # [N, D, M] cell at distance k at index k-1
    ray_len: NDArray[np.int16]  # [N, D] steps until the board ends
    axis_next: NDArray[np.int16]  # [N, A]
    axis_prev: NDArray[np.int16]  # [N, A]
    axis_dir: NDArray[np.int16]  # [A] direction whose step is the axis vector
    recovery_axes: NDArray[np.int16]  # [A] order in which recovery walks the axes
    terr_nbr: NDArray[np.int16]  # [N, 6] territory neighbours (rules §2.4), padded
    grow_nbr: NDArray[np.int16]  # [N, 8] border-expansion neighbours (rules §2.4), padded
    row: NDArray[np.int16]  # [N] x - xmin
    bit: NDArray[np.int16]  # [N] y - ymin
    cell_at: NDArray[np.int16]  # [S, S] cell of (row, bit)
    row_mask: NDArray[np.uint64]  # [S] bits that are on the board


@dataclass(frozen=True, slots=True, eq=False)
class Board:
    """One board by name: sizes, coordinates and the texts of its cells."""

    name: str
    n: int  #: cells
    side: int  #: cells along x (hexagons: the bounding size, 2 * radius + 1)
    radius: int | None  #: hexagons only
    D: int  #: directions
    M: int  #: longest ray in steps
    A: int  #: line axes
    rings: int  #: rings per player unless an option says otherwise
    coords: NDArray[np.int16]  # [N, 2] (x, y) or [N, 3] (x, y, z)
    texts: tuple[str, ...]  #: "x,y" or "x,y,z" by cell
    cells: dict[str, int]  #: the inverse of `texts`

    @property
    def hexa(self) -> bool:
        """Whether the board is a hexagon."""
        return self.radius is not None

    def cell_of(self, text: str) -> int:
        """Cell of a position text; BadInput when it is no position of this board."""
        cell = self.cells.get(text)
        if cell is None:
            shape = "x,y,z with x+y+z=0" if self.hexa else "x,y"
            raise BadInput(
                f"{shown(text)} is no position of {self.name}: expected {shape}, "
                f"{self.texts[0]} to {self.texts[-1]}"
            )
        return cell

    def planes(self, players: int) -> int:
        """Planes of the action space (rules §20.3): 71 on square8 with two players."""
        return 3 + self.D * self.M + 2 * self.A + 1 + players + 1

    def num_actions(self, players: int) -> int:
        """Size of the action space: planes * N, then pass, then swap."""
        return self.planes(players) * self.n + 2


#: name -> (squares: side, hexagons: radius; hexagon?; rings per player). Rules §1.1.
_SHAPES: dict[str, tuple[int, bool, int]] = {
    "square8": (8, False, 18),
    "square19": (19, False, 72),
    "hex8": (4, True, 18),
    "hexagonal": (12, True, 96),
}


@cache
def board(name: str) -> Board:
    """The board called `name`; BadInput names the nearest one when there is none."""
    if name not in _SHAPES:
        raise BadInput(f"unknown board {name!r}: {nearest(name, tuple(_SHAPES))}")
    size, hexa, rings = _SHAPES[name]
    points = [
        (x, y, -x - y) if hexa else (x, y)
        for x in (range(-size, size + 1) if hexa else range(size))
        for y in (range(max(-size, -x - size), min(size, -x + size) + 1) if hexa else range(size))
    ]
    texts = tuple(",".join(str(c) for c in point) for point in points)
    return Board(
        name=name,
        n=len(points),
        side=2 * size + 1 if hexa else size,
        radius=size if hexa else None,
        D=6 if hexa else 8,
        M=2 * size if hexa else size - 1,
        A=3 if hexa else 4,
        rings=rings,
        coords=np.array(points, dtype=np.int16),
        texts=texts,
        cells={text: cell for cell, text in enumerate(texts)},
    )


@cache
def tables(name: str) -> Tables:
    """Geometry of the board called `name` for the kernels."""
    b = board(name)
    at = {(int(point[0]), int(point[1])): cell for cell, point in enumerate(b.coords)}
    axes = HEX_AXES if b.hexa else SQUARE_AXES
    # Rules §2.4: the border of a claimed region grows by king steps on squares and, as a quirk
    # of the game kept here, on the (x, y) of hex8; on the large hexagon it does not grow.
    growth = () if name == "hexagonal" else SQUARE_DIRECTIONS
    directions = HEX_DIRECTIONS if b.hexa else SQUARE_DIRECTIONS
    territory = HEX_DIRECTIONS if b.hexa else SQUARE_DIRECTIONS[::2]
    ray = _rays(b, at, directions)
    row, bit, cell_at, row_mask = _rows(b, at)
    return Tables(
        n=b.n,
        D=b.D,
        max_ray=b.M,
        A=b.A,
        hexa=int(b.hexa),
        side=b.side,
        ray=ray,
        ray_len=(ray >= 0).sum(axis=2).astype(np.int16),
        axis_next=_neighbours(at, axes, b.A),
        axis_prev=_neighbours(at, tuple((-dx, -dy) for dx, dy in axes), b.A),
        axis_dir=np.array([directions.index(axis) for axis in axes], dtype=np.int16),
        recovery_axes=np.array(
            HEX_RECOVERY_AXES if b.hexa else SQUARE_RECOVERY_AXES, dtype=np.int16
        ),
        terr_nbr=_neighbours(at, territory, 6),
        grow_nbr=_neighbours(at, growth, 8),
        row=row,
        bit=bit,
        cell_at=cell_at,
        row_mask=row_mask,
    )


#: Cells of a board by (x, y).
Places = dict[tuple[int, int], int]


def _neighbours(at: Places, steps: Sequence[tuple[int, int]], width: int) -> NDArray[np.int16]:
    """int16[N, width]: the cell one step away, -1 off the board and beyond the steps."""
    found = np.full((len(at), width), -1, dtype=np.int16)
    for (x, y), cell in at.items():
        for i, (dx, dy) in enumerate(steps):
            found[cell, i] = at.get((x + dx, y + dy), -1)
    return found


def _rays(b: Board, at: Places, directions: Sequence[tuple[int, int]]) -> NDArray[np.int16]:
    """int16[N, D, M]: the cells that follow each other in a direction, -1 where the board has ended (it is convex)."""
    found = np.full((b.n, b.D, b.M), -1, dtype=np.int16)
    for (x, y), cell in at.items():
        for d, (dx, dy) in enumerate(directions):
            for k in range(b.M):
                found[cell, d, k] = at.get((x + (k + 1) * dx, y + (k + 1) * dy), -1)
    return found


def _rows(
    b: Board, at: Places
) -> tuple[NDArray[np.int16], NDArray[np.int16], NDArray[np.int16], NDArray[np.uint64]]:
    """Row and bit of each cell, the cell of each row and bit, and the bits of each row that are on the board."""
    low = -b.radius if b.radius is not None else 0
    row = np.zeros(b.n, dtype=np.int16)
    bit = np.zeros(b.n, dtype=np.int16)
    cell_at = np.full((b.side, b.side), -1, dtype=np.int16)
    row_mask = np.zeros(b.side, dtype=np.uint64)
    for (x, y), cell in at.items():
        row[cell], bit[cell] = x - low, y - low
        cell_at[x - low, y - low] = cell
        row_mask[x - low] |= np.uint64(1 << (y - low))
    return row, bit, cell_at, row_mask


class RuleOptions(Protocol):
    """The options that change a constant; None means the default of the configuration."""

    @property
    def rings(self) -> int | None:
        """Rings per player."""

    @property
    def line_detect(self) -> int | None:
        """Shortest run that is noticed as a line."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The constants of one game (rules §1.2)."""

    rings: int  #: R, rings per player
    line: int  #: L, length at which a line is exact
    detect: int  #: Dt, shortest run that is noticed as a line
    victory: int  #: VT, eliminated rings that win
    territory: int  #: TM, collapsed cells needed for a win by territory


#: Rings per player that an option may ask for. The upper end keeps 4 * R within a uint16 many
#: times over; more rings than cells make no sense on any board.
RINGS_RANGE = (1, 999)


def constants(config: Config, options: RuleOptions | None = None) -> Thresholds:
    """Constants of a configuration, with the options' overrides (rules §1.2).

    On hex8 with 3-4 players the default detects runs of 3, as the rules say; `line_detect=4`
    reproduces the reference engine there (rules §0).
    """
    b = board(config.board)
    small = b.n < 100
    length = 3 if small and config.players > 2 else 4
    rings = b.rings
    detect = length
    if options is not None and options.rings is not None:
        rings = options.rings
        if not RINGS_RANGE[0] <= rings <= RINGS_RANGE[1]:
            raise BadInput(f"rings per player is {rings}: expected {RINGS_RANGE[0]} to 999")
    if options is not None and options.line_detect is not None:
        detect = options.line_detect
        if not length <= detect <= length + 1:
            raise BadInput(f"line_detect is {detect}: expected {length} or {length + 1}")
    # R * (2/3 + (P-1)/3) = R * (P+1) / 3, rounded; a third is never a tie.
    victory = (2 * rings * (config.players + 1) + 3) // 6
    return Thresholds(
        rings=rings,
        line=length,
        detect=detect,
        victory=victory,
        territory=b.n // config.players + 1,
    )
