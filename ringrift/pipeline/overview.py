"""Everything that a person asks of a cluster at one moment: who steers, who works, what waits, what failed.

    found = overview(ctx, look(ctx.home))       # ringrift.celery_look.look asks the broker

The ledger is read, the broker is told of: where it is away, the overview says so and holds the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from ringrift.pipeline import capacity, nodes, scheduling
from ringrift.pipeline.context import Context
from ringrift.pipeline.events import Kind
from ringrift.pipeline.file_looks import Files
from ringrift.pipeline.lease import Holder
from ringrift.pipeline.nodes import Node
from ringrift.pipeline.owner import is_dead
from ringrift.pipeline.schedule_view import look
from ringrift.pipeline.status import ConfigStatus, Looked, config_status, known_configs
from ringrift.store import events, loops, work
from ringrift.store.events import EventRow
from ringrift.store.ledger import MASTER, FenceRow, Tx, fence_row
from ringrift.store.loops import LoopRow

#: What somebody should look at, newest last.
FAILURES: Final = (
    Kind.STAGE_FAILED,
    Kind.STAGE_ABANDONED,
    Kind.RUN_FAILED,
    Kind.MODEL_ROLLED_BACK,
    Kind.REGRESSION_DETECTED,
    Kind.QUALITY_REFUSED,
    Kind.BLOB_QUARANTINED,
    Kind.GAME_QUARANTINED,
    Kind.LEASE_LOST,
    Kind.CIRCUIT_OPENED,
    Kind.HOOK_FAILED,
    Kind.DISTRIBUTION_FAILED,
)

#: How many of them are shown, and how far back they are counted.
SHOWN_FAILURES, FAILURE_SECONDS = 3, 3600.0

#: A loop that left out so many signs of life (cluster.heartbeat_seconds) is not at work any more,
#: whatever it said last.
MISSED_BEATS = 4


@dataclass(frozen=True, slots=True)
class BrokerLook:
    """What the broker said, or that it said nothing."""

    answers: bool
    #: Whether there is one, as far as can be told: without one nobody holds a lease.
    expected: bool
    #: Where it is, without its password, or why it does not answer.
    said: str
    #: Who holds which lease.
    leases: Mapping[str, Holder] = field(default_factory=dict)
    #: Messages that nobody has taken, by queue.
    waiting: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MasterStatus:
    """Who holds the master lease."""

    #: held, free, or unknown where the broker does not answer.
    state: str
    #: Machine, process and a random part; of the last holder, where nobody holds it now.
    owner: str | None
    fence: int | None
    #: When it was taken, seconds since 1970.
    since: float | None
    #: Seconds until it expires unless it is renewed.
    seconds_left: float | None
    #: Whether its process, on this machine, is known to be gone: the lease only runs out.
    gone: bool


@dataclass(frozen=True, slots=True)
class LoopStatus:
    """Another loop, as it said last."""

    said: LoopRow
    #: Seconds since its last sign of life.
    silent_seconds: float
    #: Whether it is at work: not stopped, not silent, its process not known to be gone.
    alive: bool


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """One queue."""

    queue: str
    #: Messages that nobody has taken, None where the broker does not answer.
    waiting: int | None
    workers: int
    slots: int
    #: Units at work.
    busy: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that went wrong: the event that tells it."""

    seq: int
    #: Seconds since 1970.
    at: float
    kind: str
    config: str | None
    run: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Overview:
    """All of it. `as_dict` is what `ringrift status --json` prints."""

    home: str
    #: Seconds since 1970, by the ledger's clock.
    at: float
    broker: BrokerLook
    master: MasterStatus
    loops: list[LoopStatus]
    nodes: list[Node]
    queues: list[QueueStatus]
    #: The newest ones, and how many there were within the last hour.
    failures: list[Failure]
    failures_last_hour: int
    configs: list[ConfigStatus]
    #: Files that there was no time to read: `--check` reads all of them.
    files_unread: int

    @property
    def wrong(self) -> bool:
        """Whether files are not what the ledger says."""
        return any(c.games_in_ledger != c.games_in_shards or c.unreadable for c in self.configs)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON; configs by name."""
        whole = asdict(self)
        whole["configs"] = {c.config: c.as_dict() for c in self.configs}
        whole["loops"] = [
            {**asdict(one.said), "silent_seconds": one.silent_seconds, "alive": one.alive}
            for one in self.loops
        ]
        return whole


def overview(
    ctx: Context,
    broker: BrokerLook,
    configs: Sequence[str] | None = None,
    files: Files | None = None,
) -> Overview:
    """Everything at one moment, of these configs or of all. `files` None: those of shards are not looked at."""
    names = known_configs(ctx) if configs is None else list(configs)
    light = files is None
    files = files or Files(ctx.home, seconds=0.0)
    with ctx.ledger.read() as tx:
        now = tx.now
        master = _master(fence_row(tx, MASTER), broker)
        found = [_loop(row, ctx, now) for row in loops.all_loops(tx)]
        up = nodes.standing(tx)
        failed = [_failure(row) for row in events.last_events(tx, SHOWN_FAILURES, kinds=FAILURES)]
        lately = events.count_since(tx, FAILURES, now - FAILURE_SECONDS)
        looked = looked_at(tx, ctx, None if master.state == "unknown" else master.state == "held")
    told = [config_status(ctx, name, files, looked, light=light) for name in names]
    files.keep()
    return Overview(
        home=str(ctx.home),
        at=now,
        broker=broker,
        master=master,
        loops=found,
        nodes=up,
        queues=[
            QueueStatus(
                one.queue,
                broker.waiting.get(one.queue, 0) if broker.answers else None,
                one.workers,
                one.slots,
                one.busy,
            )
            for one in (looked.workers or {}).values()
        ],
        failures=failed,
        failures_last_hour=lately,
        configs=told,
        files_unread=0 if light else files.unread,
    )


def looked_at(tx: Tx, ctx: Context, master: bool | None) -> Looked:
    """What is found out once for all configs; `master`: whether a master loop is at work, None if nobody knows."""
    decided = scheduling.decide(look(tx, ctx.settings)) if master else []
    return Looked(
        master=master,
        loops=alive_loops(tx, ctx),
        decisions={one.config: one for one in decided},
        workers=capacity.capacities(tx),
        supplies=work.supplies(tx),
    )


def _master(last: FenceRow | None, broker: BrokerLook) -> MasterStatus:
    """Who holds the master lease: the broker knows whether, SQL since when."""
    holder = broker.leases.get(MASTER)
    if holder is not None:
        since = last.taken_at if last is not None and last.owner == holder.owner else None
        gone = is_dead(holder.owner)
        return MasterStatus("held", holder.owner, holder.fence, since, holder.seconds_left, gone)
    state = "free" if broker.answers or not broker.expected else "unknown"
    if last is None:
        return MasterStatus(state, None, None, None, None, gone=False)
    gone = is_dead(last.owner)
    return MasterStatus(state, last.owner, last.number, last.taken_at, None, gone)


def alive_loops(tx: Tx, ctx: Context) -> list[LoopRow]:
    """What the loops beside the master say that are at work."""
    return [row for row in loops.all_loops(tx) if _loop(row, ctx, tx.now).alive]


def _loop(row: LoopRow, ctx: Context, now: float) -> LoopStatus:
    silent = max(0.0, now - row.updated_at)
    there = silent <= MISSED_BEATS * ctx.settings.cluster.heartbeat_seconds
    alive = row.state != loops.STOPPED and there and not is_dead(row.owner)
    return LoopStatus(row, silent, alive)


def _failure(row: EventRow) -> Failure:
    return Failure(row.seq, row.created_at, row.kind, row.config, row.run_id, failure_text(row))


def failure_text(row: EventRow) -> str:
    """What went wrong, in one line."""
    about = row.payload
    why = str(about.get("error") or about.get("reason") or row.fault or "")
    unit = (
        f"{about['stage']} {str(about.get('unit') or '')[:12]}".strip() if "stage" in about else ""
    )
    match row.kind:
        case Kind.STAGE_FAILED:
            return f"{unit}, attempt {about.get('attempt')}: {why}"
        case Kind.STAGE_ABANDONED:
            return f"{unit} given up after {about.get('failures')} failures: {why}"
        case Kind.LEASE_LOST:
            return f"{about.get('owner')} lost the {about.get('lease')} lease"
        case Kind.CIRCUIT_OPENED:
            return f"circuit breaker {about.get('breaker')} opened: {why}"
        case Kind.REGRESSION_DETECTED:
            return f"{str(about.get('model'))[:12]} is weaker than {str(about.get('against'))[:12]}"
        case Kind.MODEL_ROLLED_BACK:
            back = (
                f"{str(about.get('model'))[:12]} taken back for {str(about.get('restored'))[:12]}"
            )
            return f"{back}: {why}"
        case Kind.BLOB_QUARANTINED | Kind.GAME_QUARANTINED:
            return f"{about.get('path')}: {why}"
        case Kind.HOOK_FAILED:
            return f"hook {about.get('hook')}: {why}"
        case _:
            return why
