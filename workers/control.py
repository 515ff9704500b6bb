"""Queue control: ticks and orchestration. Short tasks only."""

from __future__ import annotations

from typing import Any

from ringrift.celery import app
from ringrift.celery_queues import broker_queues
from ringrift.pipeline import beside as matches_beside
from ringrift.pipeline import event_router, hooks, maintenance, reconciler
from ringrift.pipeline import master as master_loop
from ringrift.pipeline.dispatcher import call_players, current_dispatcher
from ringrift.pipeline.orchestrator import advance
from ringrift.pipeline.told_waits import Sayings
from workers.context import context, master
from workers.hook_calls import HookCalls
from workers.stage import work

#: What the log of this process has been told of each config.
_sayings = Sayings()

#: Asks the cpu worker for hooks.
_call_hooks = HookCalls(app)


@app.task(name="control.tick", ignore_result=True)
def tick(fence: int) -> None:
    """Look at every config, decide, open runs, tell what each waits for."""
    with master(fence) as ctx:
        master_loop.tick(ctx, current_dispatcher())
        _sayings.tell(ctx, master=True)


@app.task(name="control.reconcile", ignore_result=True)
def reconcile(fence: int) -> None:
    """Issue again what makes no progress."""
    with master(fence) as ctx:
        reconciler.reconcile(ctx, current_dispatcher())


@app.task(name="control.shadow", ignore_result=True)
def shadow(fence: int) -> None:
    """Plan the shadow matches that are due, and send them to be played."""
    _beside(fence, matches_beside.SHADOW)


@app.task(name="control.tournament", ignore_result=True)
def tournament(fence: int) -> None:
    """Plan the tournaments that are due, and send their matches to be played."""
    _beside(fence, matches_beside.TOURNAMENT)


def _beside(fence: int, purpose: str) -> None:
    with master(fence) as ctx:
        for match in matches_beside.plan_due(ctx, (purpose,)):
            call_players(match)


@app.task(name="control.relay", ignore_result=True)
def relay(fence: int) -> None:
    """Publish committed events."""
    with master(fence) as ctx:
        hooks.register(ctx)
        router = event_router.wire_pipeline_events(auto_trigger=True)
        event_router.relay(ctx.ledger, router, fence=ctx.fence)
        _call_hooks(ctx)


@app.task(name="control.maintain", ignore_result=True)
def maintain(fence: int) -> None:
    """Deal with stuck, orphaned, lost, expired and poison tasks."""
    with master(fence) as ctx, broker_queues(app) as queues:
        maintenance.maintain(ctx, queues)


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
