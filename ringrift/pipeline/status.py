"""What each config has reached, what it waits for, how much is there, and when it may be done.

Everything is read from the ledger and the files, so any process sees the same, and `figures` of
running work are as old as its last heartbeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ringrift.pipeline import parity
from ringrift.pipeline.context import Context
from ringrift.pipeline.gates import elo_text
from ringrift.pipeline.gauntlet import summary, verdicts
from ringrift.store import games, models, runs, stages
from ringrift.store.blobs import file_sha256
from ringrift.store.ledger import Tx
from ringrift.store.runs import RunRow
from ringrift.store.stages import ABANDONED, DONE, PENDING, RUNNING, StageRow
from ringrift.store.verify import count_records

#: What each stage does, in words.
DOING = {
    "selfplay": "plays selfplay games",
    "sync": "checks shards and puts their games into the ledger",
    "parity": "compares games with the oracle",
    "export": "writes the dataset",
    "train": "trains the candidate",
    "evaluate_plan": "plans the gates",
    "evaluate": "plays the gates",
    "promote": "decides on the candidate",
}

#: Queue of the workers that do it.
QUEUE = {
    **dict.fromkeys(("selfplay", "train", "evaluate"), "gpu"),
    **dict.fromkeys(("sync", "parity", "export"), "cpu"),
}


@dataclass(frozen=True, slots=True)
class StageStatus:
    """One stage of a run."""

    stage: str
    #: waiting, running, done or abandoned.
    state: str
    units: int
    units_done: int
    #: Wall seconds from the first claim to the end, or to now.
    seconds: float
    #: Figures summed over units (games, positions), or of its one unit.
    figures: dict[str, Any]
    #: Seconds until it is done by its own pace, None where nothing tells.
    eta_seconds: float | None


@dataclass(frozen=True, slots=True)
class RunStatus:
    """A run: where it is, what it waits for."""

    run_id: str
    config: str
    iteration: int
    state: str
    outcome: str | None
    reason: str | None
    #: The stage it is in, None once it is closed.
    stage: str | None
    #: One sentence with figures.
    waits_for: str
    eta_seconds: float | None
    stages: list[StageStatus]
    #: What each gate says by now; see `pipeline.stages.summary`.
    gates: list[dict[str, Any]]
    #: What somebody should know who relies on this run.
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class ConfigStatus:
    """A config: its champion, its games, its newest run."""

    config: str
    #: sha256, file, since (of the promotion), gates; None before the first promotion.
    champion: dict[str, Any] | None
    #: The network that plays selfplay: sha256, kind, file.
    newest: dict[str, Any] | None
    #: Promotions so far.
    promotions: int
    #: Counted in the ledger, and by reading the files.
    games_in_ledger: int
    games_in_shards: int
    positions: int
    #: Games among them that the parity gate keeps out of datasets.
    quarantined: int
    #: Shards and models that are not there, cannot be read or are not what their names say.
    unreadable: list[str]
    run: RunStatus | None = field(default=None)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def run_status(tx: Tx, run: RunRow) -> RunStatus:
    """Where a run is."""
    rows = stages.stages_of(tx, run.id)
    said = verdicts(tx, run)
    gates = [summary(gate, verdict) for gate, verdict in said]
    found = [
        stage_status(stage, [row for row in rows if row.stage == stage], tx.now)
        for stage in stages.ORDER
        if any(row.stage == stage for row in rows)
    ]
    current = None
    if run.state == runs.OPEN:
        current = next((s for s in found if s.state not in (DONE, ABANDONED)), None)
    return RunStatus(
        run_id=run.id,
        config=run.config,
        iteration=run.iteration,
        state=run.state,
        outcome=run.outcome,
        reason=run.reason,
        stage=None if current is None else current.stage,
        waits_for=_sentence(run, current, rows, gates),
        eta_seconds=None if current is None else current.eta_seconds,
        stages=found,
        gates=gates,
        warnings=parity.warnings(rows),
    )


def stage_status(stage: str, rows: Sequence[StageRow], now: float) -> StageStatus:
    """A stage from its rows."""
    done = [row for row in rows if row.state in (DONE, ABANDONED)]
    running = [row for row in rows if row.state == RUNNING]
    begun = [row.claimed_at for row in rows if row.claimed_at is not None]
    ended = len(done) == len(rows)
    end = max((row.finished_at or 0.0 for row in rows), default=now) if ended else now
    seconds = max(0.0, end - min(begun)) if begun else 0.0
    state = "waiting"
    if ended:
        state = ABANDONED if rows and all(r.state == ABANDONED for r in rows) else DONE
    elif running or done:
        state = RUNNING
    figures = _figures(stage, rows)
    return StageStatus(
        stage=stage,
        state=state,
        units=len(rows),
        units_done=len(done),
        seconds=seconds,
        figures=figures,
        eta_seconds=_eta(stage, rows, figures, seconds) if state == RUNNING else None,
    )


def _figures(stage: str, rows: Sequence[StageRow]) -> dict[str, Any]:
    """Sums over shards and chunks; of a single unit its result, else its progress."""
    if stage not in ("selfplay", "evaluate"):
        row = rows[0]
        found = row.result or row.progress or {}
        return {k: v for k, v in found.items() if isinstance(v, int | float | str | bool)}
    parts = [row.result or row.progress or {} for row in rows]
    total: dict[str, Any] = {
        key: sum(part.get(key, 0) for part in parts)
        for key in ("games", "positions", "plies", "wins", "evaluations")
        if any(key in part for part in parts)
    }
    if stage == "selfplay":
        total["planned_games"] = sum(int(row.spec.get("games", 0)) for row in rows)
    return total


def _eta(
    stage: str, rows: Sequence[StageRow], figures: dict[str, Any], seconds: float
) -> float | None:
    if stage == "selfplay":
        games, planned = figures.get("games", 0), figures.get("planned_games", 0)
        return None if not games or seconds < 1.0 else seconds * (planned - games) / games
    if stage == "evaluate":  # at most: a gate may be decided before
        done = sum(_share(row) for row in rows)
        return None if not done else seconds * (len(rows) - done) / done
    eta = (rows[0].progress or {}).get("eta") if rows else None
    return None if eta is None else float(eta)


def _share(row: StageRow) -> float:
    """How much of a unit is done, 0 to 1."""
    if row.state in (DONE, ABANDONED):
        return 1.0
    progress = row.progress or {}
    return float(progress.get("games", 0)) / float(progress.get("of", 1) or 1)


def _sentence(
    run: RunRow,
    stage: StageStatus | None,
    rows: Sequence[StageRow],
    gates: Sequence[dict[str, Any]],
) -> str:
    if stage is None:
        if run.state == runs.CLOSED:
            return f"nothing: run {run.iteration} is closed ({run.outcome}: {run.reason})"
        return "the reconciler, to issue its next stage"
    own = [row for row in rows if row.stage == stage.stage]
    if stage.state == "waiting":
        queue = QUEUE.get(stage.stage, "control")
        before = [row for row in own if row.error]
        again = f", again after: {before[0].error}" if before else ""
        return f"a worker that {DOING[stage.stage]} (queue {queue}){again}"
    figures = stage.figures
    match stage.stage:
        case "selfplay":
            games, planned = figures.get("games", 0), figures["planned_games"]
            rate = games / stage.seconds if stage.seconds > 0 else 0.0
            text = (
                f"{planned} selfplay games: {games} there "
                f"({stage.units_done} of {stage.units} shards), {rate:.1f} games/s, "
                f"{figures.get('positions', 0)} positions"
            )
            if not games and figures.get("evaluations"):
                text += f", the first games are under way ({figures['evaluations']} evaluations)"
        case "parity" if "moves" in figures:
            text = (
                f"the parity gate: {figures['games']} of {figures['of']} games, "
                f"{figures['moves']} moves compared with the oracle"
            )
        case "train" if "step" in figures:
            text = (
                f"training: step {figures['step']} of {figures['of']}, loss {figures['loss']:.3f}"
            )
        case "evaluate":
            each = ", ".join(
                f"{g['gate']} {g['wins']}-{g['losses']}{elo_text(g)} ({g['low']:.2f}-{g['high']:.2f}, "
                f"needs {g['bound']:.2f}: {g['decision']})"
                for g in gates
            )
            under_way = sum((r.progress or {}).get("games", 0) for r in own if r.state == RUNNING)
            text = f"the gates: {each}; {under_way} more games are over in running tasks"
        case _:
            text = f"a stage that {DOING[stage.stage]}"
    silent = [row for row in own if row.state == PENDING]
    if stage.units > 1 and silent and not any(row.state == RUNNING for row in own):
        text += "; no worker is at it"
    return text


def config_status(ctx: Context, config: str) -> ConfigStatus:
    """A config as the ledger and its files have it."""
    with ctx.ledger.read() as tx:
        champion = _champion(tx, config)
        newest = models.newest_accepted(tx, config)
        last = runs.last_run(tx, config)
        run = None if last is None else run_status(tx, last)
        played = [
            s for s in games.all_shards(tx) if s.config == config and s.state == games.INGESTED
        ]
        counted = games.count_games(tx, config)
        positions = games.count_positions(tx, config)
        quarantined = len(games.faulty_games(tx, config))
        promotions = len(models.promotions_of(tx, config))
    said = None if newest is None else _model(newest)
    read, unreadable = 0, []
    for shard in played:
        path = ctx.blobs.path(str(shard.path))
        count = count_records(path)
        if count is None:
            unreadable.append(str(shard.path))
        else:
            read += count
    files = {str(m["file"]): str(m["sha256"]) for m in (champion, said) if m is not None}
    unreadable += [f for f, sha256 in files.items() if not _is_whole(ctx.blobs.path(f), sha256)]
    return ConfigStatus(
        config=config,
        champion=champion,
        newest=said,
        promotions=promotions,
        games_in_ledger=counted,
        games_in_shards=read,
        positions=positions,
        quarantined=quarantined,
        unreadable=unreadable,
        run=run,
    )


def _is_whole(path: Path, sha256: str) -> bool:
    try:
        return file_sha256(path) == sha256
    except OSError:
        return False


def _model(row: models.ModelRow) -> dict[str, Any]:
    return {"sha256": row.sha256, "kind": row.kind, "file": row.path, "metrics": row.metrics}


def _champion(tx: Tx, config: str) -> dict[str, Any] | None:
    sha256 = models.champion(tx, config)
    row = None if sha256 is None else models.get_model(tx, sha256)
    if row is None:
        return None
    promotion = models.promotions_of(tx, config)[-1]
    return {
        **_model(row),
        "since": promotion.created_at,
        "run": promotion.run_id,
        "gates": promotion.evidence["gates"],
    }


def known_configs(ctx: Context) -> list[str]:
    """Configs with a run, then those that the settings name."""
    with ctx.ledger.read() as tx:
        seen = runs.configs(tx)
    return seen + [c for c in ctx.settings.loop.configs if c not in seen]


def file_of(ctx: Context, relative: str) -> Path:
    """Where a file of the ledger lies."""
    return ctx.blobs.path(relative)
