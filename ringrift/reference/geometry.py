"""Boards: cells, rays, axes and neighbourhoods (rules §2).

A cell is named by its position text, ``"x,y"`` on square boards and ``"x,y,z"`` on hexagons, as the
traces write it. Everything below is worked out once per board from coordinates::

    square8                       hex8, radius 4: x + y + z = 0
    0,0 1,0 2,0 .. 7,0                 4,-4,0 .. 4,0,-4      x = 4
    0,1 1,1 2,1 .. 7,1                ...                    5 to 8 cells per row
    ...                             -4,0,4 .. -4,4,0         x = -4
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

Cell: TypeAlias = str
#: Cells in a straight line, nearest first.
Ray: TypeAlias = tuple[Cell, ...]
_Point: TypeAlias = tuple[int, ...]

#: Movement, capture and recovery directions (rules §2.2).
SQUARE_DIRECTIONS = ((1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1))
HEX_DIRECTIONS = ((1, 0, -1), (0, 1, -1), (-1, 1, 0), (-1, 0, 1), (0, -1, 1), (1, -1, 0))

#: Axes of lines, in the order in which recovery tries them (rules §2.3).
SQUARE_AXES = ((1, 0), (0, 1), (1, 1), (1, -1))
HEX_AXES = ((1, 0, -1), (1, -1, 0), (0, -1, 1))

#: Edge neighbours on square boards (rules §2.4).
ORTHOGONAL = ((1, 0), (0, 1), (-1, 0), (0, -1))


@dataclass(frozen=True, slots=True)
class Geometry:
    """One board."""

    #: Name of the board.
    name: str
    #: Cell -> its place in position order: by x, then y, then z.
    order: Mapping[Cell, int]
    #: Cell -> its ray in each movement direction; a ray may be empty (rules §2.2).
    rays: Mapping[Cell, tuple[Ray, ...]]
    #: Cell -> per axis the ray ahead and the ray behind, in recovery order (rules §2.3).
    axes: Mapping[Cell, tuple[tuple[Ray, Ray], ...]]
    #: Cell -> the cells of the same territory, if nothing stands between (rules §2.4).
    territory: Mapping[Cell, tuple[Cell, ...]]
    #: Cell -> the cells to which a collapsing border spreads (rules §2.4).
    growth: Mapping[Cell, tuple[Cell, ...]]

    def in_order(self, cells: Iterable[Cell]) -> tuple[Cell, ...]:
        """Cells in position order (rules §2.1)."""
        return tuple(sorted(cells, key=self.order.__getitem__))


def _square(n: int) -> list[_Point]:
    return [(x, y) for x in range(n) for y in range(n)]


def _hexagon(radius: int) -> list[_Point]:
    span = range(-radius, radius + 1)
    return [(x, y, -x - y) for x in span for y in span if abs(x + y) <= radius]


#: Board -> its points in position order (rules §1.1, §2.1).
_POINTS: Mapping[str, Callable[[], list[_Point]]] = {
    "square8": lambda: _square(8),
    "square19": lambda: _square(19),
    "hex8": lambda: _hexagon(4),
    "hexagonal": lambda: _hexagon(12),
}


def _plus(point: _Point, step: _Point) -> _Point:
    return tuple(a + b for a, b in zip(point, step, strict=True))


def _minus(step: _Point) -> _Point:
    return tuple(-a for a in step)


def _growth_steps(name: str) -> tuple[_Point, ...]:
    """Steps by which a border spreads: the king's, on hex8 too, none on hexagonal (rules §2.4)."""
    if name == "hexagonal":
        return ()
    if name == "hex8":
        return tuple((x, y, -x - y) for x, y in SQUARE_DIRECTIONS)
    return SQUARE_DIRECTIONS


@cache
def geometry(name: str) -> Geometry:
    """The geometry of a board (rules §2)."""
    points = _POINTS[name]()
    text = {point: ",".join(map(str, point)) for point in points}
    hexa = len(points[0]) == 3
    directions = HEX_DIRECTIONS if hexa else SQUARE_DIRECTIONS
    axes = HEX_AXES if hexa else SQUARE_AXES

    def along(point: _Point, step: _Point) -> Iterator[Cell]:
        """Cells from a point to the edge, nearest first (rules §2.2)."""
        point = _plus(point, step)
        while point in text:
            yield text[point]
            point = _plus(point, step)

    def around(steps: Iterable[_Point]) -> dict[Cell, tuple[Cell, ...]]:
        """The neighbours of every cell by some steps (rules §2.4)."""
        return {
            text[point]: tuple(text[p] for p in (_plus(point, step) for step in steps) if p in text)
            for point in points
        }

    return Geometry(
        name=name,
        order={text[point]: i for i, point in enumerate(points)},
        rays={text[p]: tuple(tuple(along(p, step)) for step in directions) for p in points},
        axes={
            text[p]: tuple((tuple(along(p, step)), tuple(along(p, _minus(step)))) for step in axes)
            for p in points
        },
        territory=around(HEX_DIRECTIONS if hexa else ORTHOGONAL),
        growth=around(_growth_steps(name)),
    )
