"""The events of the pipeline: what each is called, when it is told, what it carries."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """Names of events. Each is committed in the transaction of the change that it tells of."""

    #: All shards of a run are played. Told by the last of them.
    SELFPLAY_COMPLETE = "SELFPLAY_COMPLETE"
    #: The games of a run's shards are in the ledger.
    DATA_SYNC_COMPLETED = "DATA_SYNC_COMPLETED"
    #: The parity gate is over: a sample of the run's games was replayed through the oracle.
    PARITY_CHECKED = "PARITY_CHECKED"
    #: A dataset is written.
    NPZ_EXPORT_COMPLETE = "NPZ_EXPORT_COMPLETE"
    #: A candidate is trained and registered.
    TRAINING_COMPLETED = "TRAINING_COMPLETED"
    #: Every gate has its evidence.
    EVALUATION_COMPLETED = "EVALUATION_COMPLETED"
    #: The candidate is the champion.
    MODEL_PROMOTED = "MODEL_PROMOTED"

    #: A run ended with too few positions to begin training; they stay for the next one.
    DATA_COLLECTED = "DATA_COLLECTED"
    #: The candidate failed a gate; the evidence is in the payload.
    MODEL_REJECTED = "MODEL_REJECTED"
    #: A unit of work was given up after too many failures.
    STAGE_ABANDONED = "STAGE_ABANDONED"
    #: A run cannot go on and is closed.
    RUN_FAILED = "RUN_FAILED"
    #: A file was not what its name says, and was moved away.
    BLOB_QUARANTINED = "BLOB_QUARANTINED"
    #: A game differs from the oracle, or from what it says; a copy lies in quarantine with a
    #: reproduction, or with its reason alone.
    GAME_QUARANTINED = "GAME_QUARANTINED"
    #: The games of a run were not compared with the oracle; the reason is in the payload.
    PARITY_SKIPPED = "PARITY_SKIPPED"


#: The six that the pipeline was asked for, in order, with the stage whose end each tells.
PIPELINE: Final = {
    Kind.SELFPLAY_COMPLETE: "selfplay",
    Kind.DATA_SYNC_COMPLETED: "sync",
    Kind.NPZ_EXPORT_COMPLETE: "export",
    Kind.TRAINING_COMPLETED: "train",
    Kind.EVALUATION_COMPLETED: "evaluate",
    Kind.MODEL_PROMOTED: "promote",
}

#: Those that somebody should look at.
FAILURES: Final = (
    Kind.MODEL_REJECTED,
    Kind.STAGE_ABANDONED,
    Kind.RUN_FAILED,
    Kind.BLOB_QUARANTINED,
    Kind.GAME_QUARANTINED,
    Kind.PARITY_SKIPPED,
)
