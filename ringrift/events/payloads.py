"""What each kind of event carries: one record per kind, its docstring says when it is told.

The words beside a field's type are its meaning in docs/events.md, which is made of this file. A
field that came later has a default, so that events told before stay readable.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Final

from pydantic import ConfigDict

from ringrift.events.kinds import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Plain JSON: no unknown fields, no NaN."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(
        strict=True, extra="forbid", allow_inf_nan=False
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload(Record):
    """What an event carries."""

    trace: Annotated[
        dict[str, str | int] | None,
        "run, stage, shard, task and attempt that were at work, with RINGRIFT_TRACE_DEBUG",
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfTask(Payload):
    """Told by a task of a run: its trace."""

    config: Annotated[str, "config of the run, BOARD:PLAYERS"]
    iteration: Annotated[int, "number of the run within its config"]
    task: Annotated[str, "id of the task that told it"]
    attempt: Annotated[int, "number of the claim that told it"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfplayComplete(OfTask):
    """All shards of a run are played. Told by the last of them."""

    shards: Annotated[int, "shards that have a file"]
    games: Annotated[int, "games in them"]
    positions: Annotated[int, "positions with a policy target in them"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSyncCompleted(OfTask):
    """The games of a run's shards are in the ledger."""

    shards: Annotated[int, "shards taken in"]
    games: Annotated[int, "games taken in"]
    positions: Annotated[int, "positions with a policy target in them"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityChecked(OfTask):
    """The parity gate is over: a sample of the run's games was replayed through the oracle."""

    games: Annotated[int, "games compared"]
    run_games: Annotated[int, "games of the run"]
    moves: Annotated[int, "moves compared"]
    differences: Annotated[int, "games that differ"]
    quarantined: Annotated[int, "games in quarantine"]
    seconds: Annotated[float, "how long it took"]
    failed: Annotated[tuple[str, ...], "ids of the games that differ"]
    closed: Annotated[str | None, "failed, where it ended the run"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NpzExportComplete(OfTask):
    """A dataset is written."""

    rows: Annotated[int, "rows to learn from"]
    heldout_rows: Annotated[int, "rows to test on"]
    games: Annotated[int, "games in it"]
    shards: Annotated[int, "shards in it"]
    sha256: Annotated[str, "hash of the file, and its name"]
    new_positions: Annotated[int, "positions that this run added"]
    quarantined: Annotated[int, "games that could not be made into rows"] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCollected(OfTask):
    """A run ended without a training, since none was due or it is a backfill run; its games stay for the next one."""

    positions: Annotated[int, "positions there are"]
    needed: Annotated[int, "positions that a training needs (training.min_samples_to_trigger)"]
    closed: Annotated[str, "outcome of the run"]
    lacks: Annotated[str | None, "what was missing: samples, quality or freshness"] = None
    reason: Annotated[str | None, "the same with figures"] = None
    new: Annotated[int | None, "positions since the last training"] = None
    in_quarantine: Annotated[int | None, "games of the config in quarantine"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingCompleted(OfTask):
    """A candidate is trained and registered."""

    model: Annotated[str, "sha256 of the candidate"]
    steps: Annotated[int, "steps"]
    loss_before: Annotated[float, "mean loss of the first twentieth of the steps"]
    loss_after: Annotated[float, "mean loss of the last twentieth"]
    seconds: Annotated[float | None, "how long it took"] = None
    samples: Annotated[int | None, "rows that steps have seen"] = None
    threads: Annotated[int | None, "compute threads"] = None
    heldout_before: Annotated[dict[str, float], "losses on held-out games, before"] = field(
        default_factory=dict
    )
    heldout_after: Annotated[dict[str, float], "losses on held-out games, after"] = field(
        default_factory=dict
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFigures(Record):
    """What one gate says of a candidate (`pipeline.gauntlet.summary`)."""

    gate: Annotated[str, "policy, random, initial or champion"]
    opponent: Annotated[str, "identity of the other agent"]
    simulations: Annotated[int | None, "search budget; none for a network alone"]
    games: Annotated[int, "games that decided it, or are there"]
    wins: Annotated[int, "games that the candidate won"]
    losses: Annotated[int, "games that it lost"]
    low: Annotated[float, "95% interval of the win rate"]
    high: Annotated[float, "its upper end"]
    bound: Annotated[float, "what low must reach"]
    decision: Annotated[str, "passed, failed or open"]
    elo: Annotated[int | None, "difference in strength"] = None
    llr: Annotated[float | None, "log-likelihood ratio of an SPRT"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationCompleted(OfTask):
    """Every gate of a candidate has its evidence."""

    gates: Annotated[tuple[GateFigures, ...], "what each gate says"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Concluded(OfTask):
    """How a run ended that had a candidate."""

    reason: Annotated[str, "what each gate said, in one line"]
    outcome: Annotated[str, "promoted or rejected"]
    model: Annotated[str, "sha256 of the candidate"]
    file: Annotated[str, "its file in the state directory"]
    accepted: Annotated[bool, "whether it plays selfplay games from now on"]
    gates: Annotated[tuple[GateFigures, ...], "what each gate says"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPromoted(Concluded):
    """The candidate is the champion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRejected(Concluded):
    """The candidate failed a gate; the evidence is in the payload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRolledBack(Payload):
    """A champion was taken back, and an earlier one holds its seat again: after a regression, or by hand."""

    config: Annotated[str, "config, BOARD:PLAYERS"]
    model: Annotated[str, "sha256 of the model that is champion no more"]
    restored: Annotated[str, "sha256 of the champion now"]
    reason: Annotated[str, "why"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegressionDetected(Payload):
    """A champion was shown to be weaker than the one before it, by all their games against each other."""

    config: Annotated[str, "config, BOARD:PLAYERS"]
    model: Annotated[str, "sha256 of the weaker model"]
    against: Annotated[str, "sha256 of the stronger, earlier one"]
    match: Annotated[str, "id of the newest match between the two"]
    games: Annotated[int, "games of all their matches with the same search budget"]
    low: Annotated[float, "99.9% interval of the score of the weaker one"]
    high: Annotated[float, "its upper end"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFailed(Payload):
    """One attempt at a unit of work failed, or went silent; it is tried again."""

    stage: Annotated[str, "stage of the run"]
    unit: Annotated[str, "shard, match chunk, or empty for the whole run"]
    attempt: Annotated[int, "number of the claim that failed"]
    failures: Annotated[int, "failures so far"]
    of: Annotated[int, "failures after which it is given up (cluster.max_attempts)"]
    error: Annotated[str, "what went wrong"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageAbandoned(Payload):
    """A unit of work was given up after too many failures."""

    stage: Annotated[str, "stage of the run"]
    unit: Annotated[str, "shard, match chunk, or empty for the whole run"]
    attempt: Annotated[int, "number of its last claim"]
    failures: Annotated[int, "failures"]
    error: Annotated[str, "what went wrong last"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFailed(Payload):
    """A run cannot go on and is closed."""

    reason: Annotated[str, "why"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParitySkipped(OfTask):
    """The games of a run were not compared with the oracle."""

    reason: Annotated[str, "which variable or setting left the gate out"]
    skipped: Annotated[str, "the same, as in the stage's result"]
    by: Annotated[str, "who did: machine, process, thread"]
    games: Annotated[int, "games compared: none"]
    run_games: Annotated[int, "games of the run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityRefused(OfTask):
    """A quality gate refused the games of a run: nothing learns from any of them."""

    gate: Annotated[str, "the gate: parity"]
    reason: Annotated[str, "what it found"]
    games: Annotated[int, "games that it looked at"]
    bad: Annotated[int, "games among them that are not what they must be"]
    most: Annotated[float, "part of the games that may be bad"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobQuarantined(Payload):
    """A file was not what its name says, and was moved away."""

    path: Annotated[str, "where it was in the state directory"]
    moved_to: Annotated[str, "where it is now"]
    reason: Annotated[str, "what is wrong with it"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GameQuarantined(Payload):
    """A game differs from the oracle, or from what it says; no dataset takes it."""

    game: Annotated[str, "id of the game"]
    reason: Annotated[str, "what is wrong with it"]
    path: Annotated[str, "its shard in the state directory"]
    copy: Annotated[str, "its record alone"]
    reproduction: Annotated[str | None, "a file for `ringrift parity gate`"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfNode(Payload):
    """About one start of one worker process."""

    node: Annotated[str, "name of the worker, such as gpu1@host"]
    process: Annotated[str, "machine and process, host:pid"]
    started: Annotated[float, "when it started, seconds since 1970"]
    queues: Annotated[tuple[str, ...], "queues that it serves"]
    slots: Annotated[int, "tasks that it does side by side"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeUp(OfNode):
    """A worker is ready, or heard again after it was told to be down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeDown(OfNode):
    """A worker has ended. Told by itself, else by its next start, or by a loop that finds it dead or silent."""

    reason: Annotated[
        str,
        "stopped; replaced (it came back without a goodbye); died (its process is gone); silent (no sign of"
        " life for cluster.stage_stale_seconds: when it is heard again it is up again)",
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityChanged(Payload):
    """A queue has more or fewer workers than before; told with the NODE_UP or NODE_DOWN that is the cause."""

    queue: Annotated[str, "gpu, cpu or control"]
    node: Annotated[str, "name of the worker that came or went"]
    workers: Annotated[int, "workers that serve the queue now"]
    slots: Annotated[int, "tasks that they do side by side"]
    before: Annotated[int, "slots before"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTaken(Payload):
    """Somebody became the holder of a lease; writes with an older fence are refused from now on."""

    lease: Annotated[str, "name of the lease, such as master"]
    fence: Annotated[int, "number of this holder"]
    owner: Annotated[str, "who: machine, process and a random part"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseReleased(LeaseTaken):
    """A holder gave its lease back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseLost(LeaseTaken):
    """A holder could not renew its lease in time and stopped steering. Not told once there is a newer holder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfDeferral(Payload):
    """One time that a loop stepped back."""

    loop: Annotated[str, "name of the loop, such as continuous"]
    owner: Annotated[str, "who: machine and process"]
    since: Annotated[float, "when it stepped back, seconds since 1970"]
    fence: Annotated[int, "fence of the master that it stepped back for"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopDeferred(OfDeferral):
    """The continuous loop stepped back since a master loop is at work; it looks again now and then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopResumed(OfDeferral):
    """A loop that had stepped back goes on; its owner may have another process by then."""

    reason: Annotated[str, "the master is gone, or somebody said --force"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfCircuit(Payload):
    """A circuit breaker and its number of openings."""

    breaker: Annotated[str, "name of the breaker"]
    opening: Annotated[int, "how often it has opened"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitOpened(OfCircuit):
    """Failures in a row, or that of the one try, stopped the continuous loop for a while."""

    failures: Annotated[int, "failures in a row"]
    reason: Annotated[str, "the last of them"]
    until: Annotated[float, "when one try is let through, seconds since 1970"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitHalfOpen(OfCircuit):
    """An open breaker lets one try through."""

    attempt: Annotated[int, "number of the try since it was last closed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitClosed(OfCircuit):
    """The try went well, the loop goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPruned(Payload):
    """The file of an old model was removed. Its row, games and evidence stay."""

    config: Annotated[str, "config, BOARD:PLAYERS"]
    model: Annotated[str, "sha256 of the model"]
    file: Annotated[str, "its file in the state directory"]
    bytes: Annotated[int, "size of the file"]
    reason: Annotated[str, "why it was not kept"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDistributed(Payload):
    """Champion and newest accepted model of a config are at a place of `models.distribute_to`, and its manifest names them."""

    config: Annotated[str, "config, BOARD:PLAYERS"]
    target: Annotated[str, "the place"]
    manifest: Annotated[str, "name of the manifest there"]
    newest: Annotated[str, "sha256 of the model that plays selfplay"]
    copied: Annotated[int, "files that were not there before"]
    bytes: Annotated[int, "size of these"]
    champion: Annotated[str | None, "sha256 of the champion, where there is one"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DistributionFailed(Payload):
    """Models could not be taken to a place of `models.distribute_to`: it is away, or not done in time. Each pass tries again."""

    config: Annotated[str, "config, BOARD:PLAYERS"]
    target: Annotated[str, "the place"]
    manifest: Annotated[
        str, "name of the manifest that is not there; each state of it is told once"
    ]
    error: Annotated[str, "what went wrong"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSetAside(Payload):
    """A message with which no worker can do anything was taken out of its queue into the dead letters."""

    letter: Annotated[str, "its id, for `ringrift queue explain`"]
    queue: Annotated[str, "queue that it was in; empty where that cannot be read"]
    task: Annotated[str | None, "task that it asked for, where that can be read"]
    reason: Annotated[str, "what is wrong with it"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesDropped(Payload):
    """Messages that nobody needs were taken out of their queue."""

    queue: Annotated[str, "queue"]
    why: Annotated[str, "expired or orphaned"]
    messages: Annotated[int, "how many"]
    tasks: Annotated[dict[str, int], "how many of each task"]
    reason: Annotated[str, "what was said of the first of them"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesGivenBack(Payload):
    """Messages whose workers are gone were put back into their queues by maintenance, since no worker did."""

    messages: Annotated[int, "how many"]
    tasks: Annotated[dict[str, int], "how many of each task"]
    reason: Annotated[str, "what was said of the first of them"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TasksLost(Payload):
    """Units of work were handed over, and no message of them is in the broker; they are issued again."""

    stage: Annotated[str, "stage of the run; of no run: shadow or tournament"]
    units: Annotated[int, "how many units"]
    reason: Annotated[str, "what was said of the first of them"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskStuck(Payload):
    """A unit of work is claimed and alive, and does not get on, or takes far longer than its like."""

    stage: Annotated[str, "stage of the run"]
    unit: Annotated[str, "shard, match chunk, or empty for the whole run"]
    attempt: Annotated[int, "number of the claim"]
    seconds: Annotated[float, "how long it has been claimed"]
    action: Annotated[str, "taken back (counted as a failure, and tried again), or told"]
    reason: Annotated[str, "what is wrong"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HookFailed(Payload):
    """A hook of the settings did not deal with an event. Everything else goes on; `events replay` asks it again."""

    hook: Annotated[str, "name of the hook; never its arguments, which may hold secrets"]
    event: Annotated[str, "id of the event"]
    about: Annotated[str, "its kind"]
    number: Annotated[int, "its number, for `ringrift events replay --from`"]
    error: Annotated[str, "exit code, signal, timeout, or that it cannot be started"]


#: Kind -> record, and nothing else: what is not here cannot be told.
PAYLOADS: Final[dict[Kind, type[Payload]]] = {
    Kind.SELFPLAY_COMPLETE: SelfplayComplete,
    Kind.DATA_SYNC_COMPLETED: DataSyncCompleted,
    Kind.PARITY_CHECKED: ParityChecked,
    Kind.NPZ_EXPORT_COMPLETE: NpzExportComplete,
    Kind.DATA_COLLECTED: DataCollected,
    Kind.TRAINING_COMPLETED: TrainingCompleted,
    Kind.EVALUATION_COMPLETED: EvaluationCompleted,
    Kind.MODEL_PROMOTED: ModelPromoted,
    Kind.MODEL_REJECTED: ModelRejected,
    Kind.MODEL_ROLLED_BACK: ModelRolledBack,
    Kind.REGRESSION_DETECTED: RegressionDetected,
    Kind.STAGE_FAILED: StageFailed,
    Kind.STAGE_ABANDONED: StageAbandoned,
    Kind.RUN_FAILED: RunFailed,
    Kind.PARITY_SKIPPED: ParitySkipped,
    Kind.QUALITY_REFUSED: QualityRefused,
    Kind.BLOB_QUARANTINED: BlobQuarantined,
    Kind.GAME_QUARANTINED: GameQuarantined,
    Kind.NODE_UP: NodeUp,
    Kind.NODE_DOWN: NodeDown,
    Kind.CAPACITY_CHANGED: CapacityChanged,
    Kind.LEASE_TAKEN: LeaseTaken,
    Kind.LEASE_RELEASED: LeaseReleased,
    Kind.LEASE_LOST: LeaseLost,
    Kind.LOOP_DEFERRED: LoopDeferred,
    Kind.LOOP_RESUMED: LoopResumed,
    Kind.CIRCUIT_OPENED: CircuitOpened,
    Kind.CIRCUIT_HALF_OPEN: CircuitHalfOpen,
    Kind.CIRCUIT_CLOSED: CircuitClosed,
    Kind.MODEL_PRUNED: ModelPruned,
    Kind.MODEL_DISTRIBUTED: ModelDistributed,
    Kind.DISTRIBUTION_FAILED: DistributionFailed,
    Kind.MESSAGE_SET_ASIDE: MessageSetAside,
    Kind.MESSAGES_DROPPED: MessagesDropped,
    Kind.MESSAGES_GIVEN_BACK: MessagesGivenBack,
    Kind.TASKS_LOST: TasksLost,
    Kind.TASK_STUCK: TaskStuck,
    Kind.HOOK_FAILED: HookFailed,
}
