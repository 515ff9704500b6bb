"""Figures with a calibration: what one thing costs, and how many steps of a fixed loop that is.

The loop (`calibration_walk` in benchmarks/kernels.py) is timed beside every repeat. A figure in its
steps hardly depends on the machine: fewer steps, faster code.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np

from benchmarks import kernels

#: Steps of one calibration: about 10 ms.
CALIBRATION_STEPS = 2_000_000


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured thing."""

    #: "per s" (more is better) or "ns" (less is better).
    unit: str
    #: The value of each repeat, in order.
    repeats: tuple[float, ...]
    #: Median number of calibration steps that one of it takes.
    steps: float
    #: What is wanted, or None.
    bar: float | None = None
    #: The same by the plain-Python rules, each repeat; empty where it was not measured.
    oracle: tuple[float, ...] = ()

    @property
    def median(self) -> float:
        """Median of the repeats."""
        return statistics.median(self.repeats)

    @property
    def spread(self) -> float:
        """(largest - smallest) / median."""
        return (max(self.repeats) - min(self.repeats)) / self.median if self.median else 0.0

    @property
    def oracle_median(self) -> float | None:
        """Median of the plain-Python rules, or None."""
        return statistics.median(self.oracle) if self.oracle else None

    @property
    def times_oracle(self) -> float | None:
        """How many times faster than the plain-Python rules, or None."""
        oracle = self.oracle_median
        if oracle is None or not self.median:
            return None
        return self.median / oracle if self.unit == "per s" else oracle / self.median

    def beside(self, bar: float | None, oracle: tuple[float, ...]) -> Self:
        """The same figure beside what is wanted and what the oracle takes."""
        return replace(self, bar=bar, oracle=oracle)

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        names = ("median", "spread", "oracle_median", "times_oracle")
        return {name: getattr(self, name) for name in names} | asdict(self)


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure."""

    repeats: int
    #: Least seconds of one repeat of each figure.
    seconds: float
    #: The clock: wall time, or the processor time of this process.
    clock: Callable[[], float] = time.perf_counter


class Stopwatch:
    """Repeats of one piece of work, each with a calibration beside it."""

    def __init__(self, effort: Effort) -> None:
        """Compile the calibration."""
        self.effort = effort
        self._words = np.random.default_rng(0).integers(0, 1 << 16, 4096).astype(np.uint16)
        #: Seconds per calibration step of every repeat so far.
        self.steps: list[float] = []
        kernels.calibration_walk(self._words, 1, np.uint64(0))

    def time(self, work: Callable[[], object]) -> float:
        """Seconds of one call."""
        start = self.effort.clock()
        work()
        return self.effort.clock() - start

    def calibrate(self) -> float:
        """Seconds per calibration step, now."""
        seconds = self.time(
            lambda: kernels.calibration_walk(self._words, CALIBRATION_STEPS, np.uint64(1))
        )
        self.steps.append(seconds / CALIBRATION_STEPS)
        return self.steps[-1]

    def per_item(
        self, work: Callable[[], object], items: int
    ) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """(seconds per item, calibration steps per item) of each repeat."""
        once = max(self.time(work), 1e-9)  # also the warm-up
        loops = max(1, int(self.effort.seconds / once))
        seconds, steps = [], []
        for _ in range(self.effort.repeats):
            step = self.calibrate()
            start = self.effort.clock()
            for _ in range(loops):
                work()
            seconds.append((self.effort.clock() - start) / (loops * items))
            steps.append(seconds[-1] / step)
        return tuple(seconds), tuple(steps)
