"""Memory of a process that plays on and on."""

from __future__ import annotations

import sys
import time

import psutil

from benchmarks.selfplay.setup import Setup
from benchmarks.selfplay.steady import Steady

#: Seconds between two readings.
EVERY = 15.0

#: The first part of the time, in which caches fill, and the growth after it that still is flat.
SETTLING, FLAT = 0.25, 0.02


def resident() -> float:
    """Memory of this process in MiB."""
    return float(psutil.Process().memory_info().rss) / 2**20


def soak(setup: Setup, minutes: float) -> dict[str, float]:
    """Play for so long: MiB at the start, after the settling part, at the end, and the largest."""
    steady = Steady(setup)
    end, readings = time.monotonic() + 60 * minutes, [resident()]
    due = time.monotonic() + EVERY
    while (now := time.monotonic()) < end:
        steady.batches(1)
        if now >= due:
            readings.append(resident())
            due += EVERY
            print(
                f"\r  {setup.config}: {readings[-1]:,.1f} MiB, {(end - now) / 60:.1f} min to go ",
                end="",
                file=sys.stderr,
                flush=True,
            )
    print(file=sys.stderr)
    readings.append(resident())
    settled = readings[int(len(readings) * SETTLING) :]
    return {
        "minutes": minutes,
        "start": readings[0],
        "settled": settled[0],
        "end": settled[-1],
        "largest": max(readings),
        "growth": settled[-1] / settled[0] - 1,
    }
