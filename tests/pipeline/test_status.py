"""What a config says of the runs beside its iteration, from a real ledger."""

import json

import pytest

from ringrift.pipeline import nodes
from ringrift.pipeline.in_process import work_off
from ringrift.pipeline.run_status import run_status
from ringrift.pipeline.runs import open_backfill
from ringrift.pipeline.stages import run_stage
from ringrift.pipeline.status import config_status
from ringrift.pipeline.told_waits import Sayings
from ringrift.store import games, runs, stages, upkeep
from tests.models.history import QUICK, at_training, context, play
from tests.pipeline.tiny import HEX8

#: Games of each shard.
SHARD = QUICK["selfplay__games_per_shard"]


@pytest.fixture
def ctx(tmp_path):
    """A state directory with a promoted network, whose second iteration trains; two slots."""
    made = context(tmp_path / "home")
    play(made)
    with made.ledger.write() as tx:
        nodes.came(tx, nodes.Node("gpu1", "far:1:1", 1.0, ("gpu", "cpu"), 2), 600.0)
    at_training(made)
    yield made
    made.ledger.close()


def opened(ctx, number, shards=2, played=0):
    """A backfill run with so many of its shards played."""
    run = open_backfill(ctx, HEX8, shards, number)
    with ctx.ledger.read() as tx:
        units = [shard.id for shard in games.shards_of(tx, run.id)]
    for unit in units[:played]:
        run_stage(ctx, run.id, "selfplay", unit)
    return run


def status(ctx):
    """The config as `ringrift status` has it."""
    return config_status(ctx, "hex8:2")


def test_what_plays_beside_an_iteration_is_told_with_its_config(ctx):
    """The iteration is the config's run, open backfill runs stand beside it; they stay when it is closed, until their end."""
    assert status(ctx).beside == []
    first, second = opened(ctx, 3, played=1), opened(ctx, 4)
    found = status(ctx)
    assert (found.run.label, found.stage, found.have) == ("#2", "train", 50)
    assert [one.label for one in found.beside] == ["#3 backfill", "#4 backfill"]
    beside = json.loads(json.dumps(found.as_dict()))["beside"]
    assert [(one["backfill"], one["stage"], one["have"], one["need"]) for one in beside] == [
        (True, "selfplay", SHARD, 2 * SHARD),
        (True, "selfplay", 0, 2 * SHARD),
    ]
    with ctx.ledger.write() as tx:
        runs.close_run(tx, found.run.run_id, runs.FAILED, "test")
    closed = status(ctx)
    assert (closed.run.label, closed.stage, len(closed.beside)) == ("#2", "nobody", 2)
    work_off(ctx, first.id)
    assert [one.run_id for one in status(ctx).beside] == [second.id]


def test_a_backfill_run_is_expected_to_end_with_its_export(ctx):
    """The sum of its stages up to that; what the export waits for is no dataset."""
    run = opened(ctx, 3, played=2)
    with ctx.ledger.write() as tx:
        usual = stages.stage_seconds(tx, "hex8:2")
        found = run_status(tx, run)
    assert found.stage == "sync"
    assert found.eta_seconds is not None
    assert found.run_eta_seconds == pytest.approx(
        found.eta_seconds + usual["parity"] + usual["export"]
    )
    for stage in ("sync", "parity"):
        run_stage(ctx, run.id, stage)
    with ctx.ledger.read() as tx:
        assert "that keeps its games for the next training" in run_status(tx, run).waits_for
    run_stage(ctx, run.id, "export")
    with ctx.ledger.read() as tx:
        closed = runs.get_run(tx, run.id)
        found = run_status(tx, closed)
    assert found.waits_for.startswith(
        "nothing: backfill run 3 is closed (collected: a backfill run"
    )


def test_its_units_are_said_to_be_of_a_backfill_run(ctx):
    """As `ringrift queue explain` and the findings of maintenance name them; those of the iteration are of a run."""
    run = opened(ctx, 3)
    with ctx.ledger.read() as tx:
        of = {
            unit.row.run_id: unit.of
            for one in runs.open_runs(tx)
            for unit in upkeep.units_like(tx, one.id)
        }
    assert of.pop(run.id) == "hex8:2 backfill run 3"
    assert list(of.values()) == ["hex8:2 run 2"]


def test_the_log_has_no_line_for_them(ctx):
    """They come and go every minute: what a config waits for is its iteration."""
    sayings = Sayings()
    assert [config for config, _ in sayings.tell(ctx)] == ["hex8:2"]
    run = opened(ctx, 3)
    assert sayings.tell(ctx) == []
    work_off(ctx, run.id)
    assert sayings.tell(ctx) == []
