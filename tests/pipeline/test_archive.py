"""Games of a run that begin in those of earlier runs: which files, who fixes them, and what if one is bad."""

import dataclasses

import pytest

from ringrift.pipeline.in_process import work_off
from ringrift.pipeline.plan import RunPlan
from ringrift.pipeline.runs import open_or_resume
from ringrift.pipeline.stages import run_stage
from ringrift.pipeline.status import config_status
from ringrift.store import blobs, games, stages
from ringrift.store.verify import verify
from tests.pipeline import tiny
from tests.pipeline.tiny import HEX8


@pytest.fixture
def given():
    """Archives that the shards were given, in order."""
    return []


@pytest.fixture
def ctx(tmp_path, given):
    """A fresh state directory; its selfplay notes the archive of each shard."""

    def play_shard(work, model, folder, progress):
        given.append(dict(work.archive))
        return tiny.play_shard(work, model, folder, progress)

    changes = {"selfplay__archive_share": 0.05, "selfplay__archive_shards": 2}
    made = tiny.context(tmp_path / "home", tiny.tiny(play_shard=play_shard), changes)
    yield made
    made.ledger.close()


def shards(ctx, run):
    """Shards of a run."""
    with ctx.ledger.read() as tx:
        return games.shards_of(tx, run.id)


def test_the_first_run_has_none_and_the_second_has_the_newest(ctx, given):
    """A run's archive is fixed in its plan: the newest whole shards of earlier runs, whose files its shards are given."""
    first = work_off(ctx, open_or_resume(ctx, HEX8).id)
    assert given == [{}] * 3
    assert "archive" not in first.plan, "plans without one keep their digest"
    second = open_or_resume(ctx, HEX8)
    newest = [shard.sha256 for shard in reversed(shards(ctx, first))][:2]
    assert second.plan["archive"] == newest
    assert RunPlan.from_dict(second.plan).archive == tuple(newest)
    assert RunPlan.from_dict(second.plan).as_dict() == second.plan
    work_off(ctx, second.id)
    for archive in given[3:]:
        assert list(archive) == newest
        assert all(blobs.file_sha256(path) == sha256 for sha256, path in archive.items())
    assert verify(ctx.ledger, ctx.blobs) == []


def test_a_shard_with_a_faulty_game_is_no_archive(ctx):
    """Nothing begins in a shard of which a game was found to be wrong."""
    first = work_off(ctx, open_or_resume(ctx, HEX8).id)
    newest = shards(ctx, first)[-1]
    with ctx.ledger.write() as tx:
        games.note_fault(tx, games.game_ids(tx, newest.id)[0], "by a test")
    archive = open_or_resume(ctx, HEX8).plan["archive"]
    assert archive == [shard.sha256 for shard in reversed(shards(ctx, first)[:-1])]


def test_a_bad_archive_stops_the_shard(ctx, given):
    """With a damaged file in the archive no game is played: the file is in quarantine, and a good copy cures it."""
    work_off(ctx, open_or_resume(ctx, HEX8).id)
    played = len(given)
    second = open_or_resume(ctx, HEX8)
    unit = shards(ctx, second)[0].id
    path = ctx.home / "shards" / f"{second.plan['archive'][1]}.jsonl.zst"
    content = path.read_bytes()
    path.write_bytes(content[:-3])
    outcome = run_stage(ctx, second.id, "selfplay", unit)
    assert (outcome.state, outcome.bad_input) == ("failed", True)
    assert "broken file" in outcome.error
    assert not path.exists()
    assert (ctx.home / "quarantine" / path.name).exists()
    assert len(given) == played
    path.write_bytes(content)
    assert run_stage(ctx, second.id, "selfplay", unit).state == "done"
    assert list(given[-1]) == second.plan["archive"]


def test_no_share_no_archive(tmp_path):
    """Without a share, or without shards to keep, no run has an archive."""
    for key in ("archive_share", "archive_shards"):
        ctx = tiny.context(tmp_path / key, changes={f"selfplay__{key}": 0})
        work_off(ctx, open_or_resume(ctx, HEX8).id)
        assert "archive" not in open_or_resume(ctx, HEX8).plan
        ctx.ledger.close()


def test_false_games_are_told(tmp_path):
    """How games were decided is in the result of each shard; too many false ones are a warning of the run."""
    counts = {"games": 8, "audited": 20, "audited_false": 6, "stopped": 0, "stopped_false": 0}

    def play_shard(work, model, folder, progress):
        made = tiny.play_shard(work, model, folder, progress)
        return dataclasses.replace(made, decided=counts)

    ctx = tiny.context(tmp_path / "home", tiny.tiny(play_shard=play_shard))
    run = open_or_resume(ctx, HEX8)
    work_off(ctx, run.id)
    with ctx.ledger.read() as tx:
        rows = [row for row in stages.stages_of(tx, run.id) if row.stage == "selfplay"]
    assert all(row.result["decided"] == {**counts, "most_false": 0.05} for row in rows)
    told = config_status(ctx, "hex8:2").run.warnings
    [line] = [line for line in told if "decided games" in line]
    assert "18 of 60 decided games" in line
    ctx.ledger.close()
