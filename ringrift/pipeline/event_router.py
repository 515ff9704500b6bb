"""Who is told of which event: one table.

Events are rows, committed with the change they tell of (`store.events`); `relay` hands those that
are still to be published to the handlers wired here, and then marks them. A relay that dies in
between hands them over again, so a handler must bear an event twice; `advance` does. Hooks of the
settings hear beside the relay (`pipeline.hooks`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from ringrift.errors import RingRiftError
from ringrift.pipeline.dispatcher import call_courier, current_dispatcher
from ringrift.pipeline.events import Kind
from ringrift.pipeline.orchestrator import advance
from ringrift.store import events
from ringrift.store.events import EventRow
from ringrift.store.ledger import Fence, Ledger

log = structlog.get_logger(__name__)

Handler = Callable[[Ledger, EventRow], None]

#: Names of the subscribers in this program; hooks have names of their own.
LOG, PIPELINE = "log", "pipeline"


@dataclass(frozen=True, slots=True)
class Subscription:
    """Somebody who is told of a kind of event."""

    #: Who: log, pipeline, or what a test calls itself.
    name: str
    handler: Handler


@dataclass(frozen=True, slots=True)
class Router:
    """Handlers of each kind of event."""

    handlers: dict[str, list[Subscription]] = field(default_factory=dict)

    def subscribe(self, kind: Kind, handler: Handler, name: str = "") -> None:
        """Tell this handler too."""
        found = Subscription(name or handler.__name__, handler)
        self.handlers.setdefault(kind, []).append(found)

    def of(self, kind: str, name: str | None = None) -> list[Subscription]:
        """Who is told of a kind; only those of this name, if one is given."""
        return [one for one in self.handlers.get(kind, []) if name in (None, one.name)]

    def publish(self, ledger: Ledger, event: EventRow) -> None:
        """Tell every handler of the event's kind."""
        for one in self.of(event.kind):
            one.handler(ledger, event)


def go_on(ledger: Ledger, event: EventRow) -> None:
    """Bring the run forward: issue what the event made possible."""
    if event.run_id is not None:
        advance(ledger, event.run_id, current_dispatcher())


def go_out(_ledger: Ledger, event: EventRow) -> None:
    """Take the files of a config's models to where they are needed (`models.distribute_to`)."""
    if event.config is not None:
        call_courier(event.config)


def go_on_and_out(ledger: Ledger, event: EventRow) -> None:
    """Bring the run forward, and take the files out: those who play its gates may lack the candidate."""
    go_on(ledger, event)
    go_out(ledger, event)


def note(_ledger: Ledger, event: EventRow) -> None:
    """Write an event into the log."""
    log.info("event", kind=event.kind, seq=event.seq, config=event.config, **_trace(event))


def warn(_ledger: Ledger, event: EventRow) -> None:
    """Write an event that somebody should look at into the log."""
    log.warning(
        "event",
        kind=event.kind,
        seq=event.seq,
        config=event.config,
        **_trace(event),
        reason=event.payload.get("reason") or event.payload.get("error"),
    )


def _trace(event: EventRow) -> dict[str, object]:
    """Its run; with RINGRIFT_TRACE_DEBUG the work that told it, which is over when this is logged."""
    run = None if event.run_id is None else event.run_id[:12]
    return {"run": run, **event.payload.get("trace", {})}


#: The wiring: what the log says of each kind, and where the pipeline goes on by itself. The latter are
#: left out without auto_trigger.
#:
#: kind                    log     pipeline
WIRING: tuple[tuple[Kind, Handler, Handler | None], ...] = (
    (Kind.SELFPLAY_COMPLETE, note, go_on),  # ─▶ sync
    (Kind.DATA_SYNC_COMPLETED, note, go_on),  # ─▶ parity
    (Kind.PARITY_CHECKED, note, go_on),  # ─▶ export
    (Kind.PARITY_SKIPPED, warn, go_on),  # ─▶ export
    (Kind.NPZ_EXPORT_COMPLETE, note, go_on),  # ─▶ train
    (Kind.TRAINING_COMPLETED, note, go_on_and_out),  # ─▶ evaluate_plan, evaluate; distribution
    (Kind.EVALUATION_COMPLETED, note, go_on),  # ─▶ promote
    (Kind.MODEL_PROMOTED, note, go_out),  # ─▶ distribution
    (Kind.DATA_COLLECTED, note, None),
    (Kind.MODEL_REJECTED, warn, go_out),  # ─▶ distribution: it may play selfplay all the same
    (Kind.MODEL_ROLLED_BACK, warn, go_out),  # ─▶ distribution
    (Kind.REGRESSION_DETECTED, warn, None),
    (Kind.STAGE_FAILED, warn, None),  # the reconciler has it tried again
    (Kind.STAGE_ABANDONED, warn, go_on),  # ─▶ goes on without it, or closes the run
    (Kind.RUN_FAILED, warn, None),
    (Kind.QUALITY_REFUSED, warn, None),
    (Kind.BLOB_QUARANTINED, warn, go_on),  # ─▶ its shard is played again
    (Kind.GAME_QUARANTINED, warn, None),
    (Kind.NODE_UP, note, None),
    (Kind.NODE_DOWN, warn, None),
    (Kind.CAPACITY_CHANGED, note, None),
    (Kind.LEASE_TAKEN, note, None),
    (Kind.LEASE_RELEASED, note, None),
    (Kind.LEASE_LOST, warn, None),
    (Kind.LOOP_DEFERRED, note, None),
    (Kind.LOOP_RESUMED, note, None),
    (Kind.CIRCUIT_OPENED, warn, None),
    (Kind.CIRCUIT_HALF_OPEN, note, None),
    (Kind.CIRCUIT_CLOSED, note, None),
    (Kind.MODEL_PRUNED, note, None),
    (Kind.MODEL_DISTRIBUTED, note, None),
    (Kind.DISTRIBUTION_FAILED, warn, None),
    (Kind.MESSAGE_SET_ASIDE, warn, go_on),  # ─▶ its unit is issued again, or given up
    (Kind.MESSAGES_DROPPED, note, None),
    (Kind.MESSAGES_GIVEN_BACK, warn, None),
    (Kind.TASKS_LOST, warn, go_on),  # ─▶ issued again
    (Kind.TASK_STUCK, warn, go_on),  # ─▶ tried again, where it was taken back
    (Kind.HOOK_FAILED, warn, None),
)


def wire_pipeline_events(auto_trigger: bool = True) -> Router:
    """The router of the pipeline. With `auto_trigger` each event issues the next stage.

        ringrift.celery.loaded()
        relay(open_context().ledger, wire_pipeline_events(auto_trigger=True))

    NoDispatcher, naming the cure, if nothing is there to carry the next stage out.
    """
    if auto_trigger:
        current_dispatcher()
    router = Router()
    for kind, said, auto in WIRING:
        router.subscribe(kind, said, LOG)
        if auto_trigger and auto is not None:
            router.subscribe(kind, auto, PIPELINE)
    return router


def relay(ledger: Ledger, router: Router, limit: int = 100, fence: Fence | None = None) -> int:
    """Publish what is committed and unpublished, in order; how many events.

    A handler that fails (the broker is away) leaves its event, and those after it, for the next
    time; it is said, not raised. An event that is not what its kind says is said and passed over:
    handlers could do nothing with it, and it would hold up all others for ever. So is one over which a
    handler breaks: the reconciler brings its run forward all the same. StaleFence before anybody is
    told, for what handlers do carries no fence.
    """
    with ledger.read() if fence is None else ledger.write(fence) as tx:
        waiting = events.unpublished(tx, limit)
    published = 0
    for event in waiting:
        try:
            if event.fault is None:
                router.publish(ledger, event)
            else:
                log.error("event passed over", kind=event.kind, seq=event.seq, error=event.fault)
        except (RingRiftError, OSError) as error:
            log.warning("event not relayed yet", kind=event.kind, seq=event.seq, error=str(error))
            break
        except Exception:  # a defect of ours: at the next time it would be the same
            log.exception("event passed over", kind=event.kind, seq=event.seq)
        with ledger.write(fence) as tx:
            events.mark_published(tx, [event.seq])
        published += 1
    return published
