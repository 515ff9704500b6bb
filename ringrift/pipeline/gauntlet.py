"""The end of a run: its gates are planned, played in chunks, and read; then the run decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ringrift.errors import BadInput
from ringrift.models import promotion
from ringrift.pipeline import gates
from ringrift.pipeline.events import Kind
from ringrift.pipeline.plan import RunPlan
from ringrift.pipeline.task import Done, Task
from ringrift.store import events as outbox
from ringrift.store import matches, models, runs, stages
from ringrift.store.ledger import Tx
from ringrift.store.matches import MatchRow
from ringrift.store.runs import RunRow
from ringrift.store.stages import NewStage


def _candidate(tx: Tx, run_id: str) -> models.ModelRow:
    found = models.candidate_of(tx, run_id)
    if found is None:
        raise BadInput(f"run {run_id[:12]} has no candidate to evaluate")
    return found


def evaluate_plan(task: Task) -> Done:
    """Fix the gates of the candidate, and make the units of the evaluate stage."""
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


def evaluate_unit(task: Task) -> Done:
    """Play one chunk of a gate's match, unless the gate is decided without it."""
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
        "elo": gates.elo_difference(gate, verdict),
        "llr": verdict.llr,
        "decision": verdict.decision.value,
    }


def promote(task: Task) -> Done:
    """Read the verdicts, promote or reject the candidate, and close the run.

    A candidate of a run whose champion was taken back meanwhile is rejected, whatever its gates say:
    they were held against a weak one, which it most likely was trained from.
    """
    ctx, run = task.ctx, task.run
    with ctx.ledger.read() as tx:
        candidate = _candidate(tx, run.id)
        said = verdicts(tx, run)
        holder = models.champion(tx, run.config)
    evidence = [summary(gate, verdict) for gate, verdict in said]
    stands = holder == run.champion
    passed = stands and gates.all_passed([verdict for _, verdict in said])
    accepted = stands and (passed or not gates.shown_weaker(said))
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
    if not stands:
        reason = (
            f"its champion {str(run.champion)[:12]} was taken back for {str(holder)[:12]}, "
            f"so its evidence does not hold; {reason}"
        )
    verdict = task.event(
        Kind.MODEL_PROMOTED if passed else Kind.MODEL_REJECTED, reason=reason, **result
    )

    def rows(tx: Tx) -> None:
        shown = said_to_rows(run, candidate, said)
        promotion.conclude(tx, run, candidate, shown, passed, ctx.fence, accepted=accepted)
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
