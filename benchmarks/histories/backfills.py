"""What must hold of backfill runs: games beside an iteration, and nothing else.

- it is opened by a master, with its fence; of a trained network
- no shard of its config that nobody ever had waits when it is opened: one is not opened twice for the same idle devices
- its shards are sent when no shard of an iteration is left to be sent
- it ends with its games taken in, or failed; it makes no dataset, and nothing is trained or judged
- what a run learns from was played before it was opened, or by itself: no shard of a run with a larger number
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from ringrift.pipeline.lease import MASTER
from ringrift.store import models, runs
from ringrift.store.ledger import Fence
from ringrift.store.stages import DONE, ORDER, PENDING


class Run(NamedTuple):
    """A run as the database has it."""

    config: str
    number: int
    backfill: int
    state: str
    outcome: str | None
    totals: str | None
    closed_at: float | None
    start: str

    def __str__(self) -> str:
        """Kind, number and config."""
        return f"{'backfill' if self.backfill else 'iteration'} {self.number} of {self.config}"


class Shard(Protocol):
    """A selfplay row of a run."""

    @property
    def unit(self) -> str:
        """Its name."""

    @property
    def issued(self) -> float | None:
        """When it was sent last."""


_NEVER = set(ORDER[ORDER.index("train") :])


def wrongly_opened(
    db: sqlite3.Connection, run: Run, fence: Fence | None, waiting: Iterable[Shard]
) -> Iterator[str]:
    """What is wrong with a backfill run that is new; waiting: shards of its config that nobody ever had."""
    if fence is None or fence.name != MASTER:
        yield f"{run} was opened without a master's fence ({fence})"
    [(kind,)] = db.execute("SELECT kind FROM models WHERE sha256 = ?", (run.start,))
    if kind == models.INITIAL:
        yield f"{run} plays an untrained network"
    left = list(waiting)
    if left:
        yield f"{run} was opened while {len(left)} shards wait, such as {left[0].unit[:6]}"


def wrongly_sent(run: Run, waiting: Iterable[Shard]) -> Iterator[str]:
    """What is wrong with shards of a backfill run that are sent; waiting: shards of iterations that nobody has."""
    left = [row for row in waiting if row.issued is None]
    if left:
        yield f"shards of {run} were sent before {len(left)} of iterations, {left[0].unit[:6]}"


def wrongly_at_work(run: Run, stage: str, state: str) -> Iterator[str]:
    """What is wrong with a stage of a backfill run."""
    if stage in _NEVER and state != PENDING:
        yield f"{stage} of {run} became {state}"
    if stage == "export" and state == DONE and run.outcome != runs.COLLECTED:
        yield f"{run} is exported, and {run.outcome or 'open'}"


def wrong_datasets(
    db: sqlite3.Connection, known: Mapping[str, Run], seen: set[str]
) -> Iterator[str]:
    """What is wrong with datasets that are new; they are added to `seen`."""
    for run_id, shards in db.execute("SELECT run_id, shards FROM datasets"):
        if run_id in seen:
            continue
        seen.add(run_id)
        run = known[run_id]
        if run.backfill:
            yield f"{run} has a dataset"
        for shard in json.loads(shards):
            later = _later(db, shard, run)
            if later:
                yield f"the dataset of {run} holds a shard of run {later}"


def _later(db: sqlite3.Connection, shard: str, run: Run) -> Any:
    """Number of the shard's run, where it is larger."""
    query = "SELECT iteration FROM runs JOIN shards ON run_id = runs.id WHERE shards.id = ?"
    [(number,)] = db.execute(query, (shard,))
    return number if number > run.number else None
