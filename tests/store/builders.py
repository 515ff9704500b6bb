"""Rows for tests, made through the store's own functions."""

from ringrift.store import games, models, runs, stages
from ringrift.store.events import NewEvent
from ringrift.store.stages import NewStage

#: What an event of a task carries whatever its kind.
TRACE = {"config": "hex8:2", "iteration": 1, "task": "f" * 64, "attempt": 1}

MODEL = "a" * 64
CANDIDATE = "b" * 64


def told(run, kind="SELFPLAY_COMPLETE", stage="selfplay", unit=""):
    """An event of a run: SELFPLAY_COMPLETE or DATA_SYNC_COMPLETED, which carry the same."""
    counts = {"shards": 2, "games": 8, "positions": 9}
    return NewEvent(kind, run.id, stage, unit, {**TRACE, **counts})


def make_run(ledger, config="hex8:2", sizes=(4, 4), max_failures=5):
    """An open run with its shards and stage rows."""
    with ledger.write() as tx:
        models.register_model(
            tx,
            sha256=MODEL,
            config=config,
            kind=models.INITIAL,
            path=f"models/{MODEL}.safetensors",
            size=1,
            accepted=True,
        )
        last = runs.last_run(tx, config)
        run = runs.insert_run(
            tx,
            config=config,
            iteration=1 if last is None else last.iteration + 1,
            seed=7,
            start_model=MODEL,
            champion=models.champion(tx, config),
            plan={},
            plan_digest="44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        )
        shards = games.plan_shards(
            tx, run_id=run.id, config=config, model=MODEL, seed=7, sizes=sizes
        )
        rows = [NewStage("selfplay", shard.id, number=shard.number) for shard in shards]
        whole = ("sync", "parity", "export", "train", "evaluate_plan", "promote")
        rows += [NewStage(stage) for stage in whole]
        stages.add_stages(tx, run.id, rows, max_failures)
    return run


def units(ledger, run, stage="selfplay"):
    """Units of a stage, in order."""
    with ledger.read() as tx:
        return [row.unit for row in stages.stages_of(tx, run.id) if row.stage == stage]


def claim(ledger, run, stage="selfplay", unit=None, owner="me", lease=60.0, fence=None):
    """Claim a unit, the first one by default."""
    name = units(ledger, run, stage)[0] if unit is None else unit
    return stages.claim_stage(
        ledger, run.id, stage, name, owner=owner, lease_seconds=lease, fence=fence
    )


def row_of(ledger, claimed):
    """The row of a claim."""
    with ledger.read() as tx:
        return stages.stage_row(tx, claimed.run_id, claimed.stage, claimed.unit)


def game_rows(run, shard, count):
    """Games of a shard with made-up ids."""
    return [
        games.GameRow(
            id=f"{shard[:32]}{number:032d}",
            shard_id=shard,
            run_id=run.id,
            config=run.config,
            number=number,
            seed=str(2**64 - 1 - number),
            winner=1,
            victory="lps_rounds",
            plies=10,
            turns=5,
            positions=3,
        )
        for number in range(count)
    ]
