"""Something done again and again beside other work, until it says no or is stopped."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Protocol

import structlog

log = structlog.get_logger(__name__)


class Pulse(Protocol):
    """What is being done again and again."""

    def stop(self) -> None:
        """End it; when this returns it is not being done any more."""
        ...


#: (name, seconds between two, what is done; False ends it) -> the started pulse.
Pulses = Callable[[str, float, Callable[[], bool]], Pulse]


class ThreadPulse:
    """A pulse on a thread of its own, which does not keep the process alive.

    A beat that breaks is said, and the next one comes all the same: a claim, or a loop's signs of life, would else
    end at the first error that nobody foresaw.
    """

    def __init__(self, name: str, seconds: float, beat: Callable[[], bool]) -> None:
        """Start; the first beat comes after `seconds`."""
        self._seconds = seconds
        self._beat = beat
        self._stopped = threading.Event()
        traced = contextvars.copy_context()  # what the thread logs belongs to the same trace
        self._thread = threading.Thread(
            target=traced.run, args=(self._run,), name=name, daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End it and wait for its thread, unless called from there."""
        self._stopped.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._seconds):
            try:
                if not self._beat():
                    return
            except Exception:  # said with its traceback; what it kept alive must not end with it
                log.exception("a beat broke", pulse=self._thread.name)
