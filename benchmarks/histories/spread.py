"""One function over many things in several processes, in their order."""

from __future__ import annotations

import faulthandler
import gc
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")

#: Objects that are made before the collector looks for circles; each look costs as much as all that lives.
COLLECT_AFTER = 50_000


class Ended(Exception):
    """A process ended before it had done its part."""


def spread(does: Callable[[_T], _R], things: Sequence[_T], jobs: int) -> Generator[_R]:
    """What `does` makes of each thing, in their order; Ended if a process is gone.

    jobs: processes; one is this one. Close the generator to end them early.
    """
    if jobs == 1:
        with _seldom():
            yield from map(does, things)
        return
    context = get_context("spawn")
    at_work: list[tuple[SpawnProcess, Connection]] = []
    try:
        for first in range(min(jobs, len(things))):
            here, there = context.Pipe(duplex=False)
            process = context.Process(
                target=_work, args=(does, things[first::jobs], there), daemon=True
            )
            process.start()
            there.close()  # so that it ends here, too, when the process ends
            at_work.append((process, here))
        for number, thing in enumerate(things):
            process, here = at_work[number % jobs]
            try:
                yield here.recv()
            except (EOFError, OSError):
                process.join()
                how = _how(process.exitcode or 0)
                raise Ended(f"the process that had {thing!r} ended by {how}") from None
    finally:
        for process, here in at_work:
            here.close()
            process.kill()
            process.join()


def _work(does: Callable[[_T], _R], things: Sequence[_T], out: Connection) -> None:
    """Do a part in a process of its own."""
    faulthandler.enable()  # a crash of native code says where it was
    with _seldom(), out:
        for thing in things:
            out.send(does(thing))


@contextmanager
def _seldom() -> Iterator[None]:
    """Look for circles seldom, and not among what was there before."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _how(code: int) -> str:
    """How a process ended, for people."""
    if code == -signal.SIGKILL:
        return "SIGKILL: somebody killed it, or there was no memory left"
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
