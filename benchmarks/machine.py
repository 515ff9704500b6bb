"""The machine under a benchmark: what it is, what else it was doing, and repeated timing.

    with Watch() as watch:
        timing = repeat(work, items=games)
    sys.exit(report("playouts", {"random playout": timing}, watch, as_json=False))

A figure taken while other programs use the processors says little, so a run with a foreign load
above FOREIGN_LIMIT is declared void and its exit code is 1.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

#: Largest share of all processors that other programs may take during a valid run.
FOREIGN_LIMIT = 0.05

#: A run shorter than this, in seconds, cannot be judged: the kernel counts in ticks of 10 ms.
SHORTEST_WATCH = 0.5


def describe() -> dict[str, Any]:
    """What a figure depends on: processor, cores this process may use, versions."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [x for x in info.read_text(encoding="utf-8").splitlines() if "model name" in x]
        model = names[0].partition(":")[2].strip() if names else model
    return {
        "cpu": model,
        "cores": usable_cores(),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "numba": version("numba"),
    }


def usable_cores() -> int:
    """Processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def busy_seconds() -> float:
    """Processor seconds of the whole machine since boot, idle and waiting for disks left out.

    Time stolen by a hypervisor counts as busy: it is foreign load all the same.
    """
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0.0) - _guest(times)


def _guest(times: Any) -> float:
    # Linux counts guest time inside user time already.
    return float(getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0))


def own_seconds() -> float:
    """Processor seconds of this process and of its children, the living ones included."""
    me = psutil.Process()
    mine = me.cpu_times()
    total = mine.user + mine.system + mine.children_user + mine.children_system
    for child in me.children(recursive=True):
        try:
            theirs = child.cpu_times()
        except psutil.NoSuchProcess:  # it ended, and is now counted as a waited-for child
            continue
        total += theirs.user + theirs.system
    return total


class Watch:
    """Foreign load between `__enter__` and `__exit__`, as a share of all processors."""

    #: Share of the machine that other programs took; set on exit.
    foreign: float = 0.0
    #: Length of the watch in seconds; set on exit.
    seconds: float = 0.0

    def __enter__(self) -> Self:
        self._start = (time.perf_counter(), busy_seconds(), own_seconds())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        start, busy, own = self._start
        self.seconds = time.perf_counter() - start
        other = (busy_seconds() - busy) - (own_seconds() - own)
        cores = psutil.cpu_count() or 1
        self.foreign = max(0.0, other / (self.seconds * cores))

    @property
    def void(self) -> bool:
        """Whether the figures of this run must not be used."""
        return self.seconds < SHORTEST_WATCH or self.foreign > FOREIGN_LIMIT


@dataclass(frozen=True, slots=True)
class Timing:
    """Repeated timings of one piece of work."""

    #: Seconds of each repeat, in order.
    seconds: tuple[float, ...]
    #: Things done per repeat (games, evaluations, ...).
    items: float

    @property
    def rates(self) -> tuple[float, ...]:
        """Items per second of each repeat."""
        return tuple(self.items / s for s in self.seconds)

    @property
    def median(self) -> float:
        """Median rate, items per second."""
        return statistics.median(self.rates)

    @property
    def spread(self) -> float:
        """(fastest - slowest) / median: 0.1 means that repeats differ by ten per cent."""
        return (max(self.rates) - min(self.rates)) / self.median

    def as_dict(self) -> dict[str, Any]:
        """Median, spread and the raw rates, for JSON."""
        return {"median": self.median, "spread": self.spread, "rates": list(self.rates)}


def repeat(
    work: Callable[[], object], *, items: float, repeats: int = 5, warmups: int = 1
) -> Timing:
    """Time `work` `repeats` times after `warmups` unrecorded ones (compilation, caches)."""
    for _ in range(warmups):
        work()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return Timing(tuple(seconds), items)


def report(name: str, timings: Mapping[str, Timing], watch: Watch, *, as_json: bool) -> int:
    """Print the figures; exit code 1 when the run is void, else 0."""
    if as_json:
        document = {
            "benchmark": name,
            "machine": describe(),
            "foreign_load": watch.foreign,
            "void": watch.void,
            "timings": {key: timing.as_dict() for key, timing in timings.items()},
        }
        sys.stdout.write(json.dumps(document) + "\n")
        return int(watch.void)
    machine = describe()
    print(f"{name} on {machine['cpu']}, {machine['cores']} cores")
    for key, timing in timings.items():
        print(f"  {key:<32} {timing.median:>14,.1f} /s   spread {timing.spread:6.1%}")
    verdict = "VOID" if watch.void else "valid"
    print(f"  foreign load {watch.foreign:.1%} (limit {FOREIGN_LIMIT:.0%}): {verdict}")
    return int(watch.void)
