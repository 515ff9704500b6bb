"""Models are taken to where they play, told once, and fetched by a node that lacks them."""

import pytest

from ringrift.models import distribution
from ringrift.models.distribution import Pruned
from ringrift.pipeline import beside, model_files
from ringrift.pipeline.runs import open_or_resume
from ringrift.pipeline.stages import run_stage
from ringrift.settings import prepare_home
from ringrift.store import events, models, stages
from ringrift.store.blobs import BadBlob, quarantined
from ringrift.store.ledger import open_ledger
from ringrift.store.verify import verify
from tests.models.history import context, play
from tests.pipeline import tiny
from tests.pipeline.tiny import HEX8


@pytest.fixture
def place(tmp_path):
    """Where models are taken to."""
    return tmp_path / "place"


@pytest.fixture
def make(tmp_path, place):
    """A context over the state directory; changes of settings beside the place."""
    opened = []

    def made(strength=10, **changes):
        changes = {"models__distribute_to": (str(place),), **changes}
        opened.append(context(tmp_path / "home", strength, **changes))
        return opened[-1]

    yield made
    for ctx in opened:
        ctx.ledger.close()


@pytest.fixture
def node(tmp_path):
    """The same ledger from a node with a state directory of its own."""

    def made(ctx):
        return ctx.with_(home=prepare_home(0, tmp_path / "node"), ledger=open_ledger(ctx.home))

    return made


def told(ctx):
    """What was told of distribution: (champion, newest, copied)."""
    with ctx.ledger.read() as tx:
        found = events.all_of(tx, "MODEL_DISTRIBUTED")
    return [(e.payload.get("champion"), e.payload["newest"], e.payload["copied"]) for e in found]


def champion_of(ctx):
    """sha256 of the champion."""
    with ctx.ledger.read() as tx:
        return models.champion(tx, "hex8:2")


def test_a_promotion_is_taken_out_and_told_once(make, place):
    """Champion and newest are there under their hashes, the manifest names them; a second pass is silent."""
    ctx = make()
    play(ctx)
    first = champion_of(ctx)
    assert told(ctx) == [(first, first, 2)]  # with the untrained one, which gates need
    (manifest,) = distribution.manifests(str(place))
    assert manifest.champion.sha256 == manifest.newest.sha256 == first
    assert (place / manifest.champion.file).read_bytes() == ctx.blobs.path(
        f"models/{manifest.champion.file}"
    ).read_bytes()
    before = {path: path.stat().st_mtime_ns for path in place.iterdir()}
    (done,) = model_files.distribute(ctx)
    assert (done.copied, done.withdrawn, done.error) == ((), (), None)
    assert {path: path.stat().st_mtime_ns for path in place.iterdir()} == before
    play(ctx)
    second = champion_of(ctx)
    assert told(ctx)[1:] == [(second, second, 1)]
    assert verify(ctx.ledger, ctx.blobs) == []


def test_the_newest_accepted_is_taken_out_without_a_promotion(make):
    """It plays selfplay, whoever is champion."""
    ctx = make()
    play(ctx)
    first = champion_of(ctx)
    assert play(make(strength=0)).outcome == "rejected"
    with ctx.ledger.read() as tx:
        newest = models.newest_accepted(tx, "hex8:2").sha256
    assert champion_of(ctx) == first != newest
    assert told(ctx)[-1] == (first, newest, 1)


def test_a_lost_file_and_a_late_place_are_made_up_for(make, place):
    """A place that was away costs the run nothing, and the next pass brings all of it."""
    place.write_bytes(b"in the way")
    ctx = make()
    assert play(ctx).outcome == "promoted"
    assert told(ctx) == []
    (failed,) = model_files.distribute(ctx)
    assert str(place) in failed.error
    place.unlink()
    (done,) = model_files.distribute(ctx)
    assert len(done.copied) == 2
    (place / distribution.file_name(champion_of(ctx))).unlink()
    (done,) = model_files.distribute(ctx)
    assert done.copied == (champion_of(ctx),)
    assert len(told(ctx)) == 1


def test_the_manifest_is_written_last(make, place):
    """Where a file cannot be copied, the manifest goes on naming the one before."""
    ctx = make()
    play(ctx)
    before = distribution.manifests(str(place))
    away = make(models__distribute_to=())
    play(away)
    path = ctx.blobs.path(f"models/{distribution.file_name(champion_of(ctx))}")
    content = path.read_bytes()
    path.write_bytes(b"broken")
    (failed,) = model_files.distribute(ctx)
    assert "broken file" in failed.error
    with ctx.ledger.read() as tx:
        assert [one["path"] for one in quarantined(tx)] == [f"models/{path.name}"]
    assert distribution.manifests(str(place)) == before
    path.write_bytes(content)
    model_files.distribute(ctx)
    assert distribution.manifests(str(place))[0].champion.sha256 == champion_of(ctx)


def test_a_dry_run_takes_nothing_anywhere(make, place):
    """It says what would be copied."""
    play(make(models__distribute_to=()))
    (would,) = model_files.distribute(make(), dry_run=True)
    assert len(would.copied) == 2
    assert not place.exists()


def test_what_is_pruned_goes_from_the_place_too(make, place):
    """And a node that still has the file removes it when it fetches another."""
    ctx = make(models__keep_candidates=1, models__keep_champions=0)
    play(ctx)
    first = champion_of(ctx)
    play(ctx)
    assert not (place / distribution.file_name(first)).exists()
    assert not ctx.blobs.path(f"models/{distribution.file_name(first)}").exists()
    assert (place / distribution.file_name(champion_of(ctx))).exists()


def test_a_node_fetches_what_it_lacks_before_playing(make, node):
    """A shard is played by a node whose state directory is empty; it has no archive, whose files do not travel."""
    ctx = make(selfplay__archive_share=0.0)
    play(ctx)
    other = node(ctx)
    shard = open_or_resume(ctx, HEX8)
    with ctx.ledger.read() as tx:
        unit = next(r.unit for r in stages.stages_of(tx, shard.id) if r.stage == "selfplay")
    outcome = run_stage(other, shard.id, "selfplay", unit)
    assert outcome.state == "done", outcome.error
    assert [path.name for path in (other.home / "models").iterdir()] == [
        distribution.file_name(shard.start_model)
    ]


def test_a_node_without_a_place_says_what_it_lacks(make, node):
    """The unit fails with the path of the file, and is tried elsewhere; a trained network cannot be made again there."""
    ctx = make(models__distribute_to=(), selfplay__archive_share=0.0)
    play(ctx)
    run = open_or_resume(ctx, HEX8)
    with ctx.ledger.read() as tx:
        unit = next(r.unit for r in stages.stages_of(tx, run.id) if r.stage == "selfplay")
    outcome = run_stage(node(ctx), run.id, "selfplay", unit)
    assert outcome.state == "failed"
    assert "No such file" in outcome.error


def test_a_file_on_its_way_is_waited_for(make, node, monkeypatch):
    """The node looks again, telling that it lives, until the file is there."""
    monkeypatch.setattr(model_files, "LOOK_SECONDS", 0.0)
    ctx = make()
    with ctx.ledger.read() as tx:
        assert models.newest_accepted(tx, "hex8:2") is None
    open_or_resume(ctx, HEX8)
    with ctx.ledger.read() as tx:
        row = models.newest_accepted(tx, "hex8:2")
    looks = []

    def progress():
        looks.append(1)
        if len(looks) == 3:
            model_files.distribute(ctx)

    other = node(ctx)
    model_files.bring(other, row, progress)
    assert len(looks) == 3
    assert other.blobs.verify(other.blobs.path(row.path), row.sha256)
    clock = iter([0.0, 1e9])
    away = node(make(models__distribute_to=("memory://nothing-of-a-test",)))
    away = away.with_(home=other.home / "third", clock=lambda: next(clock))
    with pytest.raises(BadBlob, match="is neither in .* nor elsewhere: memory://nothing"):
        model_files.bring(away, row, progress)


def test_a_node_drops_its_copy_of_what_is_pruned(make, node):
    """When it fetches another file; and it does not wait for one that is given up."""
    ctx = make(models__keep_candidates=100)
    play(ctx)
    other = node(ctx)
    with ctx.ledger.read() as tx:
        first = models.get_model(tx, models.champion(tx, "hex8:2"))
    model_files.bring(other, first, lambda: None)
    play(ctx)
    strict = make(models__keep_candidates=1, models__keep_champions=0)
    assert [row.sha256 for row in model_files.prune(strict).gone] == [first.sha256]
    model_files.distribute(strict)
    with ctx.ledger.read() as tx:
        second = models.get_model(tx, models.champion(tx, "hex8:2"))
        pruned = models.get_model(tx, first.sha256)
    assert other.blobs.path(first.path).exists()
    model_files.bring(other, second, lambda: None)
    assert not other.blobs.path(first.path).exists()
    for one in (other, other.with_(settings=tiny.settings())):
        with pytest.raises(Pruned, match="was pruned on"):
            model_files.bring(one, pruned, lambda: pytest.fail("waited"))


def test_matches_beside_the_runs_are_played_by_a_node(make, node):
    """Both models of a tournament match are fetched."""
    ctx = make(evaluation__full_tournament_interval_seconds=60.0)
    play(ctx)
    with ctx.ledger.write() as tx:
        from ringrift.store.schema import promotions

        tx.conn.execute(promotions.update().values(created_at=tx.now - 1000))
    (match,) = beside.plan_due(ctx, (beside.TOURNAMENT,))
    other = node(ctx)
    # The made-up games open one file only, as its strength is all that counts.
    assert beside.play(other, match)["games"] == 80
    assert list((other.home / "models").iterdir())
