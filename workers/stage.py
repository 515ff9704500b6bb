"""How a task does one unit of a stage: all tasks of a run go through here."""

from __future__ import annotations

from typing import Any

from celery.exceptions import Reject
from celery.utils.log import get_task_logger

from ringrift.errors import Interrupted, RingRiftError
from ringrift.pipeline import beside as matches_beside
from ringrift.pipeline.dispatcher import current_dispatcher
from ringrift.pipeline.feeding import feed
from ringrift.pipeline.schedule_view import PLAYED
from ringrift.pipeline.stages import run_stage
from ringrift.pipeline.task import DONE
from ringrift.settings.trace import traced
from ringrift.store.ids import task_id
from workers import watchdog
from workers.context import context

log = get_task_logger(__name__)


def work(stage: str, run_id: str, unit: str = "") -> dict[str, Any]:
    """Do a unit if it is its turn and return what came of it; small, and plain JSON.

    Never raises for what the pipeline foresees: a chord whose header raises never runs its body.
    What failed is written in the ledger, which decides whether it is tried again. A worker that
    is asked to end puts its message back, for another worker or the next start.
    """
    trace = {"run": run_id, "stage": stage, "shard": unit, "task": task_id(run_id, stage, unit)}
    with traced(**{key: value[:12] for key, value in trace.items()}):
        outcome = _work(stage, run_id, unit)
        if stage == PLAYED and outcome["state"] == DONE:
            _send_next()
        return outcome


def _send_next() -> None:
    """A shard is done, so the queue has room: send the next ones, whether or not any loop looks just now."""
    try:
        feed(context().ledger, current_dispatcher())
    except (RingRiftError, OSError) as error:  # a loop's next look makes up for it
        log.warning("no shards sent: %s", error)


def _work(stage: str, run_id: str, unit: str) -> dict[str, Any]:
    try:
        with watchdog.watched():
            return run_stage(context(), run_id, stage, unit).as_dict()
    except Interrupted as stopped:
        log.info("%s %s of run %s put back: %s", stage, unit[:12], run_id[:12], stopped)
        raise Reject(str(stopped), requeue=True) from None
    except RingRiftError as error:  # the claim is another's by now, or the run is unknown here
        log.warning("%s %s of run %s: %s", stage, unit[:12], run_id[:12], error)
        return {
            "run_id": run_id,
            "stage": stage,
            "unit": unit,
            "state": "skipped",
            "error": str(error),
        }


def beside(match: str) -> dict[str, Any]:
    """Play a match that belongs to no run; a failure is logged, and maintenance sends it again within the hour."""
    try:
        with traced(task=match[:12], stage="beside"), watchdog.watched():
            return matches_beside.play(context(), match)
    except Interrupted as stopped:
        log.info("match %s put back: %s", match[:12], stopped)
        raise Reject(str(stopped), requeue=True) from None
    except RingRiftError as error:
        log.warning("match %s was not played: %s", match[:12], error)
        return {"match": match, "error": str(error)}
