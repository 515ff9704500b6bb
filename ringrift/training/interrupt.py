"""Ctrl-C between two steps, never inside one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopFlag:
    """Says whether somebody asked for an end."""

    def __init__(self) -> None:
        """Nobody has."""
        self.raised = False

    def raise_it(self, _number: int, _frame: FrameType | None) -> None:
        """Ask for an end; the handler of SIGINT and SIGTERM."""
        self.raised = True


@contextmanager
def deferred_interrupts() -> Iterator[StopFlag]:
    """Turn SIGINT and SIGTERM into a flag, as long as the block runs.

    Only the main thread receives signals; elsewhere the flag stays down.
    """
    flag = StopFlag()
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, flag.raise_it)
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
