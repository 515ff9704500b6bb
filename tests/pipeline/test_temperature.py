"""Rating and progress reach the temperature of selfplay: real services, ledger and files in this process."""

import json
import shutil

import pytest

from ringrift.configs import Config
from ringrift.evaluation.elo_service import EloService
from ringrift.pipeline.context import open_context
from ringrift.pipeline.in_process import work_off
from ringrift.pipeline.plan import RunPlan
from ringrift.pipeline.runs import open_or_resume
from ringrift.pipeline.stages import run_stage
from ringrift.rules.records import RecordReader
from ringrift.settings import Settings
from ringrift.store import games, models, runs, stages
from tests.pipeline import tiny

HEX8 = Config("hex8", 2)

#: An iteration of seconds that ends with an accepted network.
TINY = """
selfplay: {first_games: 24, games_per_iteration: 4, simulations: 8, fast_simulations: 4, slots: 4, games_per_shard: 24}
network: {hex8: {channels: 8, blocks: 1}}
search: {max_considered: 4}
data_ingestion: {replayed_games_per_shard: 0, parity_games: 0}
training: {min_samples_to_trigger: 1, batch_size: 64, sample_reuse: 1.0}
evaluation: {simulations: 2, games_per_task: 4, min_games: 4, max_games: 4, policy_lower_bound: 0.0,
  random_lower_bound: 0.0, start_lower_bound: 0.0}
per_config:
  "hex8:2": {selfplay: {simulations: 6, curriculum_iterations: 4}}
  "square8:2": {selfplay: {simulations: 7, temperature_schedule: cosine}}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A state directory with one iteration by the schedule "step" behind it, and its settings."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "tiny.yaml").write_text(TINY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RINGRIFT_HOME", str(folder / "home"))
        made = open_context(Settings.load(folder / "tiny.yaml", {}))
    assert work_off(made, open_or_resume(made, HEX8).id).outcome == runs.PROMOTED
    made.ledger.close()
    return made


@pytest.fixture
def ctx(trained, tmp_path, monkeypatch):
    """A copy of it."""
    shutil.copytree(trained.home, tmp_path / "home")
    monkeypatch.setenv("RINGRIFT_HOME", str(tmp_path / "home"))
    made = open_context(trained.settings)
    yield made
    made.ledger.close()


def first_shard(ctx, schedule):
    """Open a run with a schedule and play its first shard; the run, the shard's row and its header."""
    of_all = ctx.settings.selfplay.replace(temperature_schedule=schedule)
    ctx = ctx.with_(settings=ctx.settings.replace(selfplay=of_all.model_dump()))
    run = open_or_resume(ctx, HEX8)
    with ctx.ledger.read() as tx:
        unit = next(row for row in stages.stages_of(tx, run.id) if row.stage == "selfplay").unit
    assert run_stage(ctx, run.id, "selfplay", unit).state == "done"
    with ctx.ledger.read() as tx:
        shard = games.get_shard(tx, unit)
    return run, shard, RecordReader(ctx.blobs.path(shard.path)).spec


def played_again(ctx, run, shard):
    """Lose the file of a shard and deliver it once more; the sha256 of what is there then."""
    with ctx.ledger.write() as tx:
        games.replan_shard(tx, shard.id)
        stages.reopen(tx, run.id, "selfplay", shard.id, "lost")
    ctx.blobs.path(shard.path).unlink()
    assert run_stage(ctx, run.id, "selfplay", shard.id).state == "done"
    with ctx.ledger.read() as tx:
        return games.get_shard(tx, shard.id).sha256


def test_a_rating_cools_selfplay(ctx):
    """The rating at the opening of a run is in its shards' headers, and a second delivery plays the same games."""
    run, shard, header = first_shard(ctx, "elo")
    ratings = EloService(ctx.ledger).ratings(HEX8)
    [own] = [r for name, r in ratings.items() if name == f"gumbel-mcts:{run.start_model[:12]}:s2"]
    assert header["search"]["elo"] == round(own.elo) == run.plan["elo"]
    assert header["search"]["temperature_schedule"] == "elo"
    assert header["model_sha256"] == run.start_model
    with ctx.ledger.write() as tx:  # another rating, or none at all, changes nothing in an open run
        tx.conn.exec_driver_sql("DELETE FROM match_games")
    assert played_again(ctx, run, shard) == shard.sha256


def test_progress_cools_selfplay(ctx):
    """One trained iteration of the four that the curriculum lasts: a quarter of the training is done."""
    run, _, header = first_shard(ctx, "curriculum")
    assert header["search"]["progress"] == run.plan["progress"] == 0.25
    assert "elo" not in header["search"]


def test_a_config_has_its_own_settings(ctx):
    """Per config: other simulations in the record, another schedule for another config; step knows no rating."""
    run, _, header = first_shard(ctx, "step")
    assert header["search"]["simulations"] == 6
    assert not {"elo", "progress"} & {*header["search"], *run.plan}
    other = RunPlan.of(ctx.settings, Config("square8", 2))
    assert (other.selfplay.simulations, other.selfplay.temperature_schedule) == (7, "cosine")
    third = RunPlan.of(ctx.settings, Config("square8", 3))
    assert (third.selfplay.simulations, third.selfplay.temperature_schedule) == (8, "step")


def test_an_untrained_network_has_no_rating(tmp_path):
    """Before its first game a network is as at temperature_elo_low, and nothing of a training is done."""
    for schedule in ("elo", "curriculum"):
        ctx = tiny.context(
            tmp_path / schedule, changes={"selfplay__temperature_schedule": schedule}
        )
        run = open_or_resume(ctx, tiny.HEX8)
        assert not {"elo", "progress"} & {*run.plan}
        assert json.loads(json.dumps(run.plan)) == run.plan
        with ctx.ledger.read() as tx:
            assert models.get_model(tx, run.start_model).kind == models.INITIAL
        ctx.ledger.close()
