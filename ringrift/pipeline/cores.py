"""Cores of this machine, and how many of them a training may use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import psutil

from ringrift.errors import RingRiftError
from ringrift.pipeline import backfill, deferral
from ringrift.pipeline.context import Context
from ringrift.pipeline.plan import RunPlan
from ringrift.pipeline.schedule_view import look
from ringrift.store import runs

#: Compute threads of a training at most: a batch of a small network is no work for more.
MOST_THREADS: Final = 8

#: File of a run's folder with the number of threads that its training began with.
KEPT: Final = "threads"


def usable_cores() -> int:
    """Return the physical cores that this process may keep busy; two threads of one share its units."""
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    physical = psutil.cpu_count(logical=False) or threads or 1
    quota = _cgroup_cores()
    return max(1, min(physical, threads or physical, quota or physical))


def training_threads(ctx: Context, plan: RunPlan, folder: Path, cores: int) -> int:
    """Compute threads of a training: as the settings say, or by itself.

    By itself it takes all cores where nothing is played meanwhile, and one thread where games have the other cores:
    those of other open runs, or of backfill runs that a master opens beside it. A training that is gone on with keeps
    the number that it began with: sums differ in their last bits from number to number.
    """
    if plan.training.threads:
        return plan.training.threads
    kept = folder / KEPT
    try:
        return max(1, int(kept.read_text(encoding="ascii")))
    except (OSError, ValueError):
        pass
    threads = 1 if _games_beside(ctx) else min(cores, MOST_THREADS)
    folder.mkdir(parents=True, exist_ok=True)
    kept.write_text(f"{threads}\n", encoding="ascii")
    return threads


def _games_beside(ctx: Context) -> bool:
    """Whether games are played while the training of an open run lasts."""
    with ctx.ledger.read() as tx:
        if len(runs.open_runs(tx)) > 1:
            return True
        view = look(tx, ctx.settings)
    wanted = any(backfill.wants_more(view, one) for one in view.configs)
    return view.slots > 1 and wanted and _master_at_work()


def _master_at_work() -> bool:
    """Whether there is one, as far as can be known."""
    try:
        return deferral.is_unified_loop_running()
    except RingRiftError:
        return False


def _cgroup_cores() -> int | None:
    """Return whole cores that a container's quota allows, None without one."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else max(1, int(quota) // int(period))
