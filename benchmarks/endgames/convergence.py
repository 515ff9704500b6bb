"""How near searches of growing size come to the truth of the kept endgames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.endgames.kept import Endgame
from ringrift.search.evaluator import UniformEvaluator
from ringrift.search.gumbel import SearchPool

#: Endgames searched side by side; a tree of 4,096 simulations takes about 20 MB.
SLOTS = 4


@dataclass(frozen=True, slots=True)
class Found:
    """What searches of one size found in a set of endgames, all of them won for the seat to decide."""

    simulations: int
    #: Per endgame whether the chosen action wins.
    right: tuple[bool, ...]
    #: Per endgame what the search's policy is worth to the seat that decides; the truth is 1.
    values: tuple[float, ...]

    @property
    def share_right(self) -> float:
        """Part of the endgames in which the choice wins."""
        return sum(self.right) / len(self.right)

    @property
    def error(self) -> float:
        """Mean distance of the value from the truth."""
        return sum(1 - v for v in self.values) / len(self.values)


def search(endgames: list[Endgame], simulations: int, rule: str = "gumbel") -> Found:
    """Search endgames of one configuration without a network: equal priors, equal chances until the end."""
    pool = SearchPool(
        UniformEvaluator(endgames[0].config, SLOTS), [simulations], 16, 50.0, 1.0, rule=rule
    )
    right, values = [], []
    for first in range(0, len(endgames), SLOTS):
        part = endgames[first : first + SLOTS]
        states = np.concatenate([e.game.states for e in part])
        chosen, _ = pool.search(states, np.zeros(len(part), np.uint64))
        right += [int(a) in e.winning for a, e in zip(chosen, part, strict=True)]
        values += [pool.policy_value(slot) for slot in range(len(part))]
    return Found(simulations, tuple(right), tuple(values))
