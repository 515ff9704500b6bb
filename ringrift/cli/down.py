"""``ringrift down``: stop what runs for a state directory, from another terminal."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated

import typer

from ringrift.broker.lock import lock_holder
from ringrift.cli.stack import LOCK, MASTER_LOCK
from ringrift.errors import NotReached
from ringrift.settings import home

app = typer.Typer(add_completion=False)

#: Seconds between two looks whether a process has ended.
LOOK_SECONDS = 0.1


@app.command()
def down(
    *,
    timeout: Annotated[float, typer.Option(help="seconds to wait for the end of each")] = 60.0,
) -> None:
    """Stop `ringrift up`, `ringrift master-loop` and `ringrift run` of this state directory.

    The one that decides is stopped first, those that work for it afterwards.
    """
    folder = home()
    master = lock_holder(folder / MASTER_LOCK)
    if master is not None and master != lock_holder(folder / LOCK):
        _stop(master, lambda: lock_holder(folder / MASTER_LOCK), timeout)
        print(f"stopped process {master}, the master loop", flush=True)
    workers = lock_holder(folder / LOCK)
    if workers is not None:
        _stop(workers, lambda: lock_holder(folder / LOCK), timeout)
        print(f"stopped process {workers}")
    if master is None and workers is None:
        print(f"nothing runs in {folder}")


def _stop(process: int, holder: Callable[[], int | None], timeout: float) -> None:
    """Ask a process to end and wait until it holds its lock no more. Raises NotReached."""
    with suppress(ProcessLookupError):  # it ended at this moment
        os.kill(process, signal.SIGTERM)
    until = time.monotonic() + timeout
    while holder() == process:
        if time.monotonic() > until:
            raise NotReached(f"process {process} still stops things after {timeout:.0f} s")
        time.sleep(LOOK_SECONDS)
