"""``ringrift down``: stop what runs for a state directory, from another terminal."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from ringrift.broker.lock import lock_holder
from ringrift.cli.continuous import LOCK as CONTINUOUS_LOCK
from ringrift.cli.joining import LOOK_SECONDS
from ringrift.cli.stack import LOCK, MASTER_LOCK
from ringrift.errors import NotReached
from ringrift.settings import home

app = typer.Typer(add_completion=False)


@app.command()
def down(
    *,
    timeout: Annotated[float, typer.Option(help="seconds to wait for the end of each")] = 60.0,
) -> None:
    """Stop `ringrift up`, `master-loop`, `continuous` and `run` of this state directory.

    The one that decides is stopped first, those that work for it afterwards; of a continuous loop the
    open run is kept.
    """
    folder = home()
    stopped = []
    if lock_holder(folder / MASTER_LOCK) != lock_holder(folder / LOCK):
        stopped.append(_stop(folder / MASTER_LOCK, ", the master loop", timeout))
    stopped.append(_stop(folder / LOCK, "", timeout))
    stopped.append(_stop(folder / CONTINUOUS_LOCK, ", the continuous loop", timeout))
    if not any(stopped):
        print(f"nothing runs in {folder}")


def _stop(lock: Path, what: str, timeout: float) -> bool:
    """Ask the holder of a lock to end and wait for it; False if nobody holds it. Raises NotReached."""
    process = lock_holder(lock)
    if process is None:
        return False
    with suppress(ProcessLookupError):  # it ended at this moment
        os.kill(process, signal.SIGTERM)
    until = time.monotonic() + timeout
    while lock_holder(lock) == process:
        if time.monotonic() > until:
            raise NotReached(f"process {process} still stops things after {timeout:.0f} s")
        time.sleep(LOOK_SECONDS)
    print(f"stopped process {process}{what}", flush=True)
    return True
