"""Runs one reader in a child process and watches it: time per input, memory, crashes.

The child announces the number of each input before it reads it, so that the parent knows which one
a hang or a crash belongs to. Inputs follow from seed, reader and number alone.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.fuzzing.readers import Reader

#: Seconds that one input may take; the slowest take about 3 on a busy machine.
HANG = 60.0
#: Growth of the peak memory of a child beyond its first inputs, in MiB. Lines may have 16 MiB, and
#: are held a few times over while they are read. Tests set the variable.
MEMORY = int(os.environ.get("RINGRIFT_FUZZ_MEMORY", "1024"))
#: Address space of a child in GiB: what asks for more gets a MemoryError.
SPACE = 12
#: A reader with so many findings is left.
MOST = 20

#: Makes a reader in a folder.
Maker = Callable[[Path], Reader]


@dataclass(frozen=True, slots=True)
class Finding:
    """One input that was not read as it must be."""

    reader: str
    number: int
    what: str
    data: bytes


@dataclass(slots=True)
class Tally:
    """What became of a reader's inputs."""

    reader: str
    accepted: int = 0
    rejected: int = 0
    seconds: float = 0.0
    peak: int = 0  #: MiB
    findings: list[Finding] = field(default_factory=list)


def make_input(reader: Reader, seed: int, number: int) -> bytes:
    """Input of this number."""
    return reader.make(random.Random(f"{seed}:{reader.name}:{number}"))


def try_input(reader: Reader, number: int, data: bytes) -> bool | Finding:
    """Read one input; whether it was accepted, or what is wrong with the reader."""
    try:
        return reader.read(data)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what we look for
        at = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(at.filename).name}:{at.lineno}"
        return Finding(reader.name, number, f"{type(error).__name__}: {error} ({place})", data)


def _peak() -> int:
    """Peak memory of this process in MiB; that of getrusage would be its parent's too."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) >> 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def _child(
    maker: Maker, seed: int, first: int, seconds: float, count: int, shared: Any, out: Any
) -> None:
    """Read inputs until time or count is up; `shared` is (number, accepted, rejected, peak)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (SPACE << 30, SPACE << 30))
    # What commands print belongs to nobody.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    with tempfile.TemporaryDirectory() as name:
        reader = maker(Path(name))
        number, base = first, 0
        deadline = time.time() + seconds  # compilation, where there was any, is not counted
        while time.time() < deadline and number < first + count:
            data = make_input(reader, seed, number)
            shared[0] = number
            found = try_input(reader, number, data)
            shared[3] = peak = _peak()
            if number - first == 20:
                base = peak
            if base and peak > base + MEMORY and not isinstance(found, Finding):
                found, base = Finding(reader.name, number, f"{peak} MiB of memory", data), peak
            if isinstance(found, Finding):
                out.put((found.number, found.what))
            else:
                shared[1 if found else 2] += 1
            number += 1
        shared[0] = -2
        if close := getattr(reader, "close", None):
            close()


def watch(maker: Maker, name: str, seed: int, seconds: float, count: int = sys.maxsize) -> Tally:
    """Fuzz one reader for so many seconds, or so many inputs; start again after a hang or a crash."""
    context = multiprocessing.get_context("spawn")
    tally = Tally(name)
    number = 0
    while tally.seconds < seconds and number < count and len(tally.findings) < MOST:
        shared = context.Array("q", [-1, 0, 0, 0], lock=False)
        out: Any = context.Queue()
        child = context.Process(
            target=_child,
            args=(maker, seed, number, seconds - tally.seconds, count - number, shared, out),
            daemon=False,
        )
        child.start()
        told: list[tuple[int, str]] = []
        try:
            what = _follow(child, shared, out, told, tally)
        finally:
            if child.is_alive():
                child.kill()
            child.join()
        if what:
            told.append((max(shared[0], number), what))
        tally.accepted += shared[1]
        tally.rejected += shared[2]
        tally.peak = max(tally.peak, shared[3])
        tally.findings += [Finding(name, n, text, b"") for n, text in told[:MOST]]
        if not what:
            break
        number = max(shared[0], number) + 1
    return tally


def _follow(child: Any, shared: Any, out: Any, told: list[tuple[int, str]], tally: Tally) -> str:
    """Wait for the end of a child; what it died of, empty if it ended well."""
    at, since = -1, time.monotonic()
    last = since
    while True:
        now = time.monotonic()
        tally.seconds += now - last if at != -1 else 0.0
        last = now
        with contextlib.suppress(queue.Empty):
            while True:
                told.append(out.get_nowait())
        if len(told) >= MOST:
            return ""
        if shared[0] != at:
            at, since = shared[0], time.monotonic()
        if not child.is_alive():
            with contextlib.suppress(queue.Empty):
                while True:
                    told.append(out.get(timeout=0.2))
            return "" if child.exitcode == 0 else f"the process died: exit code {child.exitcode}"
        # Compilation may come first, and takes a minute where nothing is cached.
        if time.monotonic() - since > (HANG if at >= 0 else 600):
            return f"no end after {HANG:.0f} s"
        child.join(0.1)
