"""Run a program that ends when its parent ends, however that ends.

``python -m ringrift.broker.guard PARENT SIGNAL PROGRAM ARGUMENTS…`` asks the kernel to send it
SIGNAL when the thread that started it is gone, and then becomes PROGRAM. The kernel keeps the wish
across exec. A step of its own, since code that runs between fork and exec in a process with
threads may deadlock.

Only Linux has this wish. Elsewhere the program just runs, and whoever starts the next one of its
kind finds it by its lock or its socket.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

#: prctl(2): the signal that the calling process gets when its parent ends.
PR_SET_PDEATHSIG = 1


def guarded(command: Sequence[str], signum: signal.Signals = signal.SIGKILL) -> list[str]:
    """Return the command that runs ``command`` bound to the calling process.

    Start it from a thread that lives as long as the program shall: the kernel watches the thread.
    """
    return [
        *(sys.executable, "-m", "ringrift.broker.guard"),
        *(str(os.getpid()), str(int(signum)), *command),
    ]


def die_with_parent(parent: int, signum: int) -> None:
    """Bind the calling process to ``parent``; exit at once if that is gone already."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the wish was made
        sys.exit(128 + signum)


def main(arguments: Sequence[str]) -> None:
    """Become the program named after the parent's id and the signal's number."""
    parent, signum, program, *rest = arguments
    die_with_parent(int(parent), int(signum))
    os.execvp(program, [program, *rest])  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main(sys.argv[1:])
