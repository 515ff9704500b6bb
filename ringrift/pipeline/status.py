"""What each config has reached, what it waits for, how much is there, and when it may be done.

Everything is read from the ledger and the files, so any process sees the same. How far a run is:
`pipeline.run_status`; what a config waits for between two runs: `pipeline.waits`; who is at work
beside the configs: `pipeline.overview`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from ringrift.configs import Config
from ringrift.events.kinds import Kind
from ringrift.pipeline.capacity import Capacity
from ringrift.pipeline.context import Context
from ringrift.pipeline.file_looks import Files
from ringrift.pipeline.plan import RunPlan
from ringrift.pipeline.run_status import DOING, RunStatus, StageStatus, run_status
from ringrift.pipeline.scheduling import Decision
from ringrift.pipeline.triggers import Trigger, training_due
from ringrift.pipeline.waits import Around, Wait, between
from ringrift.store import events as outbox
from ringrift.store import games, loops, models, runs, work
from ringrift.store.ledger import Tx
from ringrift.store.runs import RunRow
from ringrift.store.work import Supply

__all__ = [
    "DOING",
    "ConfigStatus",
    "Looked",
    "RunStatus",
    "StageStatus",
    "config_status",
    "known_configs",
    "run_status",
]


@dataclass(frozen=True, slots=True)
class ConfigStatus:
    """A config: its champion, its games, its newest iteration and what plays beside it, what it waits for."""

    config: str
    #: The stage of its open run, or one of `pipeline.waits`.
    stage: str
    #: One sentence with figures; the same without those that follow; how much is there, how much is
    #: needed; seconds until then.
    waits_for: str
    brief: str
    have: float | None
    need: float | None
    unit: str | None
    eta_seconds: float | None
    #: sha256, file, since when it has its seat, gates, rolled_back (model and reason, where it has it
    #: again since that one was taken back, else None); None before the first promotion.
    champion: dict[str, Any] | None
    #: The network that plays selfplay: sha256, kind, file.
    newest: dict[str, Any] | None
    #: Promotions so far.
    promotions: int
    #: Counted in the ledger, and by reading the files.
    games_in_ledger: int
    games_in_shards: int
    #: Positions that may be learned from.
    positions: int
    #: Whether its next training is due, and what that lacks: `pipeline.triggers`.
    training: Trigger
    #: Games among them that the parity gate keeps out of datasets.
    quarantined: int
    #: Shards and models that are not there, cannot be read or are not what their names say.
    unreadable: list[str]
    #: Its newest iteration, and its backfill runs that are open, oldest first.
    run: RunStatus | None = field(default=None)
    beside: list[RunStatus] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found out once for all configs; `pipeline.overview` does."""

    #: Whether a master loop is at work; None where the broker cannot be asked.
    master: bool | None
    #: Loops that are alive.
    loops: list[loops.LoopRow]
    #: What the master decides about each config, where there is one.
    decisions: dict[str, Decision]
    #: Workers of each queue.
    workers: dict[str, Capacity] | None = None
    #: What each config has to learn from.
    supplies: dict[str, Supply] | None = None


#: Stages after which a run goes on to train only if a training is due.
BEFORE_TRAINING = ("selfplay", "sync", "parity", "export")

#: Nobody was asked: of a context without a cluster.
ALONE = Looked(master=False, loops=[], decisions={})


def config_status(
    ctx: Context,
    config: str,
    files: Files | None = None,
    looked: Looked = ALONE,
    *,
    light: bool = False,
) -> ConfigStatus:
    """A config as the ledger and its files have it; every file is read where no `files` says less.

    light: neither games nor their files are counted, but taken from the rows of shards.
    """
    with ctx.ledger.read() as tx:
        last = runs.last_run(tx, config)
        run = None if last is None else run_status(tx, last, looked.workers)
        beside = [run_status(tx, row, looked.workers) for row in runs.open_backfills(tx, config)]
        training = training_of(tx, ctx, config, last, looked)
        waits = wait_of(tx, ctx, config, last, run, training, looked)
        champion = _champion(tx, config)
        newest = models.newest_accepted(tx, config)
        played = [] if light else games.shard_files(tx, config)
        supply = (looked.supplies or {}).get(config, Supply())
        counted = supply.games if light else games.count_games(tx, config)
        quarantined = len(games.faulty_games(tx, config))
        promotions = len(models.promotions_of(tx, config))
    said = None if newest is None else _model(newest)
    files = files or Files(ctx.home, afresh=True)
    read, unreadable = counted if light else 0, []
    for path, said_games in [] if light else played:
        count = files.games(ctx.blobs.path(path), said_games)
        if count is None:
            unreadable.append(path)
        else:
            read += count
    named = {str(m["file"]): str(m["sha256"]) for m in (champion, said) if m is not None}
    unreadable += [f for f, sha256 in named.items() if not files.whole(ctx.blobs.path(f), sha256)]
    return ConfigStatus(
        config=config,
        stage=waits.stage,
        waits_for=waits.waits_for,
        brief=waits.brief,
        have=waits.have,
        need=waits.need,
        unit=waits.unit,
        eta_seconds=waits.eta_seconds,
        champion=champion,
        newest=said,
        promotions=promotions,
        games_in_ledger=counted,
        games_in_shards=read,
        positions=training.positions,
        training=training,
        quarantined=quarantined,
        unreadable=unreadable,
        run=run,
        beside=beside,
    )


def wait_of(
    tx: Tx,
    ctx: Context,
    config: str,
    last: RunRow | None,
    run: RunStatus | None,
    training: Trigger,
    looked: Looked,
) -> Wait:
    """What a config waits for: its open run, else what there is between two."""
    decision = looked.decisions.get(config)
    if run is not None and run.state == runs.OPEN:
        text, brief = run.waits_for, run.brief
        sent = {} if decision is None else decision.figures
        if run.stage == "selfplay" and not run.at_work and sent.get("shards_sent") is not None:
            more = f"; {sent['shards_sent']} of its shards are in the queue"
            more += f", {sent['shards_left']} come later" if sent["shards_left"] else ""
            text, brief = text + more, brief + more
        if run.stage in BEFORE_TRAINING and not training.due:
            text += f"; then {training.reason}"
        stage = run.stage or "reconcile"
        return Wait(stage, text, run.have, run.need, run.unit, run.eta_seconds, short=brief)
    settings = ctx.settings.of(Config.parse(config))
    around = Around(
        now=tx.now,
        master=looked.master,
        listed=config in ctx.settings.loop.configs,
        auto=settings.training.auto_trigger,
        iterations=runs.closed_iterations(tx, config),
        max_iterations=settings.loop.max_iterations,
        tick_seconds=settings.cluster.tick_interval_seconds,
        decision=decision,
        loops=[row for row in looked.loops if config in configs_of(row)],
    )
    return between(config, last, training, around)


def training_of(
    tx: Tx, ctx: Context, config: str, last: RunRow | None, looked: Looked = ALONE
) -> Trigger:
    """Whether the next training is due: as the open run was planned, else by the settings of now."""
    if last is not None and last.state == runs.OPEN:
        rules = RunPlan.from_dict(last.plan).training
    else:
        rules = ctx.settings.of(Config.parse(config)).training
    return training_due(work.supply(tx, config, looked.supplies), rules, tx.now)


def configs_of(loop: loops.LoopRow) -> list[str]:
    """The configs that a loop was asked to work on."""
    named = loop.details.get("configs", [])
    return [str(name) for name in named] if isinstance(named, list) else []


def _model(row: models.ModelRow) -> dict[str, Any]:
    return {"sha256": row.sha256, "kind": row.kind, "file": row.path, "metrics": row.metrics}


def _champion(tx: Tx, config: str) -> dict[str, Any] | None:
    seat = models.seat(tx, config)
    row = None if seat is None else models.get_model(tx, seat.model)
    line = models.line(tx, config)
    if seat is None or row is None or not line:
        return None
    return {
        **_model(row),
        "since": seat.since,
        "run": line[0].run_id,
        "gates": line[0].evidence["gates"],
        "rolled_back": _rolled_back(tx, config, seat.model),
    }


def _rolled_back(tx: Tx, config: str, champion: str) -> dict[str, Any] | None:
    """For whom the champion has its seat again, and why; None if it was promoted last."""
    told = outbox.last_events(tx, 1, kind=Kind.MODEL_ROLLED_BACK, config=config)
    if not told or told[0].payload.get("restored") != champion:
        return None
    return {"model": told[0].payload.get("model"), "reason": told[0].payload.get("reason")}


def known_configs(ctx: Context) -> list[str]:
    """Configs with a run, then those that the settings or a loop name."""
    with ctx.ledger.read() as tx:
        seen = runs.configs(tx)
        asked = [config for row in loops.all_loops(tx) for config in configs_of(row)]
    return list(dict.fromkeys([*seen, *ctx.settings.loop.configs, *asked]))
