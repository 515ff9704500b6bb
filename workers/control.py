"""Queue control: ticks and orchestration. Short tasks only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery.utils.log import get_task_logger

from ringrift.celery import app
from ringrift.pipeline import event_router, reconciler
from ringrift.pipeline import master as master_loop
from ringrift.pipeline.context import Context
from ringrift.pipeline.dispatcher import current_dispatcher
from ringrift.pipeline.orchestrator import advance
from ringrift.store.ledger import StaleFence
from workers.context import context, mastered
from workers.stage import work

log = get_task_logger(__name__)


@contextmanager
def master(fence: int) -> Iterator[Context]:
    """Work for the master that sent the message; drop it if that was replaced since."""
    try:
        yield mastered(fence)
    except StaleFence as outdated:
        log.info("dropped: %s", outdated)


@app.task(name="control.tick", ignore_result=True)
def tick(fence: int) -> None:
    """Look at every config, decide, open runs."""
    with master(fence) as ctx:
        master_loop.tick(ctx, current_dispatcher())


@app.task(name="control.reconcile", ignore_result=True)
def reconcile(fence: int) -> None:
    """Issue again what makes no progress."""
    with master(fence) as ctx:
        reconciler.reconcile(ctx, current_dispatcher())


@app.task(name="control.relay", ignore_result=True)
def relay(fence: int) -> None:
    """Publish committed events."""
    with master(fence) as ctx:
        router = event_router.wire_pipeline_events(auto_trigger=True)
        event_router.relay(ctx.ledger, router, fence=ctx.fence)


@app.task(name="control.evaluate")
def evaluate(run_id: str) -> dict[str, Any]:
    """Plan the gates of a run, now that its candidate is known, and issue their matches."""
    outcome = work("evaluate_plan", run_id)
    advance(context().ledger, run_id, current_dispatcher())
    return outcome


@app.task(name="control.promote")
def promote(run_id: str) -> dict[str, Any]:
    """Promote the run's candidate if its evidence allows, and close the run."""
    return work("promote", run_id)
