"""Neighbours, rays and lines of a board, with cells named by their position texts.

What policies, set-up positions and the table of occurrences know of a board; it decides no rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from ringrift.rules.boards import board, tables


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """One board in position texts."""

    cells: tuple[str, ...]  #: in position order
    order: dict[str, int]  #: position -> its place in that order
    rays: dict[str, tuple[tuple[str, ...], ...]]  #: per direction, nearest cell first (rules §2.2)
    near: dict[str, tuple[str, ...]]  #: movement neighbours
    side: dict[str, tuple[str, ...]]  #: territory neighbours (rules §2.4)
    grow: dict[str, tuple[str, ...]]  #: neighbours over which a border grows (rules §2.4)
    axes: dict[str, tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]]
    #: per axis in the order of recovery (rules §2.3): cells behind and cells ahead, nearest first

    def join(self, cells: set[str] | list[str] | tuple[str, ...]) -> str:
        """Positions in position order, as moves write them."""
        return ";".join(sorted(cells, key=self.order.__getitem__))

    def direction(self, source: str, target: str) -> int:
        """Direction of the ray from `source` on which `target` lies; -1 for none."""
        for number, ray in enumerate(self.rays[source]):
            if target in ray:
                return number
        return -1

    def run(self, markers: dict[str, int], seat: int, cell: str, without: str = "") -> list[int]:
        """Lengths of the seat's runs through `cell`, itself counted, per axis in recovery order.

        `without` counts as empty.
        """
        lengths = []
        for back, ahead in self.axes[cell]:
            length = 1
            for side in (back, ahead):
                for other in side:
                    if other == without or markers.get(other) != seat:
                        break
                    length += 1
            lengths.append(length)
        return lengths


@cache
def geometry(name: str) -> Geometry:
    """The board called `name`."""
    b, t = board(name), tables(name)
    texts = b.texts

    def named(cells: list[int]) -> tuple[str, ...]:
        return tuple(texts[cell] for cell in cells if cell >= 0)

    rays = {texts[c]: tuple(named(t.ray[c, d].tolist()) for d in range(t.D)) for c in range(t.n)}
    opposite = t.D // 2
    directions = [int(t.axis_dir[a]) for a in t.recovery_axes]
    return Geometry(
        cells=texts,
        order={text: number for number, text in enumerate(texts)},
        rays=rays,
        near={cell: tuple(ray[0] for ray in found if ray) for cell, found in rays.items()},
        side={texts[c]: named(t.terr_nbr[c].tolist()) for c in range(t.n)},
        grow={texts[c]: named(t.grow_nbr[c].tolist()) for c in range(t.n)},
        axes={
            cell: tuple((found[(d + opposite) % t.D], found[d]) for d in directions)
            for cell, found in rays.items()
        },
    )
