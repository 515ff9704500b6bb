"""Which models keep their files, and what becomes of the others."""

import json
import os
import time

import pytest
import sqlalchemy as sa

from ringrift.errors import BadInput
from ringrift.models import registry
from ringrift.models.pruning import PLANNED_SECONDS, Rule, judge
from ringrift.pipeline import beside, model_files
from ringrift.pipeline.runs import open_backfill, open_or_resume
from ringrift.store import events, models, schema
from ringrift.store.ledger import Fence, StaleFence, take_fence
from ringrift.store.verify import verify
from tests.models.history import STRENGTHS, context, copied, play
from tests.pipeline import tiny
from tests.pipeline.tiny import HEX8

#: What the settings of most tests below say.
SMALL = Rule(1, 1)


@pytest.fixture
def ctx(tmp_path):
    """A state directory after seven runs, with the settings of a rule of 1 and 1."""
    changes = {"models__keep_candidates": 1, "models__keep_champions": 1}
    made = context(copied(tmp_path / "home"), **changes)
    yield made
    made.ledger.close()


def kept(ctx, rule=SMALL):
    """Number of the run that made a model (0: untrained) -> why it stays."""
    with ctx.ledger.read() as tx:
        judged = judge(tx, "hex8:2", rule)
    return {number: set(one.reasons) for number, one in enumerate(judged) if one.reasons}


def model(ctx, number):
    """The row of the model that a run made."""
    with ctx.ledger.read() as tx:
        return models.models_of(tx, "hex8:2")[number]


def told(ctx):
    """Models that were told to be pruned."""
    with ctx.ledger.read() as tx:
        return [event.payload["model"] for event in events.all_of(tx, "MODEL_PRUNED")]


@pytest.mark.parametrize(
    ("rule", "numbers"),
    [
        (Rule(1, 0), {0, 6, 7}),
        (Rule(1, 1), {0, 5, 6, 7}),
        (Rule(1, 2), {0, 3, 5, 6, 7}),
        (Rule(4, 0), {0, 4, 5, 6, 7}),
        (Rule(100, 0), set(range(8))),
    ],
)
def test_the_rule_says_how_many_stay(ctx, rule, numbers):
    """Untrained, champion, so many champions before it, and so many newest candidates; no other."""
    assert set(kept(ctx, rule)) == numbers


def test_each_model_says_what_it_stays_as(ctx):
    """All reasons, so that a person sees why a file is there."""
    assert kept(ctx) == {
        0: {"untrained"},
        5: {"champion 1 before the present one"},
        6: {"champion"},
        7: {"plays selfplay", "newest candidate"},
    }


def test_an_open_run_keeps_what_it_needs(ctx):
    """Its start, its candidate, its champion, and who played the games that it goes on from."""
    ctx = ctx.with_(settings=tiny.settings(selfplay__archive_share=0.5, selfplay__archive_shards=2))
    run = open_or_resume(ctx, HEX8)
    assert run.plan["archive"]
    with ctx.ledger.write() as tx:
        models.register_model(
            tx,
            sha256="c" * 64,
            config="hex8:2",
            kind=models.CANDIDATE,
            path="models/c.safetensors",
            size=1,
            run_id=run.id,
        )
    said = kept(ctx, Rule(1, 0))
    assert "start of run 8" in said[7]
    assert "champion when run 8 was opened" in said[6]
    assert "candidate of run 8" in said[8]
    # The two newest shards are those of runs 7 and 6, played with the models of runs 6 and 5.
    assert {n for n, why in said.items() if "played games that run 8 goes on from" in why} == {5, 6}
    assert set(said) == {0, 5, 6, 7, 8}


def test_an_open_backfill_run_keeps_its_start(ctx):
    """And no champion: it has no gates. It is named as what it is."""
    open_backfill(ctx, HEX8, 1, 8)
    said = set().union(*kept(ctx).values())
    whose = "backfill run 8"
    assert {why for why in said if "run 8" in why} == {
        f"start of {whose}",
        f"played games that {whose} goes on from",
    }


def test_a_planned_match_keeps_its_models_until_it_is_played(ctx):
    """Both of them; a match that nobody played for a week was lost."""
    ctx = ctx.with_(settings=tiny.settings(evaluation__full_tournament_interval_seconds=60.0))
    with ctx.ledger.write() as tx:
        tx.conn.execute(sa.update(schema.promotions).values(created_at=tx.now - 1000))
    planned = beside.plan_due(ctx, (beside.TOURNAMENT,))
    assert planned
    said = kept(ctx, Rule(1, 0))
    assert {number for number, why in said.items() if "is to play a tournament match" in why} == {
        0,
        1,
        3,
        5,
        6,
        7,
    }
    with ctx.ledger.write() as tx:
        old = tx.now - PLANNED_SECONDS - 1
        tx.conn.execute(sa.update(schema.matches).values(created_at=old))
    assert set(kept(ctx, Rule(1, 0))) == {0, 6, 7}
    with ctx.ledger.write() as tx:
        tx.conn.execute(sa.update(schema.matches).values(created_at=tx.now))
    for match in planned:
        beside.play(ctx, match)
    assert set(kept(ctx, Rule(1, 0))) == {0, 6, 7}


def test_what_was_brought_by_hand_stays(ctx):
    """Nobody could make it again."""
    with ctx.ledger.write() as tx:
        old = models.models_of(tx, "hex8:2")[1].sha256
        tx.conn.execute(
            sa.update(schema.models).where(schema.models.c.sha256 == old).values(kind="imported")
        )
    assert kept(ctx)[1] == {"brought here by hand"}


def test_files_go_and_rows_and_evidence_stay(ctx):
    """One event for each, the ledger agrees, and a second pass does nothing."""
    before = {number: model(ctx, number) for number in range(8)}
    with ctx.ledger.read() as tx:
        evidence = models.evaluations_of(tx)
        promotions = models.promotions_of(tx)
    done = model_files.prune(ctx)
    gone = [before[number].sha256 for number in (1, 2, 3, 4)]
    assert [row.sha256 for row in done.gone] == gone == told(ctx)
    assert (done.files, done.bytes) == (4, sum(before[n].bytes for n in (1, 2, 3, 4)))
    for number, row in before.items():
        assert ctx.blobs.path(row.path).exists() == (row.sha256 not in gone)
        assert (model(ctx, number).pruned_at is None) == (row.sha256 not in gone)
    with ctx.ledger.read() as tx:
        assert models.evaluations_of(tx) == evidence
        assert models.promotions_of(tx) == promotions
    assert verify(ctx.ledger, ctx.blobs) == []
    again = model_files.prune(ctx)
    assert (again.gone, again.files) == ((), 0)
    assert told(ctx) == gone


def test_a_dry_run_changes_nothing(ctx):
    """And says what the real one then does."""
    would = model_files.prune(ctx, dry_run=True)
    assert told(ctx) == []
    assert len(list((ctx.home / "models").iterdir())) == 8
    done = model_files.prune(ctx)
    assert (would.gone, would.files, would.bytes) == (done.gone, done.files, done.bytes)


def test_a_pass_that_died_is_finished_by_the_next(ctx):
    """The row was written, the file is still there: it goes, and is not told again."""
    row = model(ctx, 2)
    content = ctx.blobs.path(row.path).read_bytes()
    model_files.prune(ctx)
    ctx.blobs.path(row.path).write_bytes(content)
    done = model_files.prune(ctx)
    assert (done.gone, done.files) == ((), 1)
    assert not ctx.blobs.path(row.path).exists()
    assert len(told(ctx)) == 4


def test_an_outdated_master_gives_nothing_up(ctx):
    """Its fence is refused before a row or a file is touched."""
    with ctx.ledger.write() as tx:
        old = take_fence(tx, "master", "first")
        take_fence(tx, "master", "second")
    with pytest.raises(StaleFence):
        model_files.prune(ctx.with_(fence=Fence("master", old.number)))
    assert told(ctx) == []
    assert len(list((ctx.home / "models").iterdir())) == 8


def test_a_pruned_model_is_known_as_such(ctx):
    """No tournament takes it, asking for it says why it is not there, and the next run goes on."""
    model_files.prune(ctx)
    with ctx.ledger.read() as tx:
        pool = beside.pool(tx, HEX8)
    assert pool == [model(ctx, number).sha256 for number in (0, 5, 6, 7)]
    with pytest.raises(BadInput, match=r"was pruned on 20.*its games and evidence"):
        registry.resolve(ctx.ledger, ctx.blobs, HEX8, model(ctx, 2).sha256)
    assert play(ctx).outcome == "promoted"
    assert verify(ctx.ledger, ctx.blobs) == []


def test_verify_names_what_should_not_be_pruned(ctx):
    """A champion without a file, and one that was pruned without a word."""
    for number, said in ((6, "a champion"), (2, "no MODEL_PRUNED")):
        sha256 = model(ctx, number).sha256
        with ctx.ledger.write() as tx:
            models.mark_pruned(tx, sha256)
        found = [str(one) for one in verify(ctx.ledger, ctx.blobs)]
        assert any(sha256[:12] in line and said in line for line in found), found


def test_states_of_trainings_that_are_over_go(ctx):
    """Weights of closed runs after an hour; figures stay, and so does all of an open run."""
    closed = ctx.home / "runs"
    (state,) = [
        path for path in closed.glob("*/*.safetensors") if model(ctx, 1).sha256 in path.name
    ]
    (state.parent / "result.json").write_text(json.dumps({}))
    young = model_files.prune(ctx)
    assert young.trainings == 0
    run = open_or_resume(ctx, HEX8)
    mine = model_files.training_folder(ctx.home, run.id) / "state.safetensors"
    mine.parent.mkdir()
    mine.write_bytes(b"state")
    old = time.time() - 2 * model_files.QUIET_SECONDS
    for path in closed.glob("*/*"):
        os.utime(path, (old, old))
    assert model_files.prune(ctx, dry_run=True).trainings == len(STRENGTHS)
    assert state.exists()
    assert model_files.prune(ctx).trainings == len(STRENGTHS)
    assert not state.exists()
    assert mine.exists()
    assert (state.parent / "result.json").exists()


def test_a_loop_in_one_process_prunes_by_itself(tmp_path):
    """After each run, so that a night of iterations fills no disk."""
    ctx = context(tmp_path, 0, models__keep_candidates=1, models__keep_champions=0)
    for _ in range(3):
        play(ctx)
    assert len(told(ctx)) == 2
    assert len(list((tmp_path / "models").iterdir())) == 2  # untrained, newest
    assert verify(ctx.ledger, ctx.blobs) == []
