"""Training as a child of its task: a fresh interpreter, not a fork.

A crash ends the child and not the worker; a deadline can be kept, by a kill; the memory of a device
is given back whole. The child dies with its parent, and holds a lock on the folder of its run, so
that a message that is delivered twice never makes two trainers: the second waits for the first.

Between the two: the work as a pickle on the child's stdin, and a JSON line per report on a pipe of
its own, the last one ``{"result": …}`` or ``{"error": …}``. What libraries print goes to the log.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import pickle
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from ringrift.broker.guard import guarded
from ringrift.errors import Interrupted, RingRiftError
from ringrift.pipeline.services import Progress, TrainedModel, TrainWork

#: Seconds between two looks at whether the training must stop.
LOOK_SECONDS = 0.5

#: Seconds a child has to write its checkpoint when it must stop.
STOP_SECONDS = 15.0


#: What the child runs; the descriptor of the pipe follows.
PROGRAM = (sys.executable, "-m", "workers.trainer")


class TrainerFailed(RingRiftError):
    """The training child failed; what it said is in the message."""


def train_in_child(
    work: TrainWork, progress: Progress, program: Sequence[str] = PROGRAM
) -> TrainedModel:
    """Train and report; what ``progress`` raises stops the child. Raises TrainerFailed."""
    deadline = time.monotonic() + work.plan.training.deadline_seconds
    readable, writable = os.pipe()
    command = [*program, str(writable)]
    child = subprocess.Popen(guarded(command), stdin=subprocess.PIPE, pass_fds=[writable])
    os.close(writable)
    try:
        with os.fdopen(readable, "rb") as reports:
            _hand_over(child, work)
            for report in _reports(reports, deadline):
                if "result" in report:
                    child.wait()
                    return TrainedModel(
                        **{**report["result"], "path": Path(report["result"]["path"])}
                    )
                if "error" in report:
                    raise TrainerFailed(report["error"])
                progress(**report)
        raise TrainerFailed(f"the training process ended with {child.wait()} and said nothing")
    finally:
        _end(child)


def _hand_over(child: subprocess.Popen[bytes], work: TrainWork) -> None:
    """Write the work to the child's stdin; a child that is dead already is noticed by its silence."""
    stdin = child.stdin
    with contextlib.suppress(BrokenPipeError):
        if stdin is not None:
            pickle.dump(work, stdin)
            stdin.close()


def _reports(stream: IO[bytes], deadline: float) -> Iterator[dict[str, Any]]:
    """Yield what the child reports, and its last figures again while it is silent."""
    figures: dict[str, Any] = {}
    begun = b""
    while True:
        if time.monotonic() > deadline:
            raise TrainerFailed("the training took longer than training.deadline_seconds")
        ready, _, _ = select.select([stream], [], [], LOOK_SECONDS)
        if not ready:
            yield figures
            continue
        data = os.read(stream.fileno(), 65536)
        if not data:
            return
        *lines, begun = (begun + data).split(b"\n")
        for line in lines:
            figures = json.loads(line)
            yield figures


def _end(child: subprocess.Popen[bytes]) -> None:
    """Let the child write its checkpoint and go, else kill it."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def main(descriptor: int) -> None:
    """Be the child: train what stdin says and report on the descriptor."""
    from ringrift.pipeline.services import real_services

    stopping = False

    def stop(_signum: int, _frame: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    work: TrainWork = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent
    os.dup2(2, 1)

    with os.fdopen(descriptor, "w", encoding="utf-8", buffering=1) as reports:

        def tell(**figures: Any) -> None:
            print(json.dumps(figures, default=float), file=reports)
            if stopping:
                raise Interrupted("the trainer was asked to stop")

        try:
            with _locked(work.folder):
                trained = real_services().train(work, tell)
        except RingRiftError as error:
            print(json.dumps({"error": str(error)}), file=reports)
            sys.exit(error.exit_code)
        except Exception as error:
            print(json.dumps({"error": f"{type(error).__name__}: {error}"}), file=reports)
            raise
        result = {**dataclasses.asdict(trained), "path": str(trained.path)}
        print(json.dumps({"result": result}, default=float), file=reports)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a run's folder; wait for a trainer that is still there."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    main(int(sys.argv[1]))
