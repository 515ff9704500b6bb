"""A whole shard, tail included: at its end slots stay empty and the batches grow thin."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from benchmarks.selfplay.setup import Setup


@dataclass(frozen=True, slots=True)
class Whole:
    """A shard from its first to its last game."""

    games: int
    evaluations_per_second: float
    games_per_hour: float
    #: Part of the rows of all batches that carried a leaf.
    occupancy: float


def whole_shard(setup: Setup, games: int) -> Whole:
    """Play so many games to their end."""
    pool, evaluators = setup.pool(setup.network())
    start = time.perf_counter()
    for _ in pool.run(np.arange(games, dtype=np.uint64)):
        pass
    took = time.perf_counter() - start
    rows = pool.batches * evaluators[0].batch_size
    return Whole(games, pool.evaluations / took, 3600 * games / took, pool.evaluations / rows)
