"""The stages of a run: claim, call the service, commit what came of it with its event.

Called in the same way by Celery tasks and by the in-process loop. Each function is a no-op (state
"skipped") where the unit is done, at work elsewhere or not due yet, so it may be delivered late,
twice, or by anyone.

A failed service is an outcome ("failed": the unit was given back, or abandoned after too many
failures), not an exception, since a chord whose header raises never runs its body. Interrupted is
raised: the unit was given back unharmed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import structlog

from ringrift.configs import Config
from ringrift.errors import BadInput, Interrupted
from ringrift.models import promotion
from ringrift.pipeline import gates
from ringrift.pipeline.context import Context, StageReport
from ringrift.pipeline.events import PIPELINE, Kind
from ringrift.pipeline.heartbeat import Work
from ringrift.pipeline.plan import RunPlan
from ringrift.pipeline.services import BadShard, ExportWork, ShardWork, TrainWork
from ringrift.store import events as outbox
from ringrift.store import games, matches, models, runs, stages
from ringrift.store.blobs import BadBlob, note_quarantine
from ringrift.store.events import NewEvent
from ringrift.store.ledger import Tx
from ringrift.store.matches import MatchRow
from ringrift.store.runs import RunRow
from ringrift.store.stages import (
    NewStage,
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
        """The verified file of a model; a broken one is quarantined and BadBlob raised."""
        with self.ctx.ledger.read() as tx:
            row = models.get_model(tx, sha256)
        if row is None:
            raise BadInput(f"model {sha256[:12]} is not in the ledger")
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
            raise


def run_selfplay_shard(ctx: Context, run_id: str, shard_id: str) -> StageOutcome:
    """Play one shard."""
    return _perform(ctx, run_id, "selfplay", shard_id, _play_shard)


def run_sync(ctx: Context, run_id: str) -> StageOutcome:
    """Check the run's shards and put their games into the ledger."""
    return _perform(ctx, run_id, "sync", "", _sync)


def run_export(ctx: Context, run_id: str) -> StageOutcome:
    """Make the dataset of the replay window."""
    return _perform(ctx, run_id, "export", "", _export)


def run_train(ctx: Context, run_id: str) -> StageOutcome:
    """Train the candidate and register it."""
    return _perform(ctx, run_id, "train", "", _train)


def run_evaluate_plan(ctx: Context, run_id: str) -> StageOutcome:
    """Fix the gates of the candidate, and make the units of the evaluate stage."""
    return _perform(ctx, run_id, "evaluate_plan", "", _evaluate_plan)


def run_evaluate_unit(ctx: Context, run_id: str, unit: str) -> StageOutcome:
    """Play one chunk of a gate's match, unless the gate is decided without it."""
    return _perform(ctx, run_id, "evaluate", unit, _evaluate_unit)


def run_promote(ctx: Context, run_id: str) -> StageOutcome:
    """Read the verdicts, promote or reject the candidate, and close the run."""
    return _perform(ctx, run_id, "promote", "", _promote)


def run_stage(ctx: Context, run_id: str, stage: str, unit: str = "") -> StageOutcome:
    """Any of the above, by the name of its stage."""
    return _perform(ctx, run_id, stage, unit, _SERVICES[stage])


def _perform(
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
    try:
        log.info("claimed", **trace)
        with Work(ctx, claim, run.config) as work:
            done = do(Task(ctx, run, RunPlan.from_dict(run.plan), work, unit))
            work.check()
        complete_stage(ctx.ledger, claim, done.result, done.events, done.rows)
    except Superseded as error:
        log.warning("superseded", **trace, reason=str(error))
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
    with suppress(Superseded):  # then nothing is ours to give back
        release_stage(ctx.ledger, claim)


def _failed(
    ctx: Context,
    claim: stages.Claim,
    run: RunRow,
    trace: dict[str, Any],
    error: Exception,
) -> StageOutcome:
    said = str(error) if isinstance(error, BadInput) else f"{type(error).__name__}: {error}"
    try:
        state = fail_stage(ctx.ledger, claim, said)
    except Superseded as lost:
        return StageOutcome(claim.run_id, claim.stage, claim.unit, SKIPPED, error=str(lost))
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


def _play_shard(task: Task) -> Done:
    ctx, run = task.ctx, task.run
    with ctx.ledger.read() as tx:
        shard = games.get_shard(tx, task.unit)
    made = ctx.services.play_shard(
        ShardWork(
            id=shard.id,
            run_id=run.id,
            config=task.config,
            model=shard.model,
            seed=shard.seed,
            number=shard.number,
            games=shard.planned_games,
            plan=task.plan,
        ),
        task.model_path(shard.model),
        ctx.home / "shards",
        task.work.progress,
    )
    path = ctx.blobs.relative(ctx.blobs.verify(made.path, made.sha256))

    def rows(tx: Tx) -> None:
        games.record_shard(
            tx,
            shard.id,
            path=path,
            sha256=made.sha256,
            games_played=made.games,
            positions=made.positions,
            plies=made.plies,
            seconds=made.seconds,
            victories=made.victories,
        )
        # The last shard tells that all are played; its own row is done in this transaction.
        left = [r for r in stages.stages_of(tx, run.id) if r.stage == "selfplay"]
        if all(r.state in stages.SETTLED for r in left):
            played = games.shards_of(tx, run.id)
            outbox.append(tx, _selfplay_complete(task, played))

    return Done(
        {
            "games": made.games,
            "positions": made.positions,
            "plies": made.plies,
            "seconds": made.seconds,
            "sha256": made.sha256,
            "victories": dict(made.victories),
        },
        rows=rows,
    )


def _selfplay_complete(task: Task, played: Sequence[games.ShardRow]) -> NewEvent:
    return task.event(
        Kind.SELFPLAY_COMPLETE,
        shards=sum(s.path is not None for s in played),
        games=sum(s.games or 0 for s in played),
        positions=sum(s.positions or 0 for s in played),
    )


def _sync(task: Task) -> Done:
    ctx, run = task.ctx, task.run
    with ctx.ledger.read() as tx:
        shards = [s for s in games.shards_of(tx, run.id) if s.path is not None]
    found: dict[str, list[games.GameRow]] = {}
    sample = task.plan.data_ingestion.parity_games_per_shard
    for number, shard in enumerate(shards):
        path = ctx.blobs.path(str(shard.path))
        try:
            checked = ctx.services.check_shard(path, ctx.home, task.config, sample)
        except BadShard as error:
            _replay_bad_shard(task, shard, error)
            raise BadInput(f"shard {shard.number} is played again: {error}") from error
        found[shard.id] = [
            games.GameRow(
                id=game.id,
                shard_id=shard.id,
                run_id=run.id,
                config=run.config,
                number=game.number,
                seed=str(game.seed),
                winner=game.winner,
                victory=game.victory,
                plies=game.plies,
                turns=game.turns,
                positions=game.positions,
            )
            for game in checked
        ]
        task.work.progress(shards=number + 1, of=len(shards))
    result = {
        "shards": len(shards),
        "games": sum(len(rows) for rows in found.values()),
        "positions": sum(row.positions for rows in found.values() for row in rows),
    }

    def rows(tx: Tx) -> None:
        for shard_id, game_rows in found.items():
            games.ingest_games(tx, shard_id, game_rows)

    # The last shard told SELFPLAY_COMPLETE, unless it was given up: then it is told here.
    told = [_selfplay_complete(task, shards), task.event(Kind.DATA_SYNC_COMPLETED, **result)]
    return Done(result, told, rows)


def _replay_bad_shard(task: Task, shard: games.ShardRow, error: BadShard) -> None:
    """Note a bad file, and let its shard be played again: the spec gives the same games."""
    ctx = task.ctx
    path, moved_to = ctx.blobs.relative(error.path), ctx.blobs.relative(error.moved_to)
    with ctx.ledger.write(ctx.fence) as tx:
        note_quarantine(tx, path, moved_to, str(error), shard.sha256)
        outbox.append(
            tx,
            NewEvent(
                Kind.BLOB_QUARANTINED,
                task.run.id,
                "selfplay",
                moved_to,
                {"path": path, "moved_to": moved_to, "reason": str(error)},
            ),
        )
        games.replan_shard(tx, shard.id)
        stages.reopen(tx, task.run.id, "selfplay", shard.id, str(error))


def _export(task: Task) -> Done:
    ctx, run, rules = task.ctx, task.run, task.plan.training
    with ctx.ledger.read() as tx:
        known = games.ingested_shards(tx, run.config)[::-1]
        own = games.shards_of(tx, run.id)
    by_path = {ctx.blobs.path(str(s.path)): s for s in known}
    work = ExportWork(
        config=task.config,
        shards=[(path, s.positions or 0) for path, s in by_path.items()],
        seed=run.seed,
        plan=task.plan,
    )
    total = sum(rows for _, rows in work.shards)
    if total < rules.min_samples_to_trigger:
        return _too_few(task, total)
    made = ctx.services.export(work, ctx.home / "datasets", task.work.progress)
    row = games.DatasetRow(
        sha256=made.sha256,
        run_id=run.id,
        config=run.config,
        path=ctx.blobs.relative(ctx.blobs.verify(made.path, made.sha256)),
        rows=made.rows,
        games=made.games,
        heldout_rows=made.heldout_rows,
        shards=[by_path[path].id for path in made.shards],
    )
    result = {
        "rows": made.rows,
        "heldout_rows": made.heldout_rows,
        "games": made.games,
        "shards": len(row.shards),
        "sha256": made.sha256,
        "new_positions": sum(s.positions or 0 for s in own),
    }

    def rows(tx: Tx) -> None:
        games.add_dataset(tx, row)

    return Done(result, [task.event(Kind.NPZ_EXPORT_COMPLETE, **result)], rows)


def _too_few(task: Task, total: int) -> Done:
    """Too few positions to learn from: the run ends here, its games stay for the next one."""
    need = task.plan.training.min_samples_to_trigger
    reason = f"{total} of {need} positions to begin training (training.min_samples_to_trigger)"

    def rows(tx: Tx) -> None:
        runs.close_run(tx, task.run.id, runs.COLLECTED, reason)

    result = {"positions": total, "needed": need, "closed": runs.COLLECTED}
    return Done(result, [task.event(Kind.DATA_COLLECTED, **result)], rows)


def _train(task: Task) -> Done:
    ctx, run = task.ctx, task.run
    with ctx.ledger.read() as tx:
        dataset = games.dataset_of(tx, run.id)
    if dataset is None:
        raise BadInput(f"run {run.id[:12]} has no dataset to train on")
    made = ctx.services.train(
        TrainWork(
            run_id=run.id,
            config=task.config,
            dataset=task.verified(dataset.path, dataset.sha256),
            start=task.model_path(run.start_model),
            folder=ctx.home / "runs" / run.id[:16],
            seed=run.seed,
            plan=task.plan,
        ),
        task.work.progress,
    )
    ctx.blobs.verify(made.path, made.sha256)
    blob = ctx.blobs.adopt(made.path, "models")
    result = {"model": made.sha256, **made.metrics}

    def rows(tx: Tx) -> None:
        models.register_model(
            tx,
            sha256=blob.sha256,
            config=run.config,
            kind=models.CANDIDATE,
            path=ctx.blobs.relative(blob.path),
            size=blob.bytes,
            run_id=run.id,
            parent=run.start_model,
            dataset=dataset.sha256,
            metrics=made.metrics,
        )

    return Done(result, [task.event(Kind.TRAINING_COMPLETED, **result)], rows)


def _candidate(tx: Tx, run_id: str) -> models.ModelRow:
    found = models.candidate_of(tx, run_id)
    if found is None:
        raise BadInput(f"run {run_id[:12]} has no candidate to evaluate")
    return found


def _evaluate_plan(task: Task) -> Done:
    ctx, run = task.ctx, task.run
    with ctx.ledger.read() as tx:
        candidate = _candidate(tx, run.id)
        initial = models.initial_model(tx, run.config)
    if initial is None:
        raise BadInput(f"{run.config} has no initial model to compare with")
    planned = gates.plan_gates(
        task.config, task.plan, candidate.sha256, initial.sha256, run.champion, run.seed
    )
    units: list[NewStage] = []
    pieces = [(gate, gates.chunks(gate, task.plan.evaluation.games_per_task)) for gate in planned]
    # Round about: the first chunks of all gates first, as a lost gate spares the rest of all.
    for number in range(max(len(chunks) for _, chunks in pieces)):
        for gate, chunks in pieces:
            if number < len(chunks):
                spec = {"chunk": asdict(chunks[number]), "match": gate.match_id}
                unit = chunks[number].unit(gate.match_id)
                units.append(NewStage("evaluate", unit, spec, len(units)))

    def rows(tx: Tx) -> None:
        for gate in planned:
            match = gate.match
            matches.add_match(
                tx,
                MatchRow(
                    id=gate.match_id,
                    config=run.config,
                    purpose=gate.name,
                    a=match.a.identity,
                    b=match.b.identity,
                    seed=str(match.seed),
                    games=match.max_games,
                    spec=gate.spec,
                    run_id=run.id,
                    model=candidate.sha256,
                ),
            )
        stages.add_stages(tx, run.id, units, ctx.settings.cluster.max_attempts)

    return Done({"gates": [gate.as_dict() for gate in planned], "units": len(units)}, rows=rows)


def planned_gates(tx: Tx, run_id: str) -> list[gates.Gate]:
    """The gates that a run's candidate must pass; empty before they are fixed."""
    row = stages.stage_row(tx, run_id, "evaluate_plan")
    if row is None or row.result is None:
        return []
    return [gates.Gate.from_dict(values) for values in row.result["gates"]]


def verdicts(tx: Tx, run: RunRow) -> list[tuple[gates.Gate, gates.Verdict]]:
    """What each gate of a run says by now."""
    min_games = RunPlan.from_dict(run.plan).evaluation.min_games
    return [
        (gate, gates.judge(gate, matches.wins_by_number(tx, gate.match_id), min_games))
        for gate in planned_gates(tx, run.id)
    ]


def _evaluate_unit(task: Task) -> Done:
    from ringrift.evaluation.stats import Decision

    ctx, run, spec = task.ctx, task.run, task.work.claim.spec
    with ctx.ledger.read() as tx:
        said = {gate.match_id: (gate, verdict) for gate, verdict in verdicts(tx, run)}
    gate, verdict = said[spec["match"]]
    chunk = gates.Chunk(**spec["chunk"])
    lost = any(v.decision is Decision.FAILED for _, v in said.values())
    if verdict.decision is not Decision.OPEN or lost:
        why = "a gate is lost" if lost else "the gate is decided"
        return _played(task, gate, [], f"not played: {why}")
    played = ctx.services.play_blocks(
        gate.spec, chunk.first_block, chunk.blocks, task.model_path, task.work.progress
    )
    return _played(task, gate, played, None)


def _played(task: Task, gate: gates.Gate, played: Sequence[Any], why: str | None) -> Done:
    run = task.run
    result: dict[str, Any] = {
        "gate": gate.name,
        "games": len(played),
        "wins": sum(game["score"] for game in played),
    }
    if why is not None:
        result["skipped"] = why

    def rows(tx: Tx) -> None:
        matches.add_games(tx, gate.match_id, played)
        left = [r for r in stages.stages_of(tx, run.id) if r.stage == "evaluate"]
        if all(r.state in stages.SETTLED for r in left):
            figures = [summary(g, v) for g, v in verdicts(tx, run)]
            outbox.append(tx, task.event(Kind.EVALUATION_COMPLETED, gates=figures))

    return Done(result, rows=rows)


def summary(gate: gates.Gate, verdict: gates.Verdict) -> dict[str, Any]:
    """The figures of one gate, for events, evidence and tables."""
    match = gate.match
    return {
        "gate": gate.name,
        "opponent": match.b.identity,
        "simulations": match.a.simulations,
        "games": verdict.games,
        "wins": verdict.wins,
        "losses": verdict.games - verdict.wins,
        "low": verdict.low,
        "high": verdict.high,
        "bound": gate.bound,
        "llr": verdict.llr,
        "decision": verdict.decision.value,
    }


def _promote(task: Task) -> Done:
    ctx, run = task.ctx, task.run
    with ctx.ledger.read() as tx:
        candidate = _candidate(tx, run.id)
        said = verdicts(tx, run)
    evidence = [summary(gate, verdict) for gate, verdict in said]
    passed = gates.all_passed([verdict for _, verdict in said])
    accepted = passed or not gates.shown_weaker(said)
    path = task.model_path(candidate.sha256)  # what is promoted can be read
    told = task.event(Kind.EVALUATION_COMPLETED, gates=evidence)
    result = {
        "outcome": runs.PROMOTED if passed else runs.REJECTED,
        "model": candidate.sha256,
        "file": ctx.blobs.relative(path),
        "accepted": accepted,
        "gates": evidence,
    }
    reason = promotion.reason(candidate.sha256, evidence)
    verdict = task.event(
        Kind.MODEL_PROMOTED if passed else Kind.MODEL_REJECTED, reason=reason, **result
    )

    def rows(tx: Tx) -> None:
        promotion.conclude(
            tx, run, candidate, said_to_rows(run, candidate, said), passed, ctx.fence
        )
        if accepted:
            models.accept_model(tx, candidate.sha256)
        runs.close_run(tx, run.id, str(result["outcome"]), reason)

    return Done(result, [told, verdict], rows)


def said_to_rows(
    run: RunRow, candidate: models.ModelRow, said: Sequence[tuple[gates.Gate, gates.Verdict]]
) -> list[models.EvaluationRow]:
    """Verdicts as the ledger keeps them."""
    from ringrift.evaluation.stats import Decision

    return [
        models.EvaluationRow(
            run_id=run.id,
            model=candidate.sha256,
            gate=gate.name,
            match_id=gate.match_id,
            opponent=gate.match.b.identity,
            games=verdict.games,
            wins=verdict.wins,
            low=verdict.low,
            high=verdict.high,
            bound=gate.bound,
            verdict=models.PASS if verdict.decision is Decision.PASSED else models.FAIL,
            evidence=summary(gate, verdict),
        )
        for gate, verdict in said
    ]


_SERVICES: dict[str, Callable[[Task], Done]] = {
    "selfplay": _play_shard,
    "sync": _sync,
    "export": _export,
    "train": _train,
    "evaluate_plan": _evaluate_plan,
    "evaluate": _evaluate_unit,
    "promote": _promote,
}
