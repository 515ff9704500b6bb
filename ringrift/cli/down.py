"""``ringrift down``: stop what ``ringrift up`` or ``ringrift run`` started, from another terminal."""

from __future__ import annotations

import os
import signal
import time
from typing import Annotated

import typer

from ringrift.broker.lock import lock_holder
from ringrift.cli.stack import LOCK
from ringrift.errors import NotReached
from ringrift.settings import home

app = typer.Typer(add_completion=False)


@app.command()
def down(
    *,
    timeout: Annotated[float, typer.Option(help="seconds to wait for the end")] = 60.0,
) -> None:
    """Ask the process that holds this state directory to stop everything, and wait for it."""
    lock = home() / LOCK
    holder = lock_holder(lock)
    if holder is None:
        print(f"nothing runs in {home()}")
        return
    os.kill(holder, signal.SIGTERM)
    until = time.monotonic() + timeout
    while lock_holder(lock) == holder:
        if time.monotonic() > until:
            raise NotReached(f"process {holder} still stops things after {timeout:.0f} s")
        time.sleep(0.1)
    print(f"stopped process {holder}")
