"""Stage rows: the one driver of a run.

A run is a list of stages, and a stage has one row per unit of work (a shard, a chunk of a match, or
the unit "" for the whole run). Whoever delivers work (a Celery chain, the relay, the reconciler,
the in-process loop), and however often, it claims the row first:

    claim = claim_stage(ledger, run_id, "train", owner="host:123", lease_seconds=60)
    if claim is None:
        return                              # done, at work elsewhere, or not its turn yet
    ... heartbeat(ledger, claim) every third of the lease ...
    complete_stage(ledger, claim, result, events)

            claim                    complete
  pending ────────▶ running ─────────────────▶ done
     ▲               │ │ ▲
     │ fail, release │ │ └ claim again, once the lease has run out
     └───────────────┘ └─▶ abandoned            after `max_failures` failed or silent claims

A claim's number (`attempt`) grows with each claim of the row, so a worker that was taken for dead
and comes back is refused: it is its own fence. Rows of a later stage cannot be claimed before all
rows of the earlier ones are done or abandoned, so no order of deliveries advances a run twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ringrift.errors import BadInput, NegativeVerdict
from ringrift.events.payloads import StageAbandoned, StageFailed
from ringrift.store import events as outbox
from ringrift.store.ids import task_id
from ringrift.store.ledger import Fence, Ledger, Tx, insert_once
from ringrift.store.schema import runs, stages

#: The stages of a run in their order. `evaluate` has the units that `evaluate_plan` made.
ORDER = ("selfplay", "sync", "parity", "export", "train", "evaluate_plan", "evaluate", "promote")

PENDING, RUNNING, DONE, ABANDONED = "pending", "running", "done", "abandoned"

#: A row in one of these states needs no more work.
SETTLED = (DONE, ABANDONED)

#: Iterations that tell how long a stage takes.
LATEST_RUNS = 8

#: A unit that failed or went silent this often is poison: it is given up, and the run says so.
MAX_FAILURES = 5


class Superseded(NegativeVerdict):
    """The claim is no longer this worker's: another took the work over, or the run was closed."""


@dataclass(frozen=True, slots=True)
class NewStage:
    """A stage row to be made."""

    stage: str
    #: What the unit is: a shard id, a match chunk id, or "" for the whole run.
    unit: str = ""
    #: Input of the work, plain JSON.
    spec: Mapping[str, Any] | None = None
    #: Place among the units of its stage.
    number: int = 0


@dataclass(frozen=True, slots=True)
class StageRow:
    """A stage row as it stands."""

    id: str
    run_id: str
    stage: str
    unit: str
    number: int
    state: str
    attempt: int
    failures: int
    max_failures: int
    owner: str | None
    issued_at: float | None
    claimed_at: float | None
    heartbeat_at: float | None
    lease_until: float | None
    finished_at: float | None
    spec: dict[str, Any]
    progress: dict[str, Any] | None
    result: dict[str, Any] | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to do one unit of work, until its lease runs out and another claims it."""

    #: Id of the stage row, which is also the id of the task.
    id: str
    run_id: str
    stage: str
    unit: str
    #: Number of this claim of the row.
    attempt: int
    owner: str
    lease_seconds: float
    #: Input of the work.
    spec: dict[str, Any]
    #: The lease under which the claim was made, if any: every write of the claim carries it.
    fence: Fence | None = None


_COLUMNS = [stages.c[name] for name in StageRow.__dataclass_fields__]

#: Asked often, so built once.
_ONE = sa.select(*_COLUMNS).where(stages.c.id == sa.bindparam("task"))
_ALL = (
    sa.select(*_COLUMNS)
    .where(stages.c.run_id == sa.bindparam("run"))
    .order_by(stages.c.position, stages.c.number, stages.c.unit)
)
_ALL_IN_STATE = _ALL.where(stages.c.state == sa.bindparam("state"))
_ISSUED = stages.update().where(
    stages.c.run_id == sa.bindparam("of_run"),
    stages.c.stage == sa.bindparam("of_stage"),
    stages.c.unit.in_(sa.bindparam("units", expanding=True)),
)
_CLAIMED = (
    sa.select(stages.c.stage, sa.func.count().label("units"))
    .where(stages.c.state == RUNNING, stages.c.lease_until > sa.bindparam("now"))
    .group_by(stages.c.stage)
)
_HANDED_OVER = (
    sa.select(stages.c.stage, sa.func.count().label("units"))
    .join(runs, runs.c.id == stages.c.run_id)
    .where(runs.c.state == "open", stages.c.state == PENDING, stages.c.issued_at.is_not(None))
    .group_by(stages.c.stage)
)
_RUN_STATE = sa.select(runs.c.state).where(runs.c.id == sa.bindparam("run"))
_EARLIER = (
    sa.select(stages.c.id)
    .where(
        stages.c.run_id == sa.bindparam("run"),
        stages.c.position < sa.bindparam("place"),
        stages.c.state.not_in(SETTLED),
    )
    .limit(1)
)


def add_stages(
    tx: Tx, run_id: str, new: Sequence[NewStage], max_failures: int = MAX_FAILURES
) -> int:
    """Make rows that are not there yet; how many were new."""
    return insert_once(
        tx,
        stages,
        [
            {
                "id": task_id(run_id, row.stage, row.unit),
                "run_id": run_id,
                "stage": row.stage,
                "unit": row.unit,
                "position": ORDER.index(row.stage),
                "number": row.number,
                "state": PENDING,
                "attempt": 0,
                "failures": 0,
                "max_failures": max_failures,
                "spec": dict(row.spec or {}),
            }
            for row in new
        ],
    )


def stages_of(tx: Tx, run_id: str, state: str | None = None) -> list[StageRow]:
    """All rows of a run (in this state), in the order of its work."""
    query = _ALL if state is None else _ALL_IN_STATE
    found = tx.conn.execute(query, {"run": run_id, "state": state} if state else {"run": run_id})
    return [StageRow(**row) for row in found.mappings()]


def claimed(tx: Tx) -> dict[str, int]:
    """Units at work within their lease, by stage; stages without any are left out."""
    return {row.stage: int(row.units) for row in tx.conn.execute(_CLAIMED, {"now": tx.now})}


def handed_over(tx: Tx) -> dict[str, int]:
    """Units of open runs that were handed over and that nobody has claimed, by stage."""
    return {row.stage: int(row.units) for row in tx.conn.execute(_HANDED_OVER)}


def stage_seconds(tx: Tx, config: str) -> dict[str, float]:
    """Seconds of each stage of an iteration when it was last done as a whole, from first claim to end.

    Of the newest LATEST_RUNS ones: what is older says little of the network and machines of now.
    """
    left = sa.func.sum(sa.case((stages.c.state == DONE, 0), else_=1))
    query = (
        sa.select(
            stages.c.stage,
            (sa.func.max(stages.c.finished_at) - sa.func.min(stages.c.claimed_at)).label("took"),
        )
        .join(runs, runs.c.id == stages.c.run_id)
        .where(
            runs.c.config == config,
            sa.not_(runs.c.backfill),
            runs.c.iteration >= first_lately(config),
        )
        .group_by(runs.c.iteration, stages.c.stage)
        .having(left == 0)
        .order_by(runs.c.iteration)
    )
    return {row.stage: max(0.0, float(row.took)) for row in tx.conn.execute(query)}


def first_lately(config: str) -> sa.ColumnElement[int]:
    """Number of the oldest of the newest LATEST_RUNS iterations of a config, 0 where there are not so many.

    Not counted by numbers: any number of backfill runs may lie between two iterations.
    """
    numbers = (
        sa.select(runs.c.iteration)
        .where(runs.c.config == config, sa.not_(runs.c.backfill))
        .order_by(runs.c.iteration.desc())
        .limit(1)
        .offset(LATEST_RUNS - 1)
    )
    return sa.func.coalesce(numbers.scalar_subquery(), 0)


def stage_row(tx: Tx, run_id: str, stage: str, unit: str = "") -> StageRow | None:
    """One row, None if there is none."""
    row = tx.conn.execute(_ONE, {"task": task_id(run_id, stage, unit)}).mappings().first()
    return None if row is None else StageRow(**row)


def claim_stage(
    ledger: Ledger,
    run_id: str,
    stage: str,
    unit: str = "",
    *,
    owner: str,
    lease_seconds: float,
    fence: Fence | None = None,
) -> Claim | None:
    """Claim a unit of work, or None if there is nothing to do here now.

    None means: done or abandoned; at work elsewhere within its lease; an earlier stage of the run
    is not settled; or the run is closed. A claim that went silent counts as a failure, and the
    row is abandoned instead of claimed when that was one too many (a poison unit would otherwise
    kill one worker after another). BadInput if there is no such row.
    """
    with ledger.write(fence) as tx:
        row = stage_row(tx, run_id, stage, unit)
        if row is None:
            raise BadInput(f"no stage {stage!r} unit {unit!r} in run {run_id[:12]}")
        if row.state in SETTLED or _run_state(tx, run_id) != "open":
            return None
        if row.state == RUNNING and (row.lease_until or 0.0) > tx.now:
            return None
        if _earlier_unsettled(tx, run_id, stage):
            return None
        silent = row.state == RUNNING
        failures = row.failures + (1 if silent else 0)
        if failures >= row.max_failures:
            settle_abandoned(
                tx, row, failures, f"{failures} claims failed or went silent, last of {row.owner}"
            )
            return None
        if silent:
            tell_failed(tx, row, failures, f"went silent, last of {row.owner}")
        taken = tx.conn.execute(
            stages.update()
            # The attempt makes this a compare-and-set where two claims run side by side.
            .where(stages.c.id == row.id, stages.c.attempt == row.attempt)
            .values(
                state=RUNNING,
                attempt=row.attempt + 1,
                failures=failures,
                owner=owner,
                claimed_at=tx.now,
                heartbeat_at=tx.now,
                lease_until=tx.now + lease_seconds,
                progress=None,
            )
        )
        if taken.rowcount != 1:
            return None
    return Claim(
        id=row.id,
        run_id=run_id,
        stage=stage,
        unit=unit,
        attempt=row.attempt + 1,
        owner=owner,
        lease_seconds=lease_seconds,
        spec=row.spec,
        fence=fence,
    )


def heartbeat(ledger: Ledger, claim: Claim, progress: Mapping[str, Any] | None = None) -> None:
    """Renew the lease and say how far the work is; Superseded if the claim has been lost.

    A lease that ran out but was claimed by nobody is renewed: the work is still only here.
    """
    values: dict[str, Any] = {}
    if progress is not None:
        values["progress"] = dict(progress)
    with ledger.write(claim.fence) as tx:
        values["heartbeat_at"] = tx.now
        values["lease_until"] = tx.now + claim.lease_seconds
        _update_held(tx, claim, values)


def complete_stage(
    ledger: Ledger,
    claim: Claim,
    result: Mapping[str, Any],
    events: Sequence[outbox.NewEvent] = (),
    rows: Callable[[Tx], None] | None = None,
) -> None:
    """Commit the result, its events and the rows it made in one transaction.

    `rows` inserts what the work made (shards, games, models, stage rows of its units). Superseded,
    with nothing written, if another worker has taken the work over.
    """
    with ledger.write(claim.fence) as tx:
        # Units that end side by side see each other's end: the last one knows that it is the last.
        tx.conn.execute(sa.select(runs.c.id).where(runs.c.id == claim.run_id).with_for_update())
        _update_held(
            tx,
            claim,
            {
                "state": DONE,
                "finished_at": tx.now,
                "result": dict(result),
                "error": None,
                "lease_until": None,
            },
        )
        if rows is not None:
            rows(tx)
        for event in events:
            outbox.append(tx, event)


def fail_stage(ledger: Ledger, claim: Claim, error: str, *, final: bool = False) -> str:
    """Give the work back after an error; the new state: pending, or abandoned after too many.

    `final` abandons at once: trying again cannot help (the input itself is bad).
    """
    with ledger.write(claim.fence) as tx:
        row = stage_row(tx, claim.run_id, claim.stage, claim.unit)
        if row is None:
            raise _superseded(claim)
        failures = row.failures + 1
        if final or failures >= row.max_failures:
            _check_held(tx, claim)
            settle_abandoned(tx, row, failures, error)
            return ABANDONED
        _update_held(
            tx,
            claim,
            {
                "state": PENDING,
                "failures": failures,
                "error": error,
                "issued_at": None,
                "lease_until": None,
            },
        )
        tell_failed(tx, row, failures, error)
        return PENDING


def release_stage(ledger: Ledger, claim: Claim) -> None:
    """Give the work back unharmed (Ctrl-C, a stopping worker): no failure is counted."""
    with ledger.write(claim.fence) as tx:
        _update_held(tx, claim, {"state": PENDING, "issued_at": None, "lease_until": None})


def reopen(tx: Tx, run_id: str, stage: str, unit: str, error: str) -> None:
    """Have a done unit done again, because what it made turned out bad; counts as its failure."""
    row = stage_row(tx, run_id, stage, unit)
    if row is None or row.state != DONE:
        return
    if row.failures + 1 >= row.max_failures:
        settle_abandoned(tx, row, row.failures + 1, error)
        return
    tx.conn.execute(
        stages.update()
        .where(stages.c.id == row.id, stages.c.attempt == row.attempt)
        .values(
            state=PENDING,
            failures=row.failures + 1,
            error=error,
            issued_at=None,
            finished_at=None,
            result=None,
        )
    )


def mark_issued(tx: Tx, run_id: str, stage: str, units: Sequence[str]) -> None:
    """Note that these units are handed to a dispatcher now."""
    _set_issued(tx, run_id, stage, units, tx.now)


def mark_unissued(tx: Tx, run_id: str, stage: str, units: Sequence[str]) -> None:
    """Take the note back: handing over failed, they are due at once."""
    _set_issued(tx, run_id, stage, units, None)


def _set_issued(
    tx: Tx, run_id: str, stage: str, units: Sequence[str], issued_at: float | None
) -> None:
    of = {"of_run": run_id, "of_stage": stage, "units": list(units), "issued_at": issued_at}
    tx.conn.execute(_ISSUED, of)


def expire_claims(tx: Tx, run_id: str, dead: Callable[[str], bool]) -> int:
    """End the leases of owners that are known to be dead, so that nobody waits them out; how many."""
    ended = 0
    for row in stages_of(tx, run_id, RUNNING):
        if (row.lease_until or 0.0) > tx.now and dead(row.owner or ""):
            tx.conn.execute(
                stages.update()
                .where(stages.c.id == row.id, stages.c.attempt == row.attempt)
                .values(lease_until=tx.now)
            )
            ended += 1
    return ended


def abandon_expired(tx: Tx, run_id: str) -> int:
    """Settle rows whose last allowed claim went silent; how many."""
    settled = 0
    for row in stages_of(tx, run_id, RUNNING):
        silent = (row.lease_until or 0.0) <= tx.now
        if silent and row.failures + 1 >= row.max_failures:
            settle_abandoned(
                tx, row, row.failures + 1, f"went silent {row.failures + 1} times, last {row.owner}"
            )
            settled += 1
    return settled


def _run_state(tx: Tx, run_id: str) -> str | None:
    return tx.conn.scalar(_RUN_STATE, {"run": run_id})


def _earlier_unsettled(tx: Tx, run_id: str, stage: str) -> bool:
    return tx.conn.scalar(_EARLIER, {"run": run_id, "place": ORDER.index(stage)}) is not None


def hold(tx: Tx, claim: Claim) -> None:
    """Refuse, with Superseded, what a worker writes beside its row when its claim is lost."""
    _check_held(tx, claim)


def _held(claim: Claim) -> sa.ColumnElement[bool]:
    """The claim is the newest of its row, and its run is open: nothing is added to a closed one."""
    return sa.and_(
        sa.exists().where(runs.c.id == claim.run_id, runs.c.state == "open"),
        stages.c.id == claim.id,
        stages.c.attempt == claim.attempt,
        stages.c.owner == claim.owner,
        stages.c.state == RUNNING,
    )


def _superseded(claim: Claim) -> Superseded:
    return Superseded(
        f"{claim.stage} {claim.unit[:12]} of run {claim.run_id[:12]}: attempt {claim.attempt} of "
        f"{claim.owner} is over: its lease ran out, its work is done, or its run is closed"
    )


def _check_held(tx: Tx, claim: Claim) -> None:
    if tx.conn.scalar(sa.select(stages.c.id).where(_held(claim))) is None:
        raise _superseded(claim)


def _update_held(tx: Tx, claim: Claim, values: Mapping[str, Any]) -> None:
    if tx.conn.execute(stages.update().where(_held(claim)).values(**values)).rowcount != 1:
        raise _superseded(claim)


def tell_failed(tx: Tx, row: StageRow, failures: int, error: str) -> None:
    """Tell that the last claim of a row ended in an error or went silent."""
    about = StageFailed(
        stage=row.stage,
        unit=row.unit,
        attempt=row.attempt,
        failures=failures,
        of=row.max_failures,
        error=error,
    )
    unit = f"{row.unit}/{row.attempt}"
    outbox.append(tx, outbox.NewEvent.of(about, row.run_id, row.stage, unit))


def settle_abandoned(tx: Tx, row: StageRow, failures: int, error: str) -> None:
    """Give a row up, and tell it, unless it was claimed since."""
    done = tx.conn.execute(
        stages.update()
        .where(stages.c.id == row.id, stages.c.attempt == row.attempt)
        .values(
            state=ABANDONED,
            failures=failures,
            error=error,
            finished_at=tx.now,
            lease_until=None,
        )
    )
    if done.rowcount == 1:
        about = StageAbandoned(
            stage=row.stage, unit=row.unit, attempt=row.attempt, failures=failures, error=error
        )
        outbox.append(tx, outbox.NewEvent.of(about, row.run_id, row.stage, row.unit))
