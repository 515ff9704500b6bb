"""Opening runs, iterations and backfill runs: from which network, against which champion, with which shards."""

from __future__ import annotations

from dataclasses import replace

import structlog

from ringrift.configs import Config
from ringrift.pipeline.context import Context
from ringrift.pipeline.engine import USUAL
from ringrift.pipeline.plan import RunPlan
from ringrift.pipeline.queues import BACKFILL
from ringrift.pipeline.scheduling import priority_of
from ringrift.pipeline.sweeping import sweep
from ringrift.selfplay.size import shard_games
from ringrift.settings import Settings
from ringrift.store import games, models, runs, stages
from ringrift.store.ids import digest
from ringrift.store.ids import run_id as derive_run_id
from ringrift.store.ledger import Tx
from ringrift.store.models import ModelRow
from ringrift.store.runs import RunRow
from ringrift.store.stages import NewStage

log = structlog.get_logger(__name__)

#: Stages with one row for the whole run, made when it is opened.
WHOLE_RUN = ("sync", "parity", "export", "train", "evaluate_plan", "promote")


def open_or_resume(
    ctx: Context, config: Config, games_wanted: int | None = None, engine: str = USUAL
) -> RunRow:
    """The open run of a config, as it was planned; else a new one by the settings of now.

    engine: who plays its games, as `pipeline.engine.check_engine` allows.

    Two callers at once get the same run: the ledger holds one open iteration per config. BadInput where the disk has no
    room for one.
    """
    while True:
        run = _look_and_open(ctx, config, games_wanted, engine)
        if run is not None:
            return run


def _look_and_open(
    ctx: Context, config: Config, games_wanted: int | None, engine: str
) -> RunRow | None:
    """As `open_or_resume`; None if another network has come to play since this one was chosen."""
    with ctx.ledger.read() as tx:
        found = runs.open_iteration(tx, str(config))
    if found is not None:
        return found
    sweep(ctx)
    ctx.require_room()
    plan = RunPlan.of(ctx.settings, config, games_wanted)
    start = ensure_start_model(ctx, config, plan)
    if games_wanted is None and start.kind == models.INITIAL:
        games_wanted = plan.selfplay.first_games
    plan = _plan(ctx, config, plan, start, games_wanted, engine)
    with ctx.ledger.write(ctx.fence) as tx:
        return _open(tx, config, plan, start, ctx.settings)


def open_backfill(ctx: Context, config: Config, shards: int, number: int) -> RunRow | None:
    """A backfill run of so many shards by the newest accepted network, as run `number` of its config.

    Its shards are as short as they can well be, for what is urgent waits for their end. None where it is not wanted
    any more: another run has this number, or another network has come to play since. BadInput where the disk has no room.
    """
    sweep(ctx)
    ctx.require_room()
    with ctx.ledger.read() as tx:
        start = models.newest_accepted(tx, str(config))
    if start is None or start.kind == models.INITIAL:
        return None
    plan = _plan(ctx, config, RunPlan.of(ctx.settings, config), start, None, USUAL)
    play = plan.selfplay
    speed = _speed(ctx, config, start)
    size = play.games_per_shard or shard_games(config, play.slots, play.shard_seconds, speed, 1)
    play = play.replace(games_per_shard=size)
    plan = replace(plan, games=shards * size, shard_games=size, selfplay=play)
    with ctx.ledger.write(ctx.fence) as tx:
        if runs.last_number(tx, str(config)) + 1 != number:
            return None
        return _open(tx, config, plan, start, ctx.settings, backfill=True)


def _plan(
    ctx: Context,
    config: Config,
    plan: RunPlan,
    start: ModelRow,
    games_wanted: int | None,
    engine: str,
) -> RunPlan:
    """The plan with what is measured and known before a run of this network is opened."""
    return RunPlan.of(
        ctx.settings,
        config,
        games_wanted,
        _speed(ctx, config, start),
        elo=rating(ctx, config, plan, start.sha256),
        progress=training_progress(ctx, config, plan),
        # games of other engines begin at the opening
        archive=archive_of(ctx, config, plan) if engine == USUAL else (),
        engine=engine,
    )


def _speed(ctx: Context, config: Config, start: ModelRow) -> float | None:
    """Games per second of one worker with such a network, None before the first shard."""
    with ctx.ledger.read() as tx:
        return games.games_per_second(tx, str(config), untrained=start.kind == models.INITIAL)


def _open(
    tx: Tx,
    config: Config,
    plan: RunPlan,
    start: ModelRow,
    settings: Settings,
    *,
    backfill: bool = False,
) -> RunRow | None:
    """Open the run; None if another has overtaken us: a network that is not the newest may have been pruned."""
    newest = models.newest_accepted(tx, str(config))
    if newest is None or newest.sha256 != start.sha256:
        return None
    iteration = runs.last_number(tx, str(config)) + 1
    champion = models.champion(tx, str(config))
    identity = derive_run_id(str(config), iteration, start.sha256, champion, plan.digest)
    run = runs.insert_run(
        tx,
        config=str(config),
        iteration=iteration,
        seed=seed_of(identity),
        start_model=start.sha256,
        champion=champion,
        plan=plan.as_dict(),
        plan_digest=plan.digest,
        priority=BACKFILL if backfill else priority_of(settings.loop, str(config)),
        backfill=backfill,
    )
    if run is None:  # another caller opened one since we looked
        return runs.open_iteration(tx, str(config))  # none if it is closed by now
    shards = games.plan_shards(
        tx,
        run_id=run.id,
        config=run.config,
        model=run.start_model,
        seed=run.seed,
        sizes=plan.shard_sizes(),
    )
    rows = [
        NewStage("selfplay", shard.id, {"games": shard.planned_games}, shard.number)
        for shard in shards
    ]
    rows += [NewStage(stage) for stage in WHOLE_RUN]
    stages.add_stages(tx, run.id, rows, settings.cluster.max_attempts)
    log.info(
        "run opened",
        run=run.id[:12],
        config=run.config,
        iteration=run.iteration,
        backfill=run.backfill,
        games=plan.games,
        shards=len(shards),
        start_model=run.start_model[:12],
    )
    return run


def rating(ctx: Context, config: Config, plan: RunPlan, model: str) -> float | None:
    """Rating of a network where the temperature depends on it; None before games link it to an anchor.

    That of its search as gates play it, in whole points: what is behind the point would differ from machine to machine,
    and is far below what the ratings know.
    """
    if plan.selfplay.temperature_schedule != "elo":
        return None
    from ringrift.evaluation.elo_service import EloService
    from ringrift.pipeline.gates import searching

    found = EloService(ctx.ledger).rating(config, searching(plan, model).identity)
    return float(round(found.elo)) if found is not None and found.connected else None


def training_progress(ctx: Context, config: Config, plan: RunPlan) -> float:
    """Part of the training that is done, 0 .. 1, where the temperature depends on it: iterations that trained."""
    if plan.selfplay.temperature_schedule != "curriculum":
        return 0.0
    with ctx.ledger.read() as tx:
        trained = len(models.models_of(tx, str(config), models.CANDIDATE))
    return min(trained / plan.selfplay.curriculum_iterations, 1.0)


def archive_of(ctx: Context, config: Config, plan: RunPlan) -> list[str]:
    """sha256 of the newest shards of a config in which games may begin, none of whose games was found faulty."""
    play = plan.selfplay
    if not play.archive_share or not play.archive_shards:
        return []
    with ctx.ledger.read() as tx:
        known = games.ingested_shards(tx, str(config))
        faulty = {game.shard_id for game in games.faulty_games(tx, str(config))}
    whole = [str(shard.sha256) for shard in known if shard.id not in faulty]
    return whole[: play.archive_shards]


def seed_of(identity: str) -> int:
    """A seed below 2^60 (it fits a signed column and a double's neighbours) from a derived id."""
    return int(identity[:15], 16)


def ensure_start_model(ctx: Context, config: Config, plan: RunPlan) -> ModelRow:
    """The newest accepted network of a config; its untrained one is made where there is none.

    The untrained weights follow from config, sizes and a fixed seed alone, so that a second maker
    makes the same file.
    """
    with ctx.ledger.read() as tx:
        found = models.newest_accepted(tx, str(config))
    if found is not None:
        return found
    made = ctx.services.init_model(config, plan, ctx.home / "models")
    blob = ctx.blobs.adopt(made, "models")
    with ctx.ledger.write(ctx.fence) as tx:
        models.register_model(
            tx,
            sha256=blob.sha256,
            config=str(config),
            kind=models.INITIAL,
            path=ctx.blobs.relative(blob.path),
            size=blob.bytes,
            accepted=True,
        )
        start = models.newest_accepted(tx, str(config))
    if start is None:
        raise RuntimeError(f"the initial model of {config} was registered and is not there")
    return start


def initial_seed(config: Config, plan: RunPlan) -> int:
    """Seed of the untrained weights: of config and sizes, not of the run."""
    return int(digest([str(config), plan.network.model_dump(mode="json")])[:8], 16)
