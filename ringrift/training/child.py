"""One training in an interpreter of its own: ``python -m ringrift.training.child JOB.json``.

The job is a file written by `ringrift.training.process`; progress goes to a JSONL file, the result, or the error as
one line, to another. The child ends when its parent does: a killed worker leaves no trainer behind. Ended by
SIGTERM or with its parent, it writes its state first, if it is in the loop.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

from ringrift.errors import BadInput, RingRiftError

_PR_SET_PDEATHSIG: Final = 1

#: Seconds that a training that is to end has to write its state before it is killed; without a parent it ends itself.
GRACE_SECONDS: Final = 20.0

#: Seconds between two looks at the parent.
LOOK_SECONDS: Final = 1.0


def die_with_parent(parent: int) -> None:
    """Ask Linux for SIGTERM when the parent ends; end now if it has already ended, and soon even if we hang."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(BadInput.exit_code)
    threading.Thread(target=_outlive, args=(parent,), name="parent", daemon=True).start()


def _outlive(parent: int) -> None:
    """End this process when its parent has been gone for a while (the thread's work).

    The signal only asks: a training that hangs would hold its folder for ever, and keep every other one out.
    """
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    time.sleep(GRACE_SECONDS)
    os._exit(BadInput.exit_code)


def _run(job: dict[str, Any]) -> dict[str, Any]:
    from ringrift.nets.arch import Arch
    from ringrift.training.result import TrainProgress
    from ringrift.training.spec import TrainSpec
    from ringrift.training.trainer import train

    with Path(job["progress"]).open("a", encoding="utf-8") as lines:

        def report(progress: TrainProgress) -> None:
            lines.write(json.dumps(progress.to_dict()) + "\n")
            lines.flush()

        result = train(
            TrainSpec.from_dict(job["spec"]),
            Path(job["dataset"]),
            Path(job["start"]) if job["start"] else None,
            Path(job["run_dir"]),
            report,
            arch=Arch.from_dict(job["arch"]) if job["arch"] else None,
            stopped=lambda: os.getppid() != job["parent"],
        )
    return {"result": result.to_dict()}


def main(arguments: list[str]) -> int:
    """Run the job of the one argument; returns the exit code."""
    job = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    die_with_parent(job["parent"])
    # Waiting threads that spin take the core from whoever else computes here: with two of these on two busy
    # cores a step took ten times as long. Read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from ringrift.nets.files import write_aside

    code = 0
    try:
        answer = _run(job)
    except RingRiftError as error:
        answer = {"error": type(error).__name__, "message": str(error)}
        code = error.exit_code
    write_aside(Path(job["result"]), json.dumps(answer).encode())
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
