"""Random numbers of one decision, from the seed of its game and its number there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def decision_seeds(base: NDArray[np.uint64], decisions: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """splitmix64 of each game's seed after so many decisions (Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        z = base + (decisions + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def uniform_numbers(seeds: NDArray[np.uint64]) -> NDArray[np.float64]:
    """A number in [0, 1) per seed, float64[n]."""
    return (seeds >> np.uint64(11)).astype(np.float64) * 2.0**-53
