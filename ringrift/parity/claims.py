"""What a claimed region is like (rules §9): its cases for `ringrift.parity.observer`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ringrift.parity.geometry import Geometry

State = Mapping[str, Any]


def claim(board: Geometry, before: State, region: frozenset[str], after: State) -> Iterator[str]:
    """Names of the cases that the claim of a region is; positions before and after it."""
    seat, markers = before["cur"], before["markers"]
    inside = {rings[-1] for cell, rings in before["stacks"].items() if cell in region}
    if not inside:
        yield "region-empty"
    if inside - {str(seat)}:
        yield "region-others"
    if str(seat) in inside:
        yield "region-own"
    within = {markers[cell] for cell in region if cell in markers}
    if within:
        yield "region-markers"
    around = {cell for near in region for cell in board.side[near]} - region
    fence = {cell for cell in around if cell in markers}
    if fence and seat not in {markers[cell] for cell in fence}:
        yield "region-foreign"
    if not fence:
        yield "region-fenceless"
        # A component of label "none" is one of colour b too unless it holds a marker of b.
        if within and within == set(markers.values()):
            yield "region-none"
    shown = {rings[-1] for rings in before["stacks"].values()}
    if shown != set("".join(before["stacks"].values())):
        yield "region-buried"
    if 2 * len(region) > len(board.cells):
        yield "region-large"
    border = set(after["collapsed"]) - set(before["collapsed"]) - region
    if border - fence:
        yield "region-grown"
        reached, front = set(fence), list(fence)
        while front:
            for cell in board.near[front.pop()]:
                if cell in markers and cell not in region and cell not in reached:
                    reached.add(cell)
                    front.append(cell)
        # Only on hex8 do borders grow further than to movement neighbours (rules §2.4).
        if border - reached:
            yield "region-grown-far"
