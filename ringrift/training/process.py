"""Training in a child process: crash isolation, a hard deadline, and no torch in the parent."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TextIO

from ringrift.errors import BadInput, Interrupted, NotReached, RingRiftError
from ringrift.nets.files import write_aside
from ringrift.training.child import GRACE_SECONDS
from ringrift.training.result import (
    FolderInUse,
    LossDiverged,
    Progress,
    TrainProgress,
    TrainResult,
)
from ringrift.training.spec import TrainSpec

#: Seconds between two looks at the child.
POLL_SECONDS: Final = 0.25

_ERRORS: Final[dict[str, type[RingRiftError]]] = {
    cls.__name__: cls for cls in (BadInput, Interrupted, NotReached, FolderInUse, LossDiverged)
}


def train_in_child(
    spec: TrainSpec,
    dataset: Path,
    start: Path | None,
    run_dir: Path,
    progress: Progress = lambda _: None,
    *,
    arch: dict[str, int] | None = None,
    deadline_seconds: float = 14400.0,
    stopped: Callable[[], bool] = lambda: False,
) -> TrainResult:
    """As `ringrift.training.trainer.train`, in a fresh interpreter that ends with this process.

    When `stopped` returns True the child writes its state and Interrupted is raised. Raises NotReached when the deadline
    passes, what `train` raises, and RingRiftError when the child dies (the end of its log is in the message).
    """
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"training folder {run_dir}: {error.strerror or error}") from error
    _sweep(run_dir)
    name = run_dir / f"job-{os.getpid()}-{secrets.token_hex(4)}"
    files = {part: name.with_suffix(f".{part}") for part in ("json", "progress", "result", "log")}
    job = {
        "spec": spec.to_dict(),
        "dataset": str(dataset),
        "start": str(start) if start else None,
        "run_dir": str(run_dir),
        "arch": arch,
        "progress": str(files["progress"]),
        "result": str(files["result"]),
        "parent": os.getpid(),
    }
    write_aside(files["json"], json.dumps(job).encode())
    files["progress"].touch()
    try:
        with files["log"].open("wb") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "ringrift.training.child", str(files["json"])],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            _watch(child, files["progress"], progress, deadline_seconds, stopped)
        if stopped() and not files["result"].exists():  # before it could have written a state
            raise Interrupted("training stopped before it began")
        return _answer(run_dir, child.returncode, files)
    finally:
        for file in files.values():
            file.unlink(missing_ok=True)


def _sweep(run_dir: Path) -> None:
    """Remove what killed parents left behind."""
    for file in run_dir.glob("job-*"):
        try:
            os.kill(int(file.name.split("-")[1]), 0)
        except (ProcessLookupError, ValueError):
            file.unlink(missing_ok=True)
        except PermissionError:
            continue  # alive, and somebody else's


def _watch(
    child: subprocess.Popen[bytes],
    lines: Path,
    progress: Progress,
    deadline_seconds: float,
    stopped: Callable[[], bool],
) -> None:
    """Pass reports on until the child has ended; end it when asked, late, or when we are."""
    deadline = time.monotonic() + deadline_seconds
    with lines.open(encoding="utf-8") as file:
        reader = _Reader(file, progress)
        try:
            while child.poll() is None:
                reader.report()
                if stopped():
                    _end(child)
                if time.monotonic() > deadline:
                    _end(child)
                    raise NotReached(f"training: not done within {deadline_seconds:g} s")
                try:
                    child.wait(POLL_SECONDS)
                except subprocess.TimeoutExpired:
                    continue
            reader.report()
        finally:
            _end(child)


class _Reader:
    """Passes on the lines of a growing file; half a line waits for its end."""

    def __init__(self, file: TextIO, progress: Progress) -> None:
        self._file, self._progress, self._half = file, progress, ""

    def report(self) -> None:
        """Pass on what is new."""
        *whole, self._half = (self._half + self._file.read()).split("\n")
        for line in whole:
            self._progress(TrainProgress.from_dict(json.loads(line)))


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _answer(run_dir: Path, code: int, files: dict[str, Path]) -> TrainResult:
    try:
        answer: dict[str, Any] = json.loads(files["result"].read_text(encoding="utf-8"))
    except FileNotFoundError:
        tail = files["log"].read_text(encoding="utf-8", errors="replace").strip().splitlines()
        said = " | ".join(tail[-3:]) or "it said nothing"
        raise RingRiftError(f"training process ended with code {code}: {said}") from None
    if "error" in answer:
        raise _ERRORS.get(answer["error"], RingRiftError)(answer["message"])
    return TrainResult.from_dict(run_dir, answer["result"])
