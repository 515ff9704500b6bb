"""Queue control: ticks and orchestration. Short tasks only."""

from __future__ import annotations

from typing import Any

from celery.utils.log import get_task_logger

from ringrift.celery import app
from ringrift.pipeline import event_router, master, reconciler
from ringrift.pipeline.dispatcher import current_dispatcher
from ringrift.pipeline.orchestrator import advance
from ringrift.store.ledger import StaleFence
from workers.context import context, mastered
from workers.stage import work

log = get_task_logger(__name__)


@app.task(name="control.tick", ignore_result=True)
def tick(fence: int) -> None:
    """Look at every config, decide, open runs."""
    try:
        master.tick(mastered(fence), current_dispatcher())
    except StaleFence as outdated:  # a message of a master that was replaced since
        log.info("tick dropped: %s", outdated)


@app.task(name="control.reconcile", ignore_result=True)
def reconcile(fence: int) -> None:
    """Issue again what makes no progress."""
    try:
        reconciler.reconcile(mastered(fence), current_dispatcher())
    except StaleFence as outdated:
        log.info("reconciliation dropped: %s", outdated)


@app.task(name="control.relay", ignore_result=True)
def relay(**_fence: int) -> None:
    """Publish committed events; whoever publishes one, it is published once."""
    event_router.relay(context().ledger, event_router.wire_pipeline_events(auto_trigger=True))


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
