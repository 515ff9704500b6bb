"""Porters: a process for each place of `models.distribute_to`, so that one that hangs holds up nobody else.

A folder whose server is gone, or a server that takes a connection and never answers, holds the call
that asked it for as long as it likes, and the thread with it. So each place has a process of its own
(`python -m ringrift.pipeline.porters`), all at work side by side, and ended when their time is up.
What they copied until then stays, and the next pass goes on from there.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from ringrift.errors import RingRiftError
from ringrift.pipeline import model_files
from ringrift.pipeline.context import Context
from ringrift.settings import Settings
from ringrift.settings.secrets import masked
from ringrift.settings.settings import DEFAULTS
from ringrift.store.ledger import Fence, StaleFence, open_ledger

log = structlog.get_logger(__name__)

#: A place whose time was up is left alone by this process for so many times that time: whoever waits
#: for its porter, a loop or the cpu worker, has other things to do.
REST_FACTOR: Final = 10.0

#: Between two looks whether porters are done.
LOOK_SECONDS: Final = 0.05

#: A porter that nobody ends any more, since its parent was killed, ends itself so much later.
ALONE_SECONDS: Final = 30.0

#: Place -> until when it is left alone, by `time.monotonic`.
_resting: dict[str, float] = {}


@dataclass(slots=True)
class Porter:
    """A process that takes models to one place."""

    place: str
    process: subprocess.Popen[str]

    @classmethod
    def start(cls, ctx: Context, place: str, configs: Sequence[str] | None) -> Porter:
        """Send one out with the models of these configs, or of all."""
        seconds = ctx.settings.models.distribute_timeout_seconds
        job = {
            "home": str(ctx.home),
            "place": place,
            "configs": None if configs is None else list(configs),
            "models": ctx.settings.models.model_dump(mode="json"),
            "fence": None if ctx.fence is None else [ctx.fence.name, ctx.fence.number],
            "seconds": math.ceil(seconds + ALONE_SECONDS),
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "ringrift.pipeline.porters"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for whoever sent it, who ends it
        )
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
            json.dump(job, stdin)
        return cls(place, process)

    @property
    def is_back(self) -> bool:
        """Whether it is done, well or not."""
        return self.process.poll() is not None

    def errors(self) -> list[str]:
        """What went wrong, once it is back. StaleFence where another is master by now."""
        assert self.process.stdout is not None
        said = self.process.stdout.read()
        try:
            told: dict[str, Any] = json.loads(said)
        except ValueError:
            return [f"{masked(self.place)}: its porter ended with code {self.process.returncode}"]
        if told["stale"] is not None:
            raise StaleFence(told["stale"])
        errors: list[str] = told["errors"]
        return errors

    def end(self) -> None:
        """End it, if it is still out. One that not even the system can end now is left to it."""
        if not self.is_back:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(1.0)
        assert self.process.stdout is not None
        self.process.stdout.close()


def take_out(ctx: Context, configs: Sequence[str] | None = None) -> None:
    """Do as `model_files.distribute`, for somebody who reads logs and has no time to lose. StaleFence.

    What went wrong is said once for each place. One that is not done within
    `models.distribute_timeout_seconds` is told as well, and left alone for a while.
    """
    seconds = ctx.settings.models.distribute_timeout_seconds
    now = time.monotonic()
    places = ctx.settings.models.distribute_to
    porters = [
        Porter.start(ctx, place, configs) for place in places if _resting.get(place, now) <= now
    ]
    try:
        while not all(porter.is_back for porter in porters):
            if time.monotonic() >= now + seconds or ctx.stop():
                break
            time.sleep(LOOK_SECONDS)
        for porter in porters:
            if porter.is_back:
                for error in dict.fromkeys(porter.errors()):
                    log.warning("models not distributed", place=masked(porter.place), error=error)
            elif not ctx.stop():
                _gave_up(ctx, porter.place, configs)
    finally:
        for porter in porters:
            porter.end()


def _gave_up(ctx: Context, place: str, configs: Sequence[str] | None) -> None:
    """Leave a place alone, and tell of each config that its models are not there."""
    seconds = ctx.settings.models.distribute_timeout_seconds
    rest = REST_FACTOR * seconds
    _resting[place] = time.monotonic() + rest
    error = f"{masked(place)}: not done within {seconds:g} s (models.distribute_timeout_seconds)"
    log.warning("models not distributed", place=masked(place), error=error, left_alone_seconds=rest)
    model_files.tell_failed(ctx, place, error, configs)


def after_run(ctx: Context, config: str, send: Callable[[str], None] | None = None) -> None:
    """What the schedule of beat does, for a loop that works without one. Failures are said.

    `send` has the models of a config taken out by somebody else; None: it is done here.
    """
    try:
        model_files.tidy(ctx, [config])
        if send is None:
            take_out(ctx, [config])
        else:
            send(config)
    except StaleFence:
        raise
    except (RingRiftError, OSError) as error:
        log.warning("files of models not looked after", config=config, error=str(error))


def main() -> None:
    """Be a porter: the job is on stdin, what came of it goes to stdout."""
    job = json.load(sys.stdin)
    signal.alarm(job["seconds"])
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    home = Path(job["home"])
    ctx = Context(
        home=home,
        ledger=open_ledger(home),
        settings=Settings.load(DEFAULTS, {}).replace(models=job["models"]),
        fence=None if job["fence"] is None else Fence(*job["fence"]),
    )
    told: dict[str, Any] = {"stale": None, "errors": []}
    try:
        sent = model_files.distribute(ctx, job["configs"], [job["place"]])
        told["errors"] = [one.error for one in sent if one.error is not None]
    except StaleFence as error:
        told["stale"] = str(error)
    except (RingRiftError, OSError) as error:
        told["errors"] = [str(error)]
    with answer:
        json.dump(told, answer)


if __name__ == "__main__":
    main()
