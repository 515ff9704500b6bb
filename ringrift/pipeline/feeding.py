"""Shards on their way to a queue: some at a time, those of all open runs in the order of their turns.

A queue that held whole runs would be served in the order in which they were opened, for hours. So
the ledger keeps the shards, and whoever brings a run forward (a tick, the relay, the reconciler, a
loop) or has played a shard also sends what the queue has room for, of whichever run is next
(`pipeline.scheduling`). Workers so go on to the end of a run's selfplay though no loop is there.
"""

from __future__ import annotations

import structlog

from ringrift.errors import RingRiftError
from ringrift.pipeline.dispatcher import (
    REISSUE_SECONDS,
    Dispatcher,
    Issue,
    NotHandedOver,
    filling_of,
)
from ringrift.pipeline.schedule_view import look
from ringrift.pipeline.scheduling import allot
from ringrift.settings import Settings
from ringrift.store import stages, work
from ringrift.store.ledger import Fence, Ledger, Tx

log = structlog.get_logger(__name__)


def feed(
    ledger: Ledger,
    dispatcher: Dispatcher,
    *,
    fence: Fence | None = None,
    reissue_seconds: float = REISSUE_SECONDS,
) -> list[Issue]:
    """Send the shards that the queue has room for; what was sent. NotHandedOver if that failed.

    Nothing where the dispatcher has no queue to keep short. Two callers at once send no shard
    twice, since each is marked in the transaction that chose it.
    """
    settings = filling_of(dispatcher)
    if settings is None:
        return []
    with ledger.read() as tx:
        # Mostly there is no such shard, or no room: then nobody need wait for a look.
        if not work.any_fresh(tx, reissue_seconds):
            return []
        if not allot(look(tx, settings, reissue_seconds)):
            return []
    with ledger.write(fence) as tx:
        issues = _choose(tx, settings, reissue_seconds)
    for number, issue in enumerate(issues):
        try:
            hand_over(ledger, dispatcher, issue, fence)
        except BaseException:
            for later in issues[number + 1 :]:
                _take_back(ledger, later, fence)
            raise
        log.info("shards sent", run=issue.run_id[:12], shards=len(issue.units))
    return issues


def _choose(tx: Tx, settings: Settings, reissue_seconds: float) -> list[Issue]:
    """The shards that are sent now, marked as handed over."""
    view = look(tx, settings, reissue_seconds)
    issues = []
    by_id = {run.load.run_id: run.load for run in view.open}
    for run_id, count in allot(view).items():
        load = by_id[run_id]
        units = work.fresh_units(tx, load.run_id, load.stage, reissue_seconds, count)
        if not units:  # its claims changed since the count, on a database without snapshots
            continue
        stages.mark_issued(tx, load.run_id, load.stage, units)
        last = len(units) == load.fresh
        issues.append(Issue(load.run_id, load.stage, tuple(units), load.priority, last))
    return issues


def hand_over(
    ledger: Ledger, dispatcher: Dispatcher, issue: Issue, fence: Fence | None = None
) -> None:
    """Give marked units to the dispatcher. If it does not take them they are due again, and NotHandedOver."""
    try:
        dispatcher.dispatch(issue)
    except BaseException as error:
        _take_back(ledger, issue, fence)
        if isinstance(error, RingRiftError) or not isinstance(error, Exception):
            raise
        raise NotHandedOver(f"{issue.stage} of run {issue.run_id[:12]}: {error}") from error


def _take_back(ledger: Ledger, issue: Issue, fence: Fence | None) -> None:
    with ledger.write(fence) as tx:
        stages.mark_unissued(tx, issue.run_id, issue.stage, issue.units)
