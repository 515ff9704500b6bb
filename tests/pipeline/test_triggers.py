"""When a training is due: samples, freshness, quality, each with its figures; and what a run does then."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from ringrift.pipeline.in_process import work_off
from ringrift.pipeline.runs import open_or_resume
from ringrift.pipeline.triggers import training_due
from ringrift.store import events, games, runs
from ringrift.store.schema import models as model_table
from ringrift.store.work import Supply, supplies, supply
from tests.pipeline import tiny

#: A window of 1000 rows, of which a tenth must be new; within a day.
RULES = tiny.settings(
    training__min_samples_to_trigger=100,
    training__window_rows=1000,
    training__min_new_fraction=0.1,
    training__stale_after_seconds=86400.0,
    training__max_quarantined_fraction=0.05,
).training

#: A config that has trained an hour ago.
NOW = 1_000_000.0
TRAINED = Supply(positions=900, new=90, games=100, quarantined=0, trained_at=NOW - 3600)


@pytest.mark.parametrize(
    ("changes", "lacks", "have", "need"),
    [
        ({}, None, 90, 90),
        ({"positions": 99}, "samples", 99, 100),
        ({"new": 89}, "freshness", 89, 90),
        ({"new": 0}, "freshness", 0, 90),
        ({"new": 89, "trained_at": NOW - 86400}, None, 89, 1),
        ({"new": 0, "trained_at": NOW - 86400}, "freshness", 0, 90),
        ({"new": 89, "trained_at": None}, None, 900, 100),
        ({"quarantined": 5}, None, 90, 90),
        ({"quarantined": 6}, "quality", 94, 114),
        ({"quarantined": 6, "trained_at": None}, "quality", 94, 114),
    ],
)
def test_what_is_missing(changes, lacks, have, need):
    """A training is due with enough samples, sound games, and new positions or a long time; else it says what lacks."""
    found = training_due(replace(TRAINED, **changes), RULES, NOW)
    assert (found.lacks, found.have, found.need) == (lacks, have, need)
    assert found.due == (lacks is None)
    assert found.reason
    assert str(have) in found.reason or lacks == "quality"


def test_sound_games_cure_a_lack_of_quality():
    """With as many sound games as it asks for, and no further bad ones, a training is due."""
    bad = replace(TRAINED, quarantined=6)
    need = training_due(bad, RULES, NOW).need
    assert training_due(replace(bad, games=need + 6), RULES, NOW).due
    assert not training_due(replace(bad, games=need + 5), RULES, NOW).due


def test_a_part_of_the_window_grows_more_slowly_than_the_data():
    """Of a hundred windows of positions, less than a tenth of all must be new."""
    much = replace(TRAINED, positions=100_000, new=0)
    assert 100 < training_due(much, RULES, NOW).need < 10_000


def test_a_run_with_too_little_that_is_new_ends_without_a_training(tmp_path):
    """Its games stay, the reason has the figures, and after stale_after_seconds the next run trains."""
    ctx = tiny.context(tmp_path, changes={"training__min_new_fraction": 0.9})
    first, second = (work_off(ctx, open_or_resume(ctx, tiny.HEX8).id) for _ in range(2))
    assert first.outcome == runs.PROMOTED
    assert second.outcome == runs.COLLECTED
    assert second.reason.startswith("40 of 72 new positions since the last training")
    with ctx.ledger.write() as tx:
        [told] = events.list_events(tx, kind="DATA_COLLECTED")
        assert (told.payload["lacks"], told.payload["new"]) == ("freshness", 40)
        assert games.dataset_of(tx, second.id) is None
        tx.conn.execute(sa.update(model_table).values(created_at=model_table.c.created_at - 86400))
    third = work_off(ctx, open_or_resume(ctx, tiny.HEX8).id)
    assert third.outcome in (runs.PROMOTED, runs.REJECTED)
    with ctx.ledger.read() as tx:
        assert games.dataset_of(tx, third.id).games == 3 * tiny.GAMES


def test_games_in_quarantine_hold_a_training_up(tmp_path):
    """With too many of a config's games at fault a run ends without one, and is not counted as failed."""
    ctx = tiny.context(tmp_path)
    work_off(ctx, open_or_resume(ctx, tiny.HEX8).id)
    with ctx.ledger.write() as tx:
        [first, *_] = runs.all_runs(tx)
        for game in games.games_of(tx, first.id)[:3]:
            games.note_fault(tx, game.id, "a test says so")
    second = work_off(ctx, open_or_resume(ctx, tiny.HEX8).id)
    assert second.outcome == runs.COLLECTED
    assert second.reason.startswith("3 of 40 games are in quarantine, at most 5% may be")


def test_what_is_counted(tmp_path):
    """Positions of shards that are taken in, those since the last training, and without those at fault."""
    ctx = tiny.context(tmp_path)
    work_off(ctx, open_or_resume(ctx, tiny.HEX8).id)
    with ctx.ledger.write() as tx:
        assert supplies(tx)["hex8:2"].positions == 40
        found = supply(tx, "hex8:2")
        assert (found.positions, found.new, found.games, found.quarantined) == (40, 0, 20, 0)
        assert found.trained_at is not None
        [run] = runs.all_runs(tx)
        games.note_fault(tx, games.games_of(tx, run.id)[0].id, "a test says so")
        found = supply(tx, "hex8:2")
        assert (found.positions, found.quarantined) == (38, 1)
        assert supply(tx, "square8:2") == Supply()
