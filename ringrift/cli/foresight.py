"""What `ringrift master-loop` would start and decide now, and why; nothing is started or written."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ringrift.broker.lock import lock_holder
from ringrift.broker.place import Place
from ringrift.cli.joining import check_settings, served_here
from ringrift.cli.looking import as_it_is
from ringrift.cli.stack import LOCK, MASTER_LOCK, Stack
from ringrift.settings import Settings
from ringrift.settings.secrets import BROKER_URL, secret

if TYPE_CHECKING:
    from ringrift.pipeline.scheduling import Decision


@dataclass(frozen=True, slots=True)
class Step:
    """What beat asks for by the clock."""

    #: Registered name of the task.
    task: str
    #: Seconds between two.
    every: float
    why: str


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a start would do."""

    home: Path
    profile: str
    #: Process of this state directory that is the master loop already, and keeps another from starting.
    master: int | None
    #: Process whose broker and workers would be used.
    joined: int | None
    #: Queues whose workers are there already.
    served: Sequence[str]
    #: Names of the processes that would be started.
    starts: Sequence[str]
    #: What beat would do by the clock.
    steps: Sequence[Step]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {**asdict(self), "home": str(self.home)}

    def lines(self, width: int) -> Iterator[str]:
        """As a person reads it, in so many columns."""
        yield f"state      {self.home}"
        yield f"profile    {self.profile}"
        if self.master is not None:
            yield f"starts     nothing: process {self.master} runs the master loop already"
        else:
            yield f"starts     {', '.join(self.starts)}"
            if self.joined is not None:
                yield f"uses       broker and workers of process {self.joined}"
            elif self.served:
                yield f"uses       workers of this machine that take {', '.join(self.served)}"
        yield ""
        yield "by the clock"
        for step in self.steps:
            about = f"  each {step.every:>6g} s  {step.task:<19} "
            yield textwrap.fill(step.why, width, initial_indent=about, subsequent_indent=" " * 37)


def foresee(home: Path, settings: Settings, *, flower: bool) -> Foreseen:
    """Find out what a start would do. Raises BadInput where it would be refused for its settings."""
    from beat_schedule import SCHEDULE
    from ringrift.celery_settings import beat_entries

    joined, master = (lock_holder(home / name) for name in (LOCK, MASTER_LOCK))
    has_broker = bool(secret(BROKER_URL)) or lock_holder(Place.of(home).lock) is not None
    served: list[str] = []
    if joined is not None and joined != master:
        check_settings(home, joined, settings)
    elif joined is None and has_broker:
        served = sorted(served_here())
    stack = Stack(home, settings, flower=False, workers=joined is None)
    stack.served = served
    starts = [] if has_broker or joined is not None else ["broker"]
    starts += [role.name for role in stack.roles()]
    if Stack(home, settings, flower=flower, workers=joined is None).parts.has_flower:
        starts.append("flower")
    entries = beat_entries(settings)
    return Foreseen(
        home=home,
        profile=settings.loop.profile,
        master=master,
        joined=joined,
        served=served,
        starts=starts,
        steps=[
            Step(row.task, entries[row.task]["schedule"], row.why)
            for row in SCHEDULE
            if row.task in entries
        ],
    )


def decisions(settings: Settings) -> list[Decision]:
    """What the master would decide about each config now."""
    from ringrift.pipeline.scheduling import decide_now

    with as_it_is(settings) as ctx:
        return decide_now(ctx)
