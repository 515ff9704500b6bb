"""The stages of a run: what each calls, and what it commits with its event.

`run_stage` is called in the same way by Celery tasks and by the in-process loop. It is a no-op
(state "skipped") where the unit is done, at work elsewhere or not due yet, so a unit may be
delivered late, twice, or by anyone.

A failed service is an outcome ("failed": the unit was given back, or abandoned after too many
failures), not an exception, since a chord whose header raises never runs its body. Interrupted is
raised: the unit was given back unharmed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from ringrift.errors import BadInput
from ringrift.pipeline import broken_shards, decided, gauntlet, parity
from ringrift.pipeline.context import Context
from ringrift.pipeline.cores import training_threads, usable_cores
from ringrift.pipeline.events import Kind, blob_quarantined
from ringrift.pipeline.model_files import training_folder
from ringrift.pipeline.services import BadShard, ExportWork, ShardWork, TrainWork
from ringrift.pipeline.task import Done, StageOutcome, Task, perform
from ringrift.pipeline.triggers import Trigger, training_due
from ringrift.store import events as outbox
from ringrift.store import games, models, runs, stages
from ringrift.store.blobs import BadBlob, note_quarantine
from ringrift.store.events import NewEvent
from ringrift.store.ledger import MASTER, Tx, standing_fence
from ringrift.store.work import supply

#: Stages that write files; the others write rows, and are how a run ends.
WRITES = ("selfplay", "export", "train")


def run_stage(ctx: Context, run_id: str, stage: str, unit: str = "") -> StageOutcome:
    """Do a unit of a stage, if it is its turn. BadInput, and nothing is begun, where the disk has no room for it.

    A promotion is made on behalf of the master that stands when it begins, whoever delivers it: one
    that is asleep while another becomes master is refused, and made anew.
    """
    if stage == "promote" and ctx.fence is None:
        with ctx.ledger.read() as tx:
            ctx = ctx.with_(fence=standing_fence(tx, MASTER))
    if stage in WRITES:
        ctx.require_room()
    return perform(ctx, run_id, stage, unit, _STAGES[stage])


def play_shard(task: Task) -> Done:
    """Play one shard."""
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
            archive=_archive(task),
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
            **decided.entry(made.decided, task.plan.selfplay.decided_max_false),
        },
        rows=rows,
    )


def _archive(task: Task) -> dict[str, Path]:
    """The verified files in which games of a run may begin, by sha256; BadInput for one that is not there or not whole.

    Without it the shard would hold other games than its plan says, so the shard waits for a good copy; the next
    run is planned without a file that was broken.
    """
    wanted = task.plan.archive
    with task.ctx.ledger.read() as tx:
        known = games.shard_paths(tx, wanted) if wanted else {}
    for sha256 in wanted:
        if sha256 not in known:
            raise BadInput(f"archive: shard file {sha256[:12]} is not in the ledger")
    try:
        return {sha256: task.verified(known[sha256], sha256) for sha256 in wanted}
    except BadBlob:
        with task.ctx.ledger.read() as tx:
            rows = games.ingested_shards(tx, task.run.config)
        broken_shards.keep_out(task, [row for row in rows if row.sha256 in wanted])
        raise


def _selfplay_complete(task: Task, played: Sequence[games.ShardRow]) -> NewEvent:
    return task.event(
        Kind.SELFPLAY_COMPLETE,
        shards=sum(s.path is not None for s in played),
        games=sum(s.games or 0 for s in played),
        positions=sum(s.positions or 0 for s in played),
    )


def sync(task: Task) -> Done:
    """Check the run's shards and put their games into the ledger."""
    ctx, run = task.ctx, task.run
    with ctx.ledger.read() as tx:
        shards = [s for s in games.shards_of(tx, run.id) if s.path is not None]
    found: dict[str, list[games.GameRow]] = {}
    bad: list[str] = []
    sample = task.plan.data_ingestion.replayed_games_per_shard
    for number, shard in enumerate(shards):
        path = ctx.blobs.path(str(shard.path))
        try:
            checked = ctx.services.check_shard(path, ctx.home, task.config, sample)
        except BadShard as error:
            _replay_bad_shard(task, shard, error)
            bad.append(f"shard {shard.number} is played again: {error}")
            continue
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
    if bad:  # one failure, however many: a few would end the run
        raise BadInput("; ".join(bad[:3]) + (f"; and {len(bad) - 3} more" if len(bad) > 3 else ""))
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
        # A worker that slept through its lease would reopen what is done by now.
        stages.hold(tx, task.work.claim)
        note_quarantine(tx, path, moved_to, str(error), shard.sha256)
        blob_quarantined(tx, task.run.id, "selfplay", path, moved_to, str(error))
        games.replan_shard(tx, shard.id)
        stages.reopen(tx, task.run.id, "selfplay", shard.id, str(error))


def export(task: Task) -> Done:
    """Make the dataset of the replay window, or end the run where no training is due (`pipeline.triggers`).

    A backfill run ends here too. The window is that of the runs up to this one: games that were played beside it
    since are new to the next training, whenever they are taken in.

    Every game is played again for it. One whose moves do not lead to what it says is kept out as
    the parity gate keeps it out, from this dataset and all later ones; so is a shard whose file is broken.
    """
    ctx, run, rules = task.ctx, task.run, task.plan.training
    with ctx.ledger.read() as tx:
        known = games.ingested_shards(tx, run.config, until=run.iteration)[::-1]
        own = games.shards_of(tx, run.id)
        faulty = games.faulty_games(tx, run.config)
        due = training_due(supply(tx, run.config), rules, tx.now)
    by_path = {ctx.blobs.path(str(s.path)): s for s in known}
    lost = Counter[str]()  # positions of each shard that may not be learned from
    for game in faulty:
        lost[game.shard_id] += game.positions
    work = ExportWork(
        config=task.config,
        shards=[(path, (s.positions or 0) - lost[s.id]) for path, s in by_path.items()],
        without=frozenset(game.id for game in faulty),
        quarantine=ctx.home / "quarantine",
        seed=run.seed,
        plan=task.plan,
    )
    if run.backfill or not due.due:
        return _collected(task, due)
    try:
        made = ctx.services.export(work, ctx.home / "datasets", task.work.progress)
    except BadInput:
        if not broken_shards.keep_out(task, known):
            raise
        return export(task)  # without them: whether a training is due is asked anew
    for failed in made.failed:
        lost[by_path[failed.shard].id] += failed.positions
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
        "quarantined": len(made.failed),
        "sha256": made.sha256,
        "new_positions": sum((s.positions or 0) - lost[s.id] for s in own),
    }

    def rows(tx: Tx) -> None:
        for game in made.failed:
            parity.keep_out(tx, task, game)
        games.add_dataset(tx, row)

    return Done(result, [task.event(Kind.NPZ_EXPORT_COMPLETE, **result)], rows)


def _collected(task: Task, trigger: Trigger) -> Done:
    """No training is due, or it is no run that trains: it ends here, its games stay for the next one."""
    reason = trigger.reason
    if task.run.backfill:
        reason = f"a backfill run: its games are for the next training; {reason}"

    def rows(tx: Tx) -> None:
        runs.close_run(tx, task.run.id, runs.COLLECTED, reason)

    result = {
        "positions": trigger.positions,
        "needed": task.plan.training.min_samples_to_trigger,
        "closed": runs.COLLECTED,
        "lacks": trigger.lacks,
        "reason": reason,
        "new": trigger.new,
        "in_quarantine": trigger.quarantined,
    }
    return Done(result, [task.event(Kind.DATA_COLLECTED, **result)], rows)


def _dataset(task: Task, row: games.DatasetRow) -> Path:
    """The verified file of a run's dataset; where it is broken or gone, BadBlob, and it is exported again."""
    try:
        return task.verified(row.path, row.sha256)
    except BadBlob as error:
        with task.ctx.ledger.write(task.ctx.fence) as tx:
            stages.hold(tx, task.work.claim)
            stages.reopen(tx, task.run.id, "export", "", f"its dataset is made again: {error}")
        raise


def train(task: Task) -> Done:
    """Train the candidate and register it."""
    ctx, run = task.ctx, task.run
    with ctx.ledger.read() as tx:
        dataset = games.dataset_of(tx, run.id)
    if dataset is None:
        raise BadInput(f"run {run.id[:12]} has no dataset to train on")
    path = _dataset(task, dataset)
    folder = training_folder(ctx.home, run.id)
    made = ctx.services.train(
        TrainWork(
            run_id=run.id,
            config=task.config,
            dataset=path,
            start=task.model_path(run.start_model),
            folder=folder,
            seed=run.seed,
            plan=task.plan,
            threads=training_threads(ctx, task.plan, folder, usable_cores()),
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


_STAGES: dict[str, Callable[[Task], Done]] = {
    "selfplay": play_shard,
    "sync": sync,
    "parity": parity.check,
    "export": export,
    "train": train,
    "evaluate_plan": gauntlet.evaluate_plan,
    "evaluate": gauntlet.evaluate_unit,
    "promote": gauntlet.promote,
}
