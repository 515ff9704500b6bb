"""Memory of a process that plays on and on."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence

import psutil

from benchmarks.selfplay.setup import Setup
from benchmarks.selfplay.steady import Steady

#: Seconds between two readings, at most.
EVERY = 15.0

#: Growth from the second quarter to the last that still is flat. In the first one caches fill.
FLAT = 0.02


def resident() -> float:
    """Memory of this process in MiB."""
    return float(psutil.Process().memory_info().rss) / 2**20


def soak(setup: Setup, minutes: float) -> dict[str, float]:
    """Play for so long: MiB at the start, in the second and in the last quarter (medians), and the largest.

    Medians, since the network's buffers are given back and taken again between batches: two readings differ by 4% on
    hexagonal.
    """
    steady = Steady(setup)
    readings = [resident()]
    every = min(EVERY, 60 * minutes / 8)
    due = time.monotonic() + every
    end = time.monotonic() + 60 * minutes
    while (now := time.monotonic()) < end:
        steady.batches(1)
        if now >= due:
            readings.append(resident())
            due += every
            print(
                f"\r  {setup.config}: {readings[-1]:,.1f} MiB, {(end - now) / 60:.1f} min to go ",
                end="",
                file=sys.stderr,
                flush=True,
            )
    print(file=sys.stderr)
    readings.append(resident())
    return {"minutes": minutes} | figures(readings)


def figures(readings: Sequence[float]) -> dict[str, float]:
    """What readings of equal distance in MiB, two at least, say about growth."""
    quarter = max(1, len(readings) // 4)
    settled = statistics.median(readings[quarter : 2 * quarter])
    end = statistics.median(readings[-quarter:])
    return {
        "start": readings[0],
        "settled": settled,
        "end": end,
        "largest": max(readings),
        "growth": end / settled - 1,
    }
