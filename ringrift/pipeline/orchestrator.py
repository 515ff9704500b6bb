"""What a run needs next: `decide` is a pure function of the run's stage rows.

    selfplay ×n ─▶ sync ─▶ parity ─▶ export ─▶ train ─▶ evaluate_plan ─▶ evaluate ×m ─▶ promote

`advance` is the doing around it: read, decide, mark what is issued, commit, then hand over. It is
called after every event, by the reconciler's tick, and by the in-process loop, in any order and as
often as anyone likes.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from ringrift.pipeline import telemetry
from ringrift.pipeline.dispatcher import REISSUE_SECONDS, Dispatcher, Issue, filling_of
from ringrift.pipeline.events import run_failed
from ringrift.pipeline.feeding import feed, hand_over
from ringrift.pipeline.owner import is_dead
from ringrift.pipeline.schedule_view import PLAYED
from ringrift.store import runs, stages, upkeep
from ringrift.store.ledger import Fence, Ledger, Tx
from ringrift.store.stages import ABANDONED, ORDER, PENDING, RUNNING, SETTLED, StageRow

log = structlog.get_logger(__name__)

#: Share of a stage's units that may be given up before the run is. Shards are independent draws
#: of the same self-play, so a run with most of them is a smaller run, not a biased one.
QUORUM = 0.8

#: A unit that failed rests for so long after each of its failures: what is wrong for a moment (a device out of memory,
#: a file system away) shall not use up all its attempts within seconds, and end a run that trained for hours.
RETRY_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class RunView:
    """What a decision sees: one run and its rows at one moment."""

    run_id: str
    #: False once the run is closed.
    open: bool
    rows: tuple[StageRow, ...]
    #: Seconds since 1970, by the ledger's clock.
    now: float
    #: Of its selfplay messages.
    priority: int = runs.PRIORITY


@dataclass(frozen=True, slots=True)
class Close:
    """Close a run that cannot go on."""

    run_id: str
    reason: str


Command = Issue | Close


def decide(
    view: RunView, reissue_seconds: float = REISSUE_SECONDS, *, fed: bool = False
) -> list[Command]:
    """The commands that bring the run forward now; none if all that can be done is being done.

    The first stage with unsettled rows is the run's stage. Its rows that are pending and not
    handed over lately, and those whose claim went silent, are issued; not those that failed a moment ago, unless
    `reissue_seconds` is 0: then somebody waits for them. A stage that lost too many
    units closes the run as failed. `fed`: shards that wait are sent by `pipeline.feeding`, some at a
    time; only those whose claim went silent are issued here.
    """
    if not view.open:
        return []
    for stage in ORDER:
        rows = [row for row in view.rows if row.stage == stage]
        lost = [row for row in rows if row.state == ABANDONED]
        if len(lost) > (1.0 - QUORUM) * len(rows):
            worst = lost[0]
            return [
                Close(
                    view.run_id,
                    f"{stage}: {len(lost)} of {len(rows)} units given up, "
                    f"first after {worst.failures} failures: {worst.error}",
                )
            ]
        waiting = tuple(
            row.unit
            for row in rows
            if row.state not in SETTLED
            and not (fed and _is_fed(row))
            and _due(row, view.now, reissue_seconds)
        )
        if any(row.state not in SETTLED for row in rows):
            last = not any(fed and _is_fed(row) for row in rows)
            found = Issue(view.run_id, stage, waiting, view.priority, last)
            return [found] if waiting else []
    return []


def _is_fed(row: StageRow) -> bool:
    """A shard that nobody has claimed."""
    return row.stage == PLAYED and row.state == PENDING


def _due(row: StageRow, now: float, reissue_seconds: float) -> bool:
    """Nobody has this unit, as far as can be told, and no message of it is on its way."""
    if row.state == RUNNING:
        ended = row.lease_until or 0.0
        if ended > now:
            return False
        if row.issued_at is None or row.issued_at < ended or row.issued_at <= (row.claimed_at or 0):
            return True  # else it was handed over again since its claim went silent
    if row.issued_at is None:
        return not (reissue_seconds and _rests(row, now))
    return row.issued_at + reissue_seconds <= now


def _rests(row: StageRow, now: float) -> bool:
    """It failed a moment ago."""
    rest = RETRY_SECONDS * row.failures
    return 0.0 < (row.heartbeat_at or 0.0) + rest - now <= rest


def view_run(tx: Tx, run_id: str) -> RunView:
    """Read a run as `decide` sees it."""
    run = runs.get_run(tx, run_id)
    rows = tuple(stages.stages_of(tx, run_id))
    return RunView(run_id, run.state == runs.OPEN, rows, tx.now, run.priority)


def advance(
    ledger: Ledger,
    run_id: str,
    dispatcher: Dispatcher,
    *,
    fence: Fence | None = None,
    reissue_seconds: float = REISSUE_SECONDS,
    feeding: bool = True,
) -> list[Command]:
    """Decide and hand over; the commands that were carried out. NotHandedOver if that failed.

    What is issued is marked in the transaction that decided it, and handed over after the commit:
    two callers at once issue a unit once, and a worker never meets a row that is not there yet. A
    caller that dies in between leaves marked units that nobody has; they are due again after
    `reissue_seconds`, or at once if handing over raised.

    Shards go to a queue through `feed`, which looks at all runs; without `feeding` the caller does
    that, after several runs.
    """
    fed = filling_of(dispatcher) is not None
    with ledger.write(fence) as tx:
        if runs.get_run(tx, run_id).state != runs.OPEN:
            return []
        if upkeep.forget_future(tx, run_id):
            log.warning("the clock was set back: its times count anew", run=run_id[:12])
        if ledger.local:
            stages.expire_claims(tx, run_id, is_dead)
        stages.abandon_expired(tx, run_id)
        view = view_run(tx, run_id)
        commands = decide(view, reissue_seconds, fed=fed)
        for command in commands:
            if isinstance(command, Close):
                _close_failed(tx, command)
            else:
                stages.mark_issued(tx, run_id, command.stage, command.units)
    for command in commands:
        if isinstance(command, Close):
            log.error("run closed as failed", run=command.run_id[:12], reason=command.reason)
            telemetry.tell_if_closed(ledger, command.run_id)
            continue
        hand_over(ledger, dispatcher, command, fence)
    if fed and feeding and any(_is_fed(row) for row in view.rows):
        commands += feed(ledger, dispatcher, fence=fence, reissue_seconds=reissue_seconds)
    return commands


def _close_failed(tx: Tx, command: Close) -> None:
    if runs.close_run(tx, command.run_id, runs.FAILED, command.reason):
        run_failed(tx, command.run_id, command.reason)
