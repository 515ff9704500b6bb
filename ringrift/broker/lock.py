"""A file lock that says who holds it and is gone when its holder is, however that ends."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import IO

from ringrift.errors import BadInput

#: `lock_holder` shares the lock for microseconds: after so many seconds it has let go.
GLANCE_SECONDS = 0.02


def take_lock(path: Path, held: str) -> IO[str]:
    """Lock the file for as long as the returned stream is open, with our process id inside.

    Raises BadInput when another process has it: the line ``held`` with that process's id in it.
    """
    stream = path.open("a+", encoding="ascii")
    if not _locked(stream):
        stream.seek(0)
        holder = stream.read().strip() or "unknown"
        stream.close()
        raise BadInput(
            f"{held.format(holder)}; stop it with `ringrift down`, or set RINGRIFT_HOME to another"
            " folder"
        )
    stream.seek(0)
    stream.truncate()
    stream.write(f"{os.getpid()}\n")
    stream.flush()
    return stream


def _locked(stream: IO[str]) -> bool:
    """Lock an open file if no process holds it; whoever only looks does so for an instant."""
    for last in (False, False, True):
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not last:
                time.sleep(GLANCE_SECONDS)
        else:
            return True
    return False


def lock_holder(path: Path) -> int | None:
    """Return the process id of the lock's holder, None if nobody holds it."""
    try:
        with path.open("r", encoding="ascii") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                text = stream.read().strip()
                return int(text) if text.isdigit() else None
    except OSError:
        pass
    return None
