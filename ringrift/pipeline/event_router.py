"""Who is told of which event: one table.

Events are rows, committed with the change they tell of (`store.events`); `relay` hands those that
are still to be published to the handlers wired here, and then marks them. A relay that dies in
between hands them over again, so a handler must bear an event twice; `advance` does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from ringrift.errors import RingRiftError
from ringrift.pipeline.dispatcher import current_dispatcher
from ringrift.pipeline.events import Kind
from ringrift.pipeline.orchestrator import advance
from ringrift.store import events
from ringrift.store.events import EventRow
from ringrift.store.ledger import Fence, Ledger

log = structlog.get_logger(__name__)

Handler = Callable[[Ledger, EventRow], None]


@dataclass(frozen=True, slots=True)
class Router:
    """Handlers of each kind of event."""

    handlers: dict[str, list[Handler]] = field(default_factory=dict)

    def subscribe(self, kind: Kind, handler: Handler) -> None:
        """Tell this handler too."""
        self.handlers.setdefault(kind, []).append(handler)

    def publish(self, ledger: Ledger, event: EventRow) -> None:
        """Tell every handler of the event's kind."""
        for handler in self.handlers.get(event.kind, []):
            handler(ledger, event)


def go_on(ledger: Ledger, event: EventRow) -> None:
    """Bring the run forward: issue what the event made possible."""
    if event.run_id is not None:
        advance(ledger, event.run_id, current_dispatcher())


def note(_ledger: Ledger, event: EventRow) -> None:
    """Write an event into the log."""
    log.info("event", kind=event.kind, seq=event.seq, config=event.config, run=_short(event.run_id))


def warn(_ledger: Ledger, event: EventRow) -> None:
    """Write an event that somebody should look at into the log."""
    log.warning(
        "event",
        kind=event.kind,
        seq=event.seq,
        config=event.config,
        run=_short(event.run_id),
        reason=event.payload.get("reason") or event.payload.get("error"),
    )


def _short(run_id: str | None) -> str | None:
    return None if run_id is None else run_id[:12]


#: The wiring. `auto` handlers are left out without auto_trigger.
#:
#: kind                    always   auto
WIRING: tuple[tuple[Kind, Handler, Handler | None], ...] = (
    (Kind.SELFPLAY_COMPLETE, note, go_on),  # ─▶ sync
    (Kind.DATA_SYNC_COMPLETED, note, go_on),  # ─▶ parity
    (Kind.PARITY_CHECKED, note, go_on),  # ─▶ export
    (Kind.PARITY_SKIPPED, warn, go_on),  # ─▶ export
    (Kind.NPZ_EXPORT_COMPLETE, note, go_on),  # ─▶ train
    (Kind.TRAINING_COMPLETED, note, go_on),  # ─▶ evaluate_plan, evaluate
    (Kind.EVALUATION_COMPLETED, note, go_on),  # ─▶ promote
    (Kind.MODEL_PROMOTED, note, None),
    (Kind.DATA_COLLECTED, note, None),
    (Kind.MODEL_REJECTED, warn, None),
    (Kind.STAGE_ABANDONED, warn, go_on),  # ─▶ goes on without it, or closes the run
    (Kind.RUN_FAILED, warn, None),
    (Kind.BLOB_QUARANTINED, warn, go_on),  # ─▶ its shard is played again
    (Kind.GAME_QUARANTINED, warn, None),
)


def wire_pipeline_events(auto_trigger: bool = True) -> Router:
    """The router of the pipeline. With `auto_trigger` each event issues the next stage.

    NoDispatcher, naming the cure, if nothing is there to carry the next stage out.
    """
    if auto_trigger:
        current_dispatcher()
    router = Router()
    for kind, always, auto in WIRING:
        router.subscribe(kind, always)
        if auto_trigger and auto is not None:
            router.subscribe(kind, auto)
    return router


def relay(ledger: Ledger, router: Router, limit: int = 100, fence: Fence | None = None) -> int:
    """Publish what is committed and unpublished, in order; how many events.

    A handler that fails (the broker is away) leaves its event, and those after it, for the next
    time; it is said, not raised.
    """
    with ledger.read() as tx:
        waiting = events.unpublished(tx, limit)
    published = 0
    for event in waiting:
        try:
            router.publish(ledger, event)
        except (RingRiftError, OSError) as error:
            log.warning("event not relayed yet", kind=event.kind, seq=event.seq, error=str(error))
            break
        with ledger.write(fence) as tx:
            events.mark_published(tx, [event.seq])
        published += 1
    return published
