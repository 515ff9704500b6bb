"""Playing the games of a check on several processes."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait

from ringrift.errors import RingRiftError
from ringrift.parity.check import Found, Plan, Tally, Told, compare
from ringrift.parity.lockstep import Lockstep, Start


class WorkerLost(RingRiftError):
    """A process of the check ended without a word."""


def _work(pipe: Connection, plan: Plan, names: Sequence[str]) -> None:
    """One process: play the games, send each Tally, then the difference or None."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which ends us
    pipe.send(compare(plan, names, pipe.send))
    pipe.close()


def compare_all(plan: Plan, jobs: int, told: Told) -> Found | None:
    """Play all games of a plan, on `jobs` processes if more than one, until the first difference.

    `told` gets what was compared since it was last told. Processes are fresh interpreters
    (a fork would inherit the threads of compiled code), and are ended with this call.
    """
    names = plan.names()
    jobs = min(jobs, len(names))
    if jobs <= 1:
        return compare(plan, names, told)
    Lockstep(Start(plan.config, plan.options)).legal()  # whatever is to be compiled, once
    context = get_context("spawn")
    processes, pipes = [], []
    try:
        for number in range(jobs):
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(
                target=_work, args=(theirs, plan, names[number::jobs]), daemon=True
            )
            process.start()
            theirs.close()
            processes.append(process)
            pipes.append(ours)
        open_ = set(pipes)
        while open_:
            for pipe in wait(list(open_)):
                assert isinstance(pipe, Connection)
                try:
                    message = pipe.recv()
                except EOFError:
                    raise WorkerLost("a process of the check ended without a word") from None
                if isinstance(message, Tally):
                    told(message)
                    continue
                if message is not None:
                    assert isinstance(message, Found)
                    return message
                open_.discard(pipe)
        return None
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()
