"""`verify` finds each kind of corruption and names it."""

import shutil

import pytest
import sqlalchemy as sa

from ringrift.pipeline import nodes
from ringrift.pipeline.in_process import work_off
from ringrift.pipeline.runs import open_or_resume
from ringrift.store import schema
from ringrift.store.blobs import BlobStore
from ringrift.store.engine import sqlite_url
from ringrift.store.ledger import open_ledger
from ringrift.store.verify import count_records, verify
from tests.pipeline import tiny


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A state directory with one promoted run."""
    ctx = tiny.context(tmp_path_factory.mktemp("verify"))
    work_off(ctx, open_or_resume(ctx, tiny.HEX8).id)
    with ctx.ledger.write() as tx:
        nodes.came(tx, nodes.Node("gpu1@away", "away:1", 1.0, ("gpu",), 1), 60.0)
    yield ctx
    ctx.ledger.close()


@pytest.fixture
def broken(finished, tmp_path):
    """Apply statements to a copy, behind the ledger's back, and say what verify finds."""

    def find(*statements):
        copy = tmp_path / "copy"
        shutil.copytree(finished.home, copy)
        engine = sa.create_engine(sqlite_url(copy / "ringrift.db"))  # without foreign keys
        with engine.begin() as conn:
            for statement in statements:
                conn.execute(statement)
        engine.dispose()
        return [str(d) for d in verify(open_ledger(copy), BlobStore(copy))]

    return find


def test_a_sound_ledger_has_no_disagreement(finished):
    """All files, counts and ids agree."""
    assert verify(finished.ledger, finished.blobs) == []


def test_two_open_iterations_are_named(broken):
    """The database refuses them; a ledger that lost its index is found out."""
    copied = [column for column in schema.runs.columns if column.name not in ("id", "iteration")]
    again = sa.select(sa.literal("f" * 64), sa.literal(2), *copied)
    found = broken(
        sa.text("DROP INDEX ix_runs_one_open"),
        schema.runs.insert().from_select(["id", "iteration", *(c.name for c in copied)], again),
        schema.runs.update().values(state="open"),
    )
    assert "run hex8:2: the ledger says one open iteration, found 2" in found


@pytest.mark.parametrize("folder", ["shards", "datasets", "models"])
def test_changed_and_lost_files_are_named(finished, folder):
    """One byte more, or no file."""
    path = next((finished.home / folder).iterdir())
    content = path.read_bytes()
    try:
        path.write_bytes(content + b"x")
        [found] = verify(finished.ledger, finished.blobs)
        assert found.subject == folder.removesuffix("s")
        assert str(path) in found.found
        path.unlink()
        [found] = verify(finished.ledger, finished.blobs)
        assert "No such file" in found.found
    finally:
        path.write_bytes(content)


def first_game():
    """The first game of the ledger."""
    return sa.select(sa.func.min(schema.games.c.id)).scalar_subquery()


def test_a_lost_game_is_named(broken):
    """It is in the file and not in the ledger, and the run's totals notice too."""
    found = broken(schema.games.delete().where(schema.games.c.id == first_game()))
    assert any(line.startswith("game ") and "in the file" in line for line in found)
    assert any("games = 20, found 19" in line for line in found)


def test_an_invented_game_is_named(broken):
    """It is in the ledger and not in the file."""
    found = broken(
        schema.games.update().where(schema.games.c.id == first_game()).values(id="f" * 64)
    )
    assert any("ffffffffffff" in line and "not in the file" in line for line in found)


CASES = {
    "totals of a run": (
        schema.runs.update().values(totals={"games": 21}),
        "run ",
        "games = 21, found 20",
    ),
    "a run's parts": (schema.runs.update().values(iteration=7), "run ", "this id"),
    "a run's plan": (schema.runs.update().values(plan={}), "run ", "another plan"),
    "a stage's id": (
        schema.stages.update().where(schema.stages.c.stage == "sync").values(unit="x"),
        "stage ",
        "found",
    ),
    "a stage without a result": (
        schema.stages.update().where(schema.stages.c.stage == "train").values(result=sa.null()),
        "stage train",
        "no result",
    ),
    "a stage ahead of another": (
        schema.stages.update().where(schema.stages.c.stage == "sync").values(state="pending"),
        "stage export",
        "an earlier stage is not settled",
    ),
    "a shard's seed": (schema.shards.update().values(seed=1), "shard ", "found"),
    "a shard's count": (schema.shards.update().values(games=3), "shard ", "in the file"),
    "a dataset's shards": (
        schema.datasets.update().values(shards=["e" * 64]),
        "dataset ",
        "no such shard",
    ),
    "a model's run": (
        schema.models.update().where(schema.models.c.kind == "candidate").values(run_id="e" * 64),
        "model ",
        "no such run",
    ),
    "a game too many in a match": (schema.matches.update().values(games=2), "match ", "number"),
    "an evaluation's wins": (
        schema.evaluations.update().values(wins=schema.evaluations.c.wins + 1),
        "evaluation ",
        "wins",
    ),
    "a promotion's evidence": (
        schema.evaluations.update().values(verdict="fail"),
        "promotion ",
        "0 of 3 gates passed",
    ),
    "a promotion without evidence": (
        schema.evaluations.delete(),
        "promotion ",
        "0 of 0 gates passed",
    ),
    "a champion by hand": (
        schema.champions.update().values(
            model=sa.select(schema.models.c.sha256)
            .where(schema.models.c.kind == "initial")
            .scalar_subquery()
        ),
        "promotion hex8:2",
        "champion",
    ),
    "a lost event": (
        schema.events.delete().where(schema.events.c.kind == "MODEL_PROMOTED"),
        "event ",
        "no MODEL_PROMOTED",
    ),
    "a worker that went untold": (
        schema.nodes.update().values(down="died"),
        "node gpu1@away",
        "last told NODE_UP",
    ),
    "a row that points nowhere": (
        schema.champions.update().values(promotion_id="e" * 64),
        "database champions",
        "a row in promotions",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_corruption_is_named(broken, name):
    """One statement by hand, and the line that tells of it."""
    statement, subject, said = CASES[name]
    found = broken(statement)
    assert any(line.startswith(subject) and said in line for line in found), found


def test_games_are_counted_by_reading(finished, tmp_path):
    """Line by line; a file that is cut short or missing has no count."""
    path = max((finished.home / "shards").iterdir(), key=lambda p: p.stat().st_size)
    assert count_records(path) == tiny.SHARD
    cut = tmp_path / "cut"
    cut.write_bytes(path.read_bytes()[:40])
    assert count_records(cut) in (0, None)
    assert count_records(tmp_path / "missing") is None
