"""Two processes on two cores beside one: how much of the second core is selfplay's."""

from __future__ import annotations

import multiprocessing
import os
import time
from multiprocessing.synchronize import Barrier as BarrierType
from typing import Any

from benchmarks.selfplay.memory import resident
from benchmarks.selfplay.setup import Setup
from benchmarks.selfplay.steady import Steady


def _work(setup: Setup, core: int | None, seconds: float, ready: BarrierType, out: Any) -> None:
    """Play for so long on one core, and send leaves per second and the process's memory in MiB."""
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    steady = Steady(setup)
    for _ in range(2):  # alone and together are measured by processes of one age
        ready.wait()
        leaves, start = steady.pool.evaluations, time.perf_counter()
        while time.perf_counter() - start < seconds:
            steady.batches(1)
        rate = (steady.pool.evaluations - leaves) / (time.perf_counter() - start)
        out.put((rate, resident()))


def scaling(setup: Setup, seconds: float, count: int = 2) -> tuple[float, float, float]:
    """Leaves per second of one process alone and of `count` at once, each with a core of its own; MiB of one."""
    cores: list[int | None] = [None] * count
    if hasattr(os, "sched_getaffinity"):
        cores = [*sorted(os.sched_getaffinity(0)), *cores]
    context = multiprocessing.get_context("spawn")
    rates, memory = [], 0.0
    for processes in (1, count):
        ready, out = context.Barrier(processes), context.Queue()
        workers = [
            context.Process(target=_work, args=(setup, cores[i], seconds, ready, out))
            for i in range(processes)
        ]
        for worker in workers:
            worker.start()
        found = [out.get() for _ in range(2 * processes)]
        for worker in workers:
            worker.join()
        rates.append(sum(rate for rate, _ in found) / 2)
        memory = max(memory, *(size for _, size in found))
    return rates[0], rates[1], memory
