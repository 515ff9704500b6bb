"""Models whose files break or vanish while something is to be done with them."""

import pytest

from ringrift.errors import BadInput
from ringrift.pipeline.adapters import check_shard
from ringrift.pipeline.in_process import work_off
from ringrift.pipeline.runs import open_or_resume
from ringrift.pipeline.services import BadShard
from ringrift.pipeline.stages import run_stage
from ringrift.store import blobs, models, runs, stages
from ringrift.store.verify import verify
from tests.pipeline import tiny
from tests.pipeline.tiny import HEX8


@pytest.fixture
def ctx(tmp_path):
    """A context with small services."""
    return tiny.context(tmp_path)


def todo(ctx, run):
    """(stage, unit) of the first row of a run that is not settled."""
    with ctx.ledger.read() as tx:
        rows = stages.stages_of(tx, run.id)
    return next(((r.stage, r.unit) for r in rows if r.state not in stages.SETTLED), None)


def model_of(ctx, kind):
    """The file of the one model of a kind."""
    with ctx.ledger.read() as tx:
        (row,) = [row for row in models.models_of(tx) if row.kind == kind]
    return ctx.blobs.path(row.path)


@pytest.mark.parametrize("before", ["selfplay", "evaluate", "promote"])
def test_a_broken_model_is_made_again(ctx, before):
    """It is quarantined, which costs one attempt; the next one has the same network again."""
    run = open_or_resume(ctx, HEX8)
    while (unit := todo(ctx, run))[0] != before:
        run_stage(ctx, run.id, *unit)
    path = model_of(ctx, models.INITIAL if before == "selfplay" else models.CANDIDATE)
    path.write_text("broken")
    failed = run_stage(ctx, run.id, *unit)
    assert (failed.state, failed.bad_input) == ("failed", True)
    assert "moved to" in failed.error
    assert not path.exists()
    assert run_stage(ctx, run.id, *unit).state == "done"
    while unit := todo(ctx, run):
        run_stage(ctx, run.id, *unit)
    with ctx.ledger.read() as tx:
        assert runs.get_run(tx, run.id).outcome == runs.PROMOTED
        assert len(blobs.quarantined(tx)) == 1
    assert verify(ctx.ledger, ctx.blobs) == []


@pytest.mark.parametrize("how", ["broken", "gone", "a folder"])
def test_a_broken_dataset_is_made_again(ctx, how):
    """Its export is done once more, of the same games, and the training learns from that."""
    run = open_or_resume(ctx, HEX8)
    while (unit := todo(ctx, run))[0] != "train":
        run_stage(ctx, run.id, *unit)
    (path,) = (ctx.home / "datasets").iterdir()
    whole = path.read_bytes()
    path.unlink()
    if how == "broken":
        path.write_bytes(whole[:-1])
    elif how == "a folder":
        path.mkdir()
    assert run_stage(ctx, run.id, *unit).state == "failed"
    assert todo(ctx, run) == ("export", "")
    while unit := todo(ctx, run):
        run_stage(ctx, run.id, *unit)
    assert path.read_bytes() == whole
    with ctx.ledger.read() as tx:
        assert runs.get_run(tx, run.id).outcome == runs.PROMOTED
        assert len(blobs.quarantined(tx)) == (how != "gone")
    assert verify(ctx.ledger, ctx.blobs) == []


def test_a_model_that_cannot_be_made_again_is_one_clear_line(ctx):
    """Other weights than the ledger names are no substitute: nothing is played with them."""
    run = open_or_resume(ctx, HEX8)
    path = model_of(ctx, models.INITIAL)
    path.unlink()
    other = tiny.tiny(
        init_model=lambda *about: tiny.write(about[-1], ".safetensors", {"strength": 9})
    )
    with pytest.raises(BadInput, match=f"{path.name}: No such file"):
        work_off(ctx.with_(services=other), run.id)
    assert list(path.parent.iterdir()) == []


def test_a_folder_in_the_place_of_a_shard_is_in_nobodys_way(ctx):
    """The real check moves it away, so that the shard can be played again under the same name."""
    path = ctx.home / "shards" / f"{'a' * 64}.jsonl.zst"
    path.mkdir(parents=True)
    with pytest.raises(BadShard, match="Is a directory") as found:
        check_shard(path, ctx.home, HEX8, 0)
    assert not path.exists()
    assert found.value.moved_to.is_dir()
