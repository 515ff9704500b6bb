"""Ends a worker whose work hangs: Celery's own time limits bind prefork children only.

A unit that hangs in a kernel or a driver would hold its claim for ever, since the thread that
renews it lives on. So each worker notes when its work last reported anything, and ends itself when
that is too long ago; its claim runs out, the failure is counted, and the unit is tried elsewhere.
A process that was stopped as a whole (SIGSTOP, a paused container) has not hung: its time counts anew.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from celery.utils.log import get_logger

log = get_logger(__name__)

#: Longest silence of healthy work: a cold compilation of all kernels takes under two minutes, one
#: step of the largest board on a slow core under one.
SILENCE_SECONDS = 900.0

#: Seconds between two looks.
LOOK_SECONDS = 10.0

#: A look that comes so much later than it should was not made by a process that ran.
STOPPED_SECONDS = 60.0

#: Exit code of a worker that hung (sysexits.h: internal error).
HUNG = 70

_lock = threading.Lock()
#: Time of the last report of each thread that is at work now.
_seen: dict[int, float] = {}
_watching = False


def seen(*_: object) -> None:
    """Note that the calling thread's work goes on."""
    with _lock:
        if threading.get_ident() in _seen:
            _seen[threading.get_ident()] = time.monotonic()


@contextmanager
def watched() -> Iterator[None]:
    """Watch the calling thread's work for the length of a block."""
    global _watching  # noqa: PLW0603 - one watcher per process
    with _lock:
        _seen[threading.get_ident()] = time.monotonic()
        if not _watching:
            threading.Thread(target=_watch, name="watchdog", daemon=True).start()
            _watching = True
    try:
        yield
    finally:
        with _lock:
            _seen.pop(threading.get_ident(), None)


def silent_for(now: float) -> float:
    """Return the seconds since the quietest thread at work last reported."""
    with _lock:
        return max((now - at for at in _seen.values()), default=0.0)


def hung_for(last: float, now: float) -> float | None:
    """Return the silence of work that hangs, None if none does; `last`: time of the look before this one."""
    if now - last > LOOK_SECONDS + STOPPED_SECONDS:
        with _lock:
            _seen.update(dict.fromkeys(_seen, now))
    quiet = silent_for(now)
    return quiet if quiet > SILENCE_SECONDS else None


def _watch() -> None:
    now = time.monotonic()
    while True:
        last = now
        time.sleep(LOOK_SECONDS)
        now = time.monotonic()
        quiet = hung_for(last, now)
        if quiet is not None:
            log.critical("no sign of life from the work for %.0f s: ending this worker", quiet)
            os._exit(HUNG)
