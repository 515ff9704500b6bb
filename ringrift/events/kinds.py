"""The names of events, by what they are about."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """Names of events. Each is committed in the transaction of the change that it tells of.

    What a kind means and carries is its record in `ringrift.events.payloads`.
    """

    # The pipeline.
    SELFPLAY_COMPLETE = "SELFPLAY_COMPLETE"
    DATA_SYNC_COMPLETED = "DATA_SYNC_COMPLETED"
    PARITY_CHECKED = "PARITY_CHECKED"
    NPZ_EXPORT_COMPLETE = "NPZ_EXPORT_COMPLETE"
    DATA_COLLECTED = "DATA_COLLECTED"
    TRAINING_COMPLETED = "TRAINING_COMPLETED"
    EVALUATION_COMPLETED = "EVALUATION_COMPLETED"
    # Promotion, rollback, regression.
    MODEL_PROMOTED = "MODEL_PROMOTED"
    MODEL_REJECTED = "MODEL_REJECTED"
    MODEL_ROLLED_BACK = "MODEL_ROLLED_BACK"
    REGRESSION_DETECTED = "REGRESSION_DETECTED"
    # Failure.
    STAGE_FAILED = "STAGE_FAILED"
    STAGE_ABANDONED = "STAGE_ABANDONED"
    RUN_FAILED = "RUN_FAILED"
    # Quality.
    PARITY_SKIPPED = "PARITY_SKIPPED"
    QUALITY_REFUSED = "QUALITY_REFUSED"
    BLOB_QUARANTINED = "BLOB_QUARANTINED"
    GAME_QUARANTINED = "GAME_QUARANTINED"
    # Nodes and capacity.
    NODE_UP = "NODE_UP"
    NODE_DOWN = "NODE_DOWN"
    CAPACITY_CHANGED = "CAPACITY_CHANGED"
    # The lease, and loops that step back for its holder.
    LEASE_TAKEN = "LEASE_TAKEN"
    LEASE_RELEASED = "LEASE_RELEASED"
    LEASE_LOST = "LEASE_LOST"
    LOOP_DEFERRED = "LOOP_DEFERRED"
    LOOP_RESUMED = "LOOP_RESUMED"
    # The circuit breaker.
    CIRCUIT_OPENED = "CIRCUIT_OPENED"
    CIRCUIT_HALF_OPEN = "CIRCUIT_HALF_OPEN"
    CIRCUIT_CLOSED = "CIRCUIT_CLOSED"
    # Files of models.
    MODEL_PRUNED = "MODEL_PRUNED"
    MODEL_DISTRIBUTED = "MODEL_DISTRIBUTED"
    DISTRIBUTION_FAILED = "DISTRIBUTION_FAILED"
    # The queues, and what maintenance did there.
    MESSAGE_SET_ASIDE = "MESSAGE_SET_ASIDE"
    MESSAGES_DROPPED = "MESSAGES_DROPPED"
    MESSAGES_GIVEN_BACK = "MESSAGES_GIVEN_BACK"
    TASKS_LOST = "TASKS_LOST"
    TASK_STUCK = "TASK_STUCK"
    # Hooks.
    HOOK_FAILED = "HOOK_FAILED"


#: What events are about, in the order of the table in docs/events.md.
FAMILIES: Final = {
    "Pipeline": (
        Kind.SELFPLAY_COMPLETE,
        Kind.DATA_SYNC_COMPLETED,
        Kind.PARITY_CHECKED,
        Kind.NPZ_EXPORT_COMPLETE,
        Kind.DATA_COLLECTED,
        Kind.TRAINING_COMPLETED,
        Kind.EVALUATION_COMPLETED,
    ),
    "Promotion": (Kind.MODEL_PROMOTED, Kind.MODEL_REJECTED),
    "Rollback and regression": (Kind.MODEL_ROLLED_BACK, Kind.REGRESSION_DETECTED),
    "Failure": (Kind.STAGE_FAILED, Kind.STAGE_ABANDONED, Kind.RUN_FAILED),
    "Quality": (
        Kind.PARITY_SKIPPED,
        Kind.QUALITY_REFUSED,
        Kind.BLOB_QUARANTINED,
        Kind.GAME_QUARANTINED,
    ),
    "Nodes and capacity": (Kind.NODE_UP, Kind.NODE_DOWN, Kind.CAPACITY_CHANGED),
    "Lease and deferral": (
        Kind.LEASE_TAKEN,
        Kind.LEASE_RELEASED,
        Kind.LEASE_LOST,
        Kind.LOOP_DEFERRED,
        Kind.LOOP_RESUMED,
    ),
    "Circuit breaker": (Kind.CIRCUIT_OPENED, Kind.CIRCUIT_HALF_OPEN, Kind.CIRCUIT_CLOSED),
    "Files of models": (Kind.MODEL_PRUNED, Kind.MODEL_DISTRIBUTED, Kind.DISTRIBUTION_FAILED),
    "Queues": (
        Kind.MESSAGE_SET_ASIDE,
        Kind.MESSAGES_DROPPED,
        Kind.MESSAGES_GIVEN_BACK,
        Kind.TASKS_LOST,
        Kind.TASK_STUCK,
    ),
    "Hooks": (Kind.HOOK_FAILED,),
}

#: The six that the pipeline was asked for, in order, with the stage whose end each tells.
PIPELINE: Final = {
    Kind.SELFPLAY_COMPLETE: "selfplay",
    Kind.DATA_SYNC_COMPLETED: "sync",
    Kind.NPZ_EXPORT_COMPLETE: "export",
    Kind.TRAINING_COMPLETED: "train",
    Kind.EVALUATION_COMPLETED: "evaluate",
    Kind.MODEL_PROMOTED: "promote",
}
