"""Selfplay with all slots filled: evaluations that entered a tree, beside the network alone.

Each window measures, one after the other, so that what disturbs the machine disturbs all of it:

1. the network alone, on full batches that are already planes: with the width of the pool, and with a reference width;
2. selfplay, its time divided among search, features, network and the reading of its answer; the rest is Python;
3. which of its leaves are positions that the window had before (not timed): a transposition, or the opening of another
   game. They enter their trees, and a cache could have known them, so they do not count.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from benchmarks.selfplay.setup import Setup
from ringrift.nets.evaluator import NetworkEvaluator
from ringrift.nets.evaluators import make_evaluator
from ringrift.rules.kernels.state import hash_state
from ringrift.search.kernels import lockstep
from ringrift.selfplay.kernels import games as kernels
from ringrift.selfplay.lanes import Lanes
from ringrift.selfplay.pool import SelfplayPool

#: Width of the reference batch.
REFERENCE = 256

#: More games than any measurement ends.
SEEDS = np.arange(1_000_000, dtype=np.uint64)

#: Batches that a pool plays before it is measured: its games are then at different searches.
WARM_UP = 200

clock = time.perf_counter


@dataclass(slots=True)
class Shares:
    """Seconds by part of the program."""

    seconds: dict[str, float] = field(default_factory=dict)

    def timed(self, part: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, its time counted."""
        self.seconds.setdefault(part, 0.0)

        def run(*arguments: Any) -> Any:
            start = clock()
            found = work(*arguments)
            self.seconds[part] += clock() - start
            return found

        return run

    def reset(self) -> None:
        """Begin again."""
        for part in self.seconds:
            self.seconds[part] = 0.0


@dataclass(frozen=True, slots=True)
class Window:
    """What one window found."""

    #: Evaluations per second of the network alone, at the pool's width and at the reference width.
    network: float
    reference: float
    #: Leaves per second that entered a tree, repeated positions left out.
    entered: float
    #: Part of the leaves that were repeated.
    repeated: float
    #: Simulations and decisions per second.
    simulations: float
    decisions: float
    #: Part of the rows of the batches that carried a leaf.
    occupancy: float
    #: Part of the time by part of the program.
    shares: dict[str, float]

    @property
    def ratio(self) -> float:
        """Entered evaluations over the better of the two rates of the network alone."""
        return self.entered / max(self.network, self.reference)


def network_alone(evaluator: NetworkEvaluator, seconds: float) -> float:
    """Evaluations per second of full batches, features and reading left out."""
    evaluator.start()
    evaluator.read()
    batches, start = 0, clock()
    while clock() - start < seconds:
        for _ in range(4):
            evaluator.start()
        batches += 4
    evaluator.read()  # what is still with a device
    return batches * evaluator.batch_size / (clock() - start)


class Steady:
    """A pool that is kept full, and its windows."""

    def __init__(self, setup: Setup) -> None:
        """Make everything ready and play until the games are spread out."""
        self.setup = setup
        self._net = setup.network()
        self.pool, self.evaluators = setup.pool(self._net)
        self.shares = Shares()
        for evaluator in self.evaluators:
            self._watch(evaluator)
        self._run = self._play()
        self.batches(WARM_UP)

    @cached_property
    def reference(self) -> NetworkEvaluator:
        """The network in wide batches; made when it is wanted, since selfplay needs no memory for it."""
        return make_evaluator(self._net, self.setup.backend_of(REFERENCE))

    @property
    def pools(self) -> tuple[SelfplayPool, ...]:
        """The lanes of the pool."""
        return self.pool.pools if isinstance(self.pool, Lanes) else (self.pool,)

    def _watch(self, evaluator: Any) -> None:
        timed, readout = self.shares.timed, evaluator.readout
        readout.write = timed("features", readout.write)
        evaluator.start = timed("network", evaluator.start)
        evaluator.read = timed("reading", evaluator.read)

    def _play(self) -> Iterator[None]:
        """One item per batch, without end; counts what is finished."""
        self.finished_decisions = 0
        for found in self.pool.run(SEEDS):
            if found is None:
                yield
            else:
                self.finished_decisions += len(found.move_index)

    def batches(self, count: int) -> None:
        """Play so many batches."""
        for _ in range(count):
            next(self._run)

    @property
    def decisions(self) -> float:
        """Searches that were finished so far, and the parts that are done of those under way.

        Games that began together search in step, so whole ones alone would come in waves.
        """
        finished = self.finished_decisions
        under_way = 0.0
        for pool in self.pools:
            finished += int(pool.games.num_decisions.sum())
            under_way += float(pool.search.slots.simulations.sum()) / self.setup.simulations
        return finished + under_way

    def window(self, seconds: float) -> Window:
        """Measure once; takes about twice the seconds, and what the counting takes."""
        alone = network_alone(self.evaluators[0], seconds / 4)
        reference = network_alone(self.reference, seconds / 4)
        step, absorb = kernels.step, lockstep.absorb
        kernels.step = self.shares.timed("search", step)  # type: ignore[assignment]
        lockstep.absorb = self.shares.timed("search", absorb)  # type: ignore[assignment]
        try:
            self.shares.reset()
            decisions, leaves = self.decisions, self.pool.evaluations
            batches, start = self.pool.batches, clock()
            while clock() - start < seconds:
                self.batches(1)
            took = clock() - start
            spent = dict(self.shares.seconds)
        finally:
            kernels.step, lockstep.absorb = step, absorb
        leaves, batches = self.pool.evaluations - leaves, self.pool.batches - batches
        decided = self.decisions - decisions
        repeated = self._repeated(max(20, batches // 4))
        spent["python"] = took - sum(spent.values())
        return Window(
            network=alone,
            reference=reference,
            entered=leaves * (1 - repeated) / took,
            repeated=repeated,
            simulations=decided * self.setup.simulations / took,
            decisions=decided / took,
            occupancy=leaves / (batches * self.evaluators[0].batch_size),
            shares={part: seconds / took for part, seconds in spent.items()},
        )

    def windows(self, seconds: float, count: int) -> list[Window]:
        """So many of them, after a short one that fills the caches."""
        self.window(min(seconds, 0.2))
        return [self.window(seconds) for _ in range(count)]

    def _repeated(self, batches: int) -> float:
        """Part of the leaves of the next batches whose position one of them had before."""
        seen: set[int] = set()
        leaves = 0
        for _ in range(batches):
            before = [pool.evaluations for pool in self.pools]
            self.batches(1)
            for pool, had in zip(self.pools, before, strict=True):
                for row in range(pool.evaluations - had):
                    seen.add(int(hash_state(pool.search.batch.states, row)))
                    leaves += 1
        return 1 - len(seen) / leaves


def measure(setup: Setup, seconds: float, windows: int) -> list[Window]:
    """So many windows of about so many seconds of selfplay each, in this process."""
    return Steady(setup).windows(seconds, windows)


def median(windows: list[Window], what: str) -> float:
    """Median of a field or property over windows."""
    return statistics.median(getattr(window, what) for window in windows)


def spread(windows: list[Window], what: str) -> float:
    """(largest - smallest) / median."""
    values = [getattr(window, what) for window in windows]
    return float((max(values) - min(values)) / statistics.median(values))
