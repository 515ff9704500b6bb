"""Telling what is of no stage: each function belongs into the transaction of the change.

The events of stages are told where the stages end (`pipeline.task.Task.event`); these here have no
run or no task. Their ids follow from what happened (a fence, a start, a number of openings), so that
telling one twice, by whomever, is telling it once. All kinds: `ringrift.events`, docs/events.md.
"""

from __future__ import annotations

from ringrift.events.kinds import PIPELINE, Kind
from ringrift.events.payloads import (
    BlobQuarantined,
    CircuitClosed,
    CircuitHalfOpen,
    CircuitOpened,
    DistributionFailed,
    LeaseLost,
    LeaseReleased,
    LeaseTaken,
    LoopDeferred,
    LoopResumed,
    MessagesDropped,
    MessageSetAside,
    MessagesGivenBack,
    ModelDistributed,
    ModelPruned,
    ModelRolledBack,
    Payload,
    RegressionDetected,
    RunFailed,
    TasksLost,
    TaskStuck,
)
from ringrift.store.events import NewEvent, append, is_told
from ringrift.store.ledger import Fence, Tx
from ringrift.store.stages import StageRow

__all__ = ["PIPELINE", "Kind"]


def run_failed(tx: Tx, run_id: str, reason: str) -> bool:
    """A run was closed since it cannot go on. False, as of each function here, if it was told before."""
    return append(tx, NewEvent.of(RunFailed(reason=reason), run_id, "run"))


def blob_quarantined(
    tx: Tx, run_id: str, stage: str, path: str, moved_to: str, reason: str
) -> bool:
    """A file was moved away; paths as the ledger writes them. Each has a place of its own there."""
    about = BlobQuarantined(path=path, moved_to=moved_to, reason=reason)
    return append(tx, NewEvent.of(about, run_id, stage, moved_to))


def lease_taken(tx: Tx, fence: Fence, owner: str) -> bool:
    """A lease has a new holder; together with the fence that it takes in SQL."""
    return _of_lease(tx, LeaseTaken(lease=fence.name, fence=fence.number, owner=owner))


def lease_released(tx: Tx, fence: Fence, owner: str) -> bool:
    """A holder gave its lease back."""
    return _of_lease(tx, LeaseReleased(lease=fence.name, fence=fence.number, owner=owner))


def lease_lost(tx: Tx, fence: Fence, owner: str) -> bool:
    """A holder could not renew its lease; write it with its fence, so that a newer holder silences it."""
    return _of_lease(tx, LeaseLost(lease=fence.name, fence=fence.number, owner=owner))


def _of_lease(tx: Tx, about: LeaseTaken) -> bool:
    return append(tx, NewEvent.of(about, None, f"lease/{about.lease}", str(about.fence)))


def loop_deferred(tx: Tx, loop: str, owner: str, since: float, fence: int) -> bool:
    """A loop steps back for the holder of this fence."""
    about = LoopDeferred(loop=loop, owner=owner, since=since, fence=fence)
    return append(tx, NewEvent.of(about, None, f"loop/{loop}", f"{owner}/{since}"))


def loop_resumed(tx: Tx, loop: str, owner: str, since: float, fence: int, reason: str) -> bool:
    """A loop that stepped back at `since` goes on."""
    about = LoopResumed(loop=loop, owner=owner, since=since, fence=fence, reason=reason)
    return append(tx, NewEvent.of(about, None, f"loop/{loop}", f"{owner}/{since}"))


def circuit_opened(
    tx: Tx, breaker: str, opening: int, failures: int, reason: str, until: float
) -> bool:
    """Failures in a row opened a breaker, for the `opening`th time."""
    about = CircuitOpened(
        breaker=breaker, opening=opening, failures=failures, reason=reason, until=until
    )
    return append(tx, NewEvent.of(about, None, f"breaker/{breaker}", str(opening)))


def circuit_half_open(tx: Tx, breaker: str, opening: int, attempt: int) -> bool:
    """A breaker lets a try through, the `attempt`th of this opening."""
    about = CircuitHalfOpen(breaker=breaker, opening=opening, attempt=attempt)
    return append(tx, NewEvent.of(about, None, f"breaker/{breaker}", f"{opening}/{attempt}"))


def circuit_closed(tx: Tx, breaker: str, opening: int) -> bool:
    """The try went well."""
    about = CircuitClosed(breaker=breaker, opening=opening)
    return append(tx, NewEvent.of(about, None, f"breaker/{breaker}", str(opening)))


def model_rolled_back(
    tx: Tx, run_id: str | None, config: str, model: str, restored: str, reason: str
) -> bool:
    """A champion was taken back; `run_id` is that of the run that had promoted it."""
    about = ModelRolledBack(config=config, model=model, restored=restored, reason=reason)
    return append(tx, NewEvent.of(about, run_id, f"rollback/{config}", f"{model}/{restored}"))


def regression_detected(tx: Tx, about: RegressionDetected) -> bool:
    """A match shows that a model is weaker than an earlier one."""
    return append(tx, NewEvent.of(about, None, f"regression/{about.config}", about.match))


def model_pruned(tx: Tx, about: ModelPruned) -> bool:
    """The file of a model is no longer kept; together with the row that says so."""
    return append(tx, NewEvent.of(about, None, f"model/{about.config}", about.model))


def model_distributed(about: ModelDistributed, manifest: str) -> NewEvent:
    """A place has what a manifest names; `manifest` is its digest, so the same one is told once there."""
    return NewEvent.of(about, None, f"distribution/{about.config}", f"{about.target}/{manifest}")


def distribution_failed(about: DistributionFailed, manifest: str) -> NewEvent:
    """A place does not get what a manifest names; `manifest` is its digest, so the same one is told once there."""
    return NewEvent.of(about, None, f"distribution/{about.config}", f"{about.target}/{manifest}")


def message_set_aside(
    tx: Tx, letter: str, queue: str, task: str | None, run_id: str | None, reason: str
) -> bool:
    """A message became a dead letter, which is its id; `run_id` is that of a run that is known."""
    about = MessageSetAside(letter=letter, queue=queue, task=task, reason=reason)
    return append(tx, NewEvent.of(about, run_id, "queue/aside", letter))


def messages_dropped(
    tx: Tx, letters: str, queue: str, why: str, tasks: dict[str, int], reason: str
) -> bool:
    """Messages were taken out of a queue; `letters` is a digest of their ids."""
    about = MessagesDropped(
        queue=queue, why=why, messages=sum(tasks.values()), tasks=tasks, reason=reason
    )
    return append(tx, NewEvent.of(about, None, f"queue/{queue}/{why}", letters))


def messages_given_back(tx: Tx, letters: str, tasks: dict[str, int], reason: str) -> bool:
    """Messages were put back into their queues; `letters` is a digest of their ids."""
    about = MessagesGivenBack(messages=sum(tasks.values()), tasks=tasks, reason=reason)
    return append(tx, NewEvent.of(about, None, "queue/given back", letters))


def tasks_lost(tx: Tx, run_id: str, stage: str, when: str, units: int, reason: str) -> bool:
    """Units have no message; `when` is a digest of the units and of when they were handed over."""
    about = TasksLost(stage=stage, units=units, reason=reason)
    return append(tx, NewEvent.of(about, run_id, stage, when))


def match_lost(tx: Tx, match: str, purpose: str, time: int, reason: str) -> bool:
    """A match beside the runs has no message; `time` counts those at which it may be sent again."""
    about = TasksLost(stage=purpose, units=1, reason=reason)
    return append(tx, NewEvent.of(about, None, purpose, f"{match}/{time}"))


def is_match_lost(tx: Tx, match: str, purpose: str, time: int) -> bool:
    """Whether that was told."""
    return is_told(tx, NewEvent(Kind.TASKS_LOST, None, purpose, f"{match}/{time}"))


def task_stuck(tx: Tx, row: StageRow, action: str, reason: str, seconds: float) -> bool:
    """A claim does not get on: it was taken back, or only told."""
    about = TaskStuck(
        stage=row.stage,
        unit=row.unit,
        attempt=row.attempt,
        seconds=seconds,
        action=action,
        reason=reason,
    )
    unit = f"{row.unit}/{row.attempt}/{action}"
    return append(tx, NewEvent.of(about, row.run_id, row.stage, unit))


def of_node(tx: Tx, about: Payload, node: str, start: str, unit: str = "") -> bool:
    """Something about one start of one worker; `start` tells it from its others."""
    return append(tx, NewEvent.of(about, None, f"node/{node}", f"{start}/{unit}"))
