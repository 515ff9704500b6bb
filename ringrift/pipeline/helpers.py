"""More processes for the units of an in-process run: each takes shards and match chunks.

A helper is a fresh interpreter (`python -m ringrift.pipeline.helpers RUN`), not a fork. It ends when
the run is closed, when it is told to (SIGTERM, SIGINT), or when its parent is gone.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import structlog

from ringrift.errors import Interrupted, RingRiftError
from ringrift.pipeline.context import Context, open_context
from ringrift.pipeline.stages import run_stage
from ringrift.settings.switches import TRACE_DEBUG, switched_on
from ringrift.store import runs, stages

log = structlog.get_logger(__name__)

#: Stages whose units are many and independent.
SHARED = ("selfplay", "evaluate")

#: Between two looks when there is nothing to take.
LOOK_SECONDS = 0.5

#: Seconds a helper has to give its unit back.
HELPER_SECONDS = 10.0


@contextmanager
def helping(ctx: Context, run_id: str, helpers: int) -> Iterator[None]:
    """Have so many helpers at work on a run for the length of a block."""
    environment = {**os.environ, "RINGRIFT_HOME": str(ctx.home)}
    command = [sys.executable, "-m", "ringrift.pipeline.helpers", run_id]
    children = [
        subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL) for _ in range(helpers)
    ]
    try:
        yield
    finally:
        for child in children:
            child.terminate()
        for child in children:
            try:
                child.wait(HELPER_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def help_with(ctx: Context, run_id: str) -> None:
    """Take units of a run until it is closed or `ctx.stop` says so.

    From the end of the list, while the main process works from its beginning.
    """
    while not ctx.stop():
        with ctx.ledger.read() as tx:
            if runs.get_run(tx, run_id).state == runs.CLOSED:
                return
            rows = stages.stages_of(tx, run_id)
        free = [row for row in rows if row.stage in SHARED and row.state == stages.PENDING]
        stage = free[0].stage if free else None
        mine = [row for row in free if row.stage == stage]
        if not mine or run_stage(ctx, run_id, mine[-1].stage, mine[-1].unit).state == "skipped":
            time.sleep(LOOK_SECONDS)


def main(run_id: str) -> int:
    """Be a helper."""
    stopping = False
    parent = os.getppid()

    def stop(_signum: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    level = logging.DEBUG if switched_on(TRACE_DEBUG) else logging.WARNING
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        help_with(open_context(stop=lambda: stopping or os.getppid() != parent), run_id)
    except Interrupted:
        return Interrupted.exit_code
    except RingRiftError as error:  # a full disk, say: for the run it is a helper less
        log.warning("a helper ends", reason=str(error))
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
