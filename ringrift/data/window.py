"""How much of the past to learn from: a replay window that grows more slowly than the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from ringrift.errors import BadInput

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WindowRule:
    """Window size in rows as a function of all rows made so far (Wu 2019, appendix C).

    N_window = c (1 + growth ((N_total / c)^exponent - 1) / exponent)

    ============  ======================================  =======  ========
    parameter     meaning                                 default  KataGo
    ============  ======================================  =======  ========
    rows          c: below this everything is used        50 000   250 000
    exponent      alpha: power of the growth              0.75     0.75
    growth        beta: slope of the window at N = c      0.4      0.4
    ============  ======================================  =======  ========

    The rows of the window are the newest ones.
    """

    rows: int = 50_000
    exponent: float = 0.75
    growth: float = 0.4

    def __post_init__(self) -> None:
        if self.rows < 1 or not 0 < self.exponent <= 1 or not 0 < self.growth <= 1:
            raise BadInput(
                "a window needs rows >= 1, 0 < exponent <= 1 and 0 < growth <= 1, "
                f"not {self.rows}, {self.exponent}, {self.growth}"
            )

    def size(self, total: int) -> int:
        """Rows of the window when `total` rows exist; all of them up to `rows`."""
        if total <= self.rows:
            return total
        grown = ((total / self.rows) ** self.exponent - 1.0) / self.exponent
        return min(total, round(self.rows * (1.0 + self.growth * grown)))


def newest(items: Sequence[tuple[T, int]], rule: WindowRule) -> list[T]:
    """The newest of `items` (item, rows), given oldest first, that fill the window; oldest first.

    Whole items only: the one that reaches over the edge is in.
    """
    room = rule.size(sum(rows for _, rows in items))
    chosen: list[T] = []
    for item, rows in reversed(items):
        if room <= 0:
            break
        chosen.append(item)
        room -= rows
    return chosen[::-1]
