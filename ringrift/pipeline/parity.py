"""The parity gate of a run: a sample of its new games is replayed through the oracle before export.

    choose     games in an order drawn from the run's id, until the budget of moves is spent
    compare    each with the oracle, move by move (a service)
    keep out   a game that differs: a copy, the reason and a trace go to quarantine, no dataset has it
    judge      too many of them, and the run ends here: none of its games is learned from

The sample follows from the run and its games alone, so that a second delivery compares the same
ones and finds the same. RINGRIFT_SKIP_SHADOW_CONTRACTS leaves the gate out, and the ledger, the
events, the log and `ringrift status` say so.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from ringrift.pipeline import decided
from ringrift.pipeline.events import Kind, run_failed
from ringrift.pipeline.services import FailedGame, ParityReport, ParityWork
from ringrift.pipeline.task import Done, Task
from ringrift.settings.data_ingestion import DataIngestionSettings
from ringrift.settings.switches import SKIP_SHADOW_CONTRACTS, switched_on
from ringrift.store import games, runs, stages
from ringrift.store.blobs import note_quarantine
from ringrift.store.events import NewEvent, append
from ringrift.store.games import GameRow
from ringrift.store.ids import digest
from ringrift.store.ledger import Tx
from ringrift.store.stages import StageRow

log = structlog.get_logger(__name__)


def check(task: Task) -> Done:
    """Compare a sample of the run's games with the oracle; keep those that differ out of datasets."""
    rules = task.plan.data_ingestion
    reason = why_skipped(rules)
    if reason is not None:
        return _skipped(task, reason)
    ctx, run = task.ctx, task.run
    with ctx.ledger.read() as tx:
        played = games.games_of(tx, run.id)
        shards = {shard.id: shard for shard in games.shards_of(tx, run.id)}
    chosen = sample(run.id, played, rules.parity_games, rules.parity_moves)
    wanted: dict[str, list[str]] = {}
    for game in chosen:
        wanted.setdefault(game.shard_id, []).append(game.id)
    report = ctx.services.check_parity(
        ParityWork(
            config=task.config,
            games=[(ctx.blobs.path(str(shards[s].path)), ids) for s, ids in wanted.items()],
            quarantine=ctx.home / "quarantine",
        ),
        task.work.progress,
    )
    verdict = _too_many(report, rules.parity_max_failing)
    result: dict[str, Any] = {
        "games": report.games,
        "run_games": len(played),
        "moves": report.moves,
        "differences": len(report.failed),
        "quarantined": len(report.failed),
        "seconds": report.seconds,
        "failed": [game.id for game in report.failed],
    }
    if verdict is not None:
        result["closed"] = runs.FAILED

    def rows(tx: Tx) -> None:
        for game in report.failed:
            keep_out(tx, task, game)
        if verdict is not None:
            for shard in shards:
                games.mark_quarantined(tx, shard)
            runs.close_run(tx, run.id, runs.FAILED, verdict)
            refused = task.event(
                Kind.QUALITY_REFUSED,
                gate="parity",
                reason=verdict,
                games=report.games,
                bad=len(report.failed),
                most=rules.parity_max_failing,
            )
            append(tx, refused)
            run_failed(tx, run.id, verdict)

    return Done(result, [task.event(Kind.PARITY_CHECKED, **result)], rows)


def sample(
    run_id: str, played: Sequence[GameRow], most_games: int, most_moves: int
) -> list[GameRow]:
    """Which games are compared: in an order drawn from the run's id, the same at every delivery.

    No game is begun once the budget of moves is spent, so it is exceeded by one game at most, and
    long games are chosen as easily as short ones.
    """
    chosen: list[GameRow] = []
    for game in sorted(played, key=lambda game: digest(["parity", run_id, game.id])):
        if len(chosen) >= most_games or sum(g.plies for g in chosen) >= most_moves:
            break
        chosen.append(game)
    return chosen


def why_skipped(
    rules: DataIngestionSettings, environ: Mapping[str, str] = os.environ
) -> str | None:
    """Why the gate is left out, None if it is not."""
    if switched_on(SKIP_SHADOW_CONTRACTS, environ):
        return f"{SKIP_SHADOW_CONTRACTS}={environ[SKIP_SHADOW_CONTRACTS]}"
    if rules.parity_games == 0:
        return "data_ingestion.parity_games is 0"
    return None


def _skipped(task: Task, reason: str) -> Done:
    """Pass without looking, and leave a warning wherever one is looked for."""
    with task.ctx.ledger.read() as tx:
        played = len(games.games_of(tx, task.run.id))
    log.warning(
        "parity gate skipped: no game was compared with the oracle",
        run=task.run.id[:12],
        stage="parity",
        task=task.work.claim.id[:12],
        reason=reason,
    )
    result = {"skipped": reason, "by": task.ctx.owner, "games": 0, "run_games": played}
    return Done(result, [task.event(Kind.PARITY_SKIPPED, reason=reason, **result)])


def _too_many(report: ParityReport, most: float) -> str | None:
    """Why the run cannot go on, None if it can."""
    if len(report.failed) <= most * report.games:
        return None
    first = report.failed[0]
    return (
        f"parity: {len(report.failed)} of {report.games} games differ from the oracle, at most "
        f"{most:.0%} may (data_ingestion.parity_max_failing); no game of this run is learned from. "
        f"First: {first.reason}; `ringrift parity gate {first.reproduction}` shows it"
    )


def keep_out(tx: Tx, task: Task, game: FailedGame) -> None:
    """Note a bad game that this stage found, so that no dataset takes it."""
    blobs = task.ctx.blobs
    shard, copy = blobs.relative(game.shard), blobs.relative(game.record)
    trace = game.reproduction
    games.note_fault(tx, game.id, game.reason)
    note_quarantine(tx, shard, copy, game.reason, None)
    about = {
        "game": game.id,
        "reason": game.reason,
        "path": shard,
        "copy": copy,
        "reproduction": None if trace is None else blobs.relative(trace),
    }
    stage = task.work.claim.stage
    append(tx, NewEvent(Kind.GAME_QUARANTINED, task.run.id, stage, game.id, about))


def warnings(rows: Sequence[StageRow]) -> list[str]:
    """What was found that somebody should know who relies on the run of these stage rows."""
    done = {r.stage: r.result for r in rows if r.state == stages.DONE and r.result is not None}
    gate, export = done.get("parity", {}), done.get("export", {})
    said = []
    if gate.get("skipped"):
        said.append(
            f"the parity gate was skipped ({gate['skipped']}, by {gate['by']}): none of "
            f"{gate['run_games']} games was compared with the oracle"
        )
    elif gate.get("quarantined"):
        said.append(
            f"{gate['quarantined']} of {gate['games']} games compared differ from the oracle; "
            "their reproductions lie in quarantine/"
        )
    if export.get("quarantined"):
        said.append(
            f"{export['quarantined']} games could not be made into rows, since their moves do not "
            "lead to what they say; they lie in quarantine/"
        )
    return said + decided.warnings(rows)
