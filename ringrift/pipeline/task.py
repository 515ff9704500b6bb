"""One delivery of one unit of work: claim, do, complete, and what follows when that goes wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import structlog

from ringrift.configs import Config
from ringrift.errors import BadInput, Interrupted, RingRiftError
from ringrift.pipeline import model_files, remaking, telemetry
from ringrift.pipeline.context import Context, StageReport
from ringrift.pipeline.events import PIPELINE, Kind, blob_quarantined
from ringrift.pipeline.heartbeat import Work
from ringrift.pipeline.plan import RunPlan
from ringrift.settings.secrets import masked
from ringrift.settings.trace import traced
from ringrift.store import models, runs, stages
from ringrift.store.blobs import BadBlob, note_quarantine
from ringrift.store.events import NewEvent
from ringrift.store.ledger import StaleFence, Tx
from ringrift.store.runs import RunRow
from ringrift.store.stages import (
    Superseded,
    claim_stage,
    complete_stage,
    fail_stage,
    release_stage,
)

log = structlog.get_logger(__name__)

DONE, SKIPPED, FAILED = "done", "skipped", "failed"


@dataclass(frozen=True, slots=True)
class StageOutcome:
    """What came of one delivery of a unit of work."""

    run_id: str
    stage: str
    unit: str
    #: done, skipped (nothing to do here now) or failed (given back or abandoned).
    state: str
    result: dict[str, Any] | None = None
    error: str | None = None
    #: The failure was of input or surroundings (full disk, broken file): a person can cure it.
    bad_input: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON, small enough for a message."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Done:
    """What a service made, to be committed in one transaction."""

    #: Figures for the stage row.
    result: dict[str, Any]
    events: Sequence[NewEvent] = ()
    #: Rows that it made.
    rows: Callable[[Tx], None] | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A claimed unit with all that its service needs."""

    ctx: Context
    run: RunRow
    plan: RunPlan
    work: Work
    unit: str
    config: Config = field(init=False)

    def __post_init__(self) -> None:
        """Parse the config once."""
        object.__setattr__(self, "config", Config.parse(self.run.config))

    def event(self, kind: Kind, **payload: Any) -> NewEvent:
        """An event of this run and stage, with the trace of who told it."""
        claim = self.work.claim
        about = {
            "config": self.run.config,
            "iteration": self.run.iteration,
            "task": claim.id,
            "attempt": claim.attempt,
        }
        stage = PIPELINE.get(kind, claim.stage)
        return NewEvent(kind, self.run.id, stage, "", {**about, **payload})

    def model_path(self, sha256: str) -> Path:
        """The verified file of a model, made again or fetched where it is not here.

        Raises BadBlob for a broken one, which is quarantined.
        """
        with self.ctx.ledger.read() as tx:
            row = models.get_model(tx, sha256)
        if row is None:
            raise BadInput(f"model {sha256[:12]} is not in the ledger")
        remaking.make_again(self.ctx, row, self.plan)
        model_files.bring(self.ctx, row, self.work.progress)
        return self.verified(row.path, sha256)

    def verified(self, relative: str, sha256: str) -> Path:
        """A file of the ledger whose bytes are right; a wrong one is moved away and noted."""
        blobs = self.ctx.blobs
        try:
            return blobs.verify(blobs.path(relative), sha256)
        except BadBlob as error:
            if error.moved_to is not None:
                with self.ctx.ledger.write(self.ctx.fence) as tx:
                    moved_to = blobs.relative(error.moved_to)
                    note_quarantine(tx, relative, moved_to, str(error), sha256)
                    claim = self.work.claim
                    blob_quarantined(tx, claim.run_id, claim.stage, relative, moved_to, str(error))
            raise


def perform(
    ctx: Context, run_id: str, stage: str, unit: str, do: Callable[[Task], Done]
) -> StageOutcome:
    """Claim, do, complete; and what follows when one of them does not go well."""
    claim = claim_stage(
        ctx.ledger,
        run_id,
        stage,
        unit,
        owner=ctx.owner,
        lease_seconds=ctx.lease_seconds,
        fence=ctx.fence,
    )
    if claim is None:
        return StageOutcome(run_id, stage, unit, SKIPPED)
    trace = {
        "run": run_id[:12],
        "stage": stage,
        "shard": unit[:12],
        "task": claim.id[:12],
        "attempt": claim.attempt,
    }
    with ctx.ledger.read() as tx:
        run = runs.get_run(tx, run_id)
    begun = time.time()
    with traced(**trace):
        try:
            outcome = _perform(ctx, run, claim, trace, do)
        except BaseException:
            telemetry.tell_attempt(run, claim, begun, time.time(), "released", {})
            raise
    figures = {"error": outcome.error} if outcome.error else outcome.result or {}
    telemetry.tell_attempt(run, claim, begun, time.time(), outcome.state, figures)
    if outcome.state == DONE:
        telemetry.tell_if_closed(ctx.ledger, run_id)
    return outcome


def _perform(
    ctx: Context,
    run: RunRow,
    claim: stages.Claim,
    trace: dict[str, Any],
    do: Callable[[Task], Done],
) -> StageOutcome:
    run_id, stage, unit = claim.run_id, claim.stage, claim.unit
    try:
        log.info("claimed", **trace)
        with Work(ctx, claim, run.config) as work:
            done = do(Task(ctx, run, RunPlan.from_dict(run.plan), work, unit))
            work.check()
        complete_stage(ctx.ledger, claim, done.result, done.events, done.rows)
    except (Superseded, StaleFence) as error:
        log.warning("superseded", **trace, reason=str(error))
        _give_back(ctx, replace(claim, fence=None))  # its claim may still stand
        return StageOutcome(run_id, stage, unit, SKIPPED, error=str(error))
    except (Interrupted, KeyboardInterrupt, SystemExit) as error:
        _give_back(ctx, claim)
        log.info("given back", **trace)
        if isinstance(error, KeyboardInterrupt):
            raise Interrupted("interrupted") from None
        raise
    except Exception as error:  # noqa: BLE001 - whatever a service raises is an outcome here
        return _failed(ctx, claim, run, trace, error)
    log.info("done", **trace, **_flat(done.result))
    ctx.report(StageReport(run_id, run.config, stage, unit, DONE, done.result))
    return StageOutcome(run_id, stage, unit, DONE, done.result)


def _give_back(ctx: Context, claim: stages.Claim) -> None:
    with suppress(RingRiftError):  # nothing is ours to give back, or it ends with its lease
        release_stage(ctx.ledger, claim)


def _failed(
    ctx: Context,
    claim: stages.Claim,
    run: RunRow,
    trace: dict[str, Any],
    error: Exception,
) -> StageOutcome:
    kind = "" if isinstance(error, BadInput) else f"{type(error).__name__}: "
    said = masked(f"{kind}{error}")  # it goes into the ledger, events and hooks
    try:
        state = fail_stage(ctx.ledger, claim, said)
    except (Superseded, StaleFence) as lost:
        _give_back(ctx, replace(claim, fence=None))
        return StageOutcome(claim.run_id, claim.stage, claim.unit, SKIPPED, error=str(lost))
    except RingRiftError:  # a full disk is one for files and ledger: the first error would be lost
        log.warning("failed, and the ledger cannot be told", **trace, error=said)
        raise
    log.error("failed", **trace, state=state, error=said, exc_info=not isinstance(error, BadInput))
    figures = {"error": said, "state": state}
    ctx.report(StageReport(run.id, run.config, claim.stage, claim.unit, FAILED, figures))
    return StageOutcome(
        claim.run_id,
        claim.stage,
        claim.unit,
        FAILED,
        error=said,
        bad_input=isinstance(error, BadInput),
    )


def _flat(result: dict[str, Any]) -> dict[str, Any]:
    """The figures of a result that fit a log line."""
    return {k: v for k, v in result.items() if isinstance(v, int | float | str | bool)}
