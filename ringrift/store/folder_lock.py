"""A folder that one process at a time works in; the lock goes with the process that holds it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ringrift.errors import BadInput, RingRiftError


@contextmanager
def only_one(folder: Path, name: str, busy: RingRiftError) -> Iterator[None]:
    """Make the folder and hold the lock of this file name in it.

    Raises `busy` where another process has it, BadInput where the folder cannot be written.
    """
    lock = FileLock(folder / name, timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise busy from None
    except OSError as error:
        raise BadInput(f"cannot write to {folder}: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()
