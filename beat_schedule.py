"""What happens by the clock. Data only: `ringrift/celery.py` makes Celery's schedule of it.

A period is a number of seconds by the name of its setting in config/unified_loop.yaml. `expires` is
the part of the period after which a message that nobody took is dropped, as soon as clocks that differ
a little allow that (`ringrift.celery_settings.CLOCK_SECONDS`): a worker that comes back finds some ticks
to do, not a night of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ringrift.pipeline.queues import CONTROL, CPU
from ringrift.settings.profiles import FULL, MINIMAL, STANDARD, Profile


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the schedule."""

    #: Registered name of the task.
    task: str
    #: Setting that holds the period in seconds, as section.key.
    period: str
    #: Queue it goes to.
    queue: str
    #: Why it is needed, and why so often.
    why: str
    #: The least profile (setting loop.profile) that does it: minimal is what a run needs.
    profile: Profile = STANDARD
    #: Part of the period after which an untaken message is dropped.
    expires: float = 0.9


SCHEDULE: Final = (
    Entry(
        task="control.tick",
        profile=MINIMAL,
        period="cluster.tick_interval_seconds",
        queue=CONTROL,
        why="the master loop: looks at every config, decides, opens runs; as quick as a person"
        " watching would be",
    ),
    Entry(
        task="control.relay",
        profile=MINIMAL,
        period="cluster.tick_interval_seconds",
        queue=CONTROL,
        why="publishes committed events, so that a finished stage starts the next one even where"
        " the message that should have done so was lost",
    ),
    Entry(
        task="control.reconcile",
        profile=MINIMAL,
        period="cluster.reconcile_interval_seconds",
        queue=CONTROL,
        why="issues again what makes no progress (a killed worker, a lost broker): half a claim's"
        " life, so that little time is lost after it ran out",
    ),
    Entry(
        task="control.shadow",
        profile=STANDARD,
        period="cluster.reconcile_interval_seconds",
        queue=CONTROL,
        why="plans shadow matches; when one is due is in the ledger, this only looks",
    ),
    Entry(
        task="control.tournament",
        profile=FULL,
        period="cluster.reconcile_interval_seconds",
        queue=CONTROL,
        why="plans tournaments; when one is due is in the ledger, this only looks",
    ),
    Entry(
        task="control.maintain",
        profile=STANDARD,
        period="cluster.maintain_interval_seconds",
        queue=CONTROL,
        why="finds stuck, orphaned, lost, expired and poison tasks and deals with them: they do no harm"
        " in a minute, and in an hour they hide what goes on",
    ),
    Entry(
        task="cpu.strays",
        profile=STANDARD,
        period="data_ingestion.poll_interval_seconds",
        queue=CPU,
        why="moves files of games away that no row of the ledger names",
    ),
    Entry(
        task="cpu.prune",
        profile=STANDARD,
        period="models.prune_interval_seconds",
        queue=CPU,
        why="gives up the files of old models; a day of promotions fills no disk",
    ),
    Entry(
        task="cpu.distribute",
        profile=STANDARD,
        period="models.sync_interval_seconds",
        queue=CPU,
        why="takes models to models.distribute_to: makes up for what was missed, since each training"
        " and promotion does so at once",
    ),
)
