"""Windows of several processes, one after the other: how fast a network is depends on where its memory lies.

On hex8 the network alone in batches of 256 was at 1,960 to 2,250 positions a second in one process, at 2,550 to 2,740 in
the next and at 2,220 to 2,430 in the third. So the median of one process says little, whatever its spread.
"""

from __future__ import annotations

import multiprocessing
import signal
from multiprocessing.connection import Connection

from benchmarks.selfplay.memory import resident
from benchmarks.selfplay.setup import Setup
from benchmarks.selfplay.steady import Steady, Window


def _work(setup: Setup, seconds: float, windows: int, out: Connection) -> None:
    """Measure in this process; Ctrl-C is the parent's, which takes its children with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    steady = Steady(setup)
    size = resident()  # the reference network is none of selfplay's
    out.send((steady.windows(seconds, windows), size))


def measure_afresh(
    setup: Setup, seconds: float, windows: int, processes: int
) -> tuple[list[Window], float]:
    """So many windows of each of so many processes that follow each other, and MiB of the largest when it plays.

    Raises RuntimeError where a process ended without an answer; it has said why on stderr.
    """
    context = multiprocessing.get_context("spawn")
    found: list[Window] = []
    memory = 0.0
    for _ in range(processes):
        answer, out = context.Pipe(duplex=False)
        worker = context.Process(target=_work, args=(setup, seconds, windows, out), daemon=True)
        worker.start()
        out.close()  # the child's death is the end of the pipe
        try:
            more, size = answer.recv()
        except EOFError:
            worker.join()
            raise RuntimeError(
                f"{setup.config}: the measuring process ended with {worker.exitcode}"
            ) from None
        worker.join()
        found += more
        memory = max(memory, size)
    return found, memory
