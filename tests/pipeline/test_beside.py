"""Shadow matches and tournaments: when they are due, between whom, and that they are played once."""

import sqlalchemy as sa

from ringrift.pipeline import beside
from ringrift.pipeline.in_process import work_off
from ringrift.pipeline.runs import open_or_resume
from ringrift.store import matches, models
from ringrift.store.schema import matches as match_table
from ringrift.store.schema import models as model_table
from ringrift.store.schema import promotions
from tests.pipeline import tiny

HOUR = 3600.0
#: Shadow matches each hour, tournaments each day.
EVERY = {
    "evaluation__shadow_interval_seconds": HOUR,
    "evaluation__full_tournament_interval_seconds": 24 * HOUR,
}


def champion_and_newest(home, **changes):
    """A state with a champion and a newer model that was not promoted."""
    ctx = tiny.context(home, changes={**EVERY, **changes})
    work_off(ctx, open_or_resume(ctx, tiny.HEX8).id)
    worse = tiny.context(
        home, tiny.tiny(train=lambda w, p: tiny.train(w, p, gain=-6)), {**EVERY, **changes}
    )
    work_off(worse, open_or_resume(worse, tiny.HEX8).id)
    return ctx


def later(ctx, seconds):
    """Let so much time pass: what is in the ledger becomes older by it."""
    with ctx.ledger.write() as tx:
        for table in (match_table, model_table, promotions):
            tx.conn.execute(sa.update(table).values(created_at=table.c.created_at - seconds))


def purposes(ctx, ids):
    """Purposes of matches."""
    with ctx.ledger.read() as tx:
        return [matches.get_match(tx, match).purpose for match in ids]


def test_each_is_due_when_its_setting_says(tmp_path):
    """Neither before its interval has passed since the first promotion, nor twice within it."""
    ctx = champion_and_newest(tmp_path)
    assert beside.plan_due(ctx) == []
    later(ctx, HOUR)
    (first,) = beside.plan_due(ctx)
    assert purposes(ctx, [first]) == ["shadow"]
    assert beside.plan_due(ctx) == []
    beside.play(ctx, first)
    assert beside.plan_due(ctx) == []
    later(ctx, HOUR)
    again = beside.plan_due(ctx)
    assert purposes(ctx, again) == ["shadow"]
    later(ctx, 24 * HOUR)
    assert purposes(ctx, beside.plan_due(ctx)) == ["shadow", *["tournament"] * 3]


def test_none_is_planned_while_the_last_one_is_not_played(tmp_path):
    """Where a match takes longer than its interval the queue holds one, not one more each time; a lost one ends that."""
    ctx = champion_and_newest(tmp_path)
    later(ctx, HOUR)
    (first,) = beside.plan_due(ctx, (beside.SHADOW,))
    later(ctx, 5 * HOUR)
    assert beside.plan_due(ctx, (beside.SHADOW,)) == []
    assert beside.plan_due(ctx, (beside.TOURNAMENT,)) == []
    later(ctx, HOUR)
    (second,) = beside.plan_due(ctx, (beside.SHADOW,))
    assert second != first
    later(ctx, HOUR)
    beside.play(ctx, second)
    assert len(beside.plan_due(ctx, (beside.SHADOW,))) == 1


def test_each_purpose_is_planned_by_itself(tmp_path):
    """What beat leaves out in a smaller profile is not planned by the step of the other."""
    ctx = champion_and_newest(tmp_path)
    later(ctx, 25 * HOUR)
    assert purposes(ctx, beside.plan_due(ctx, (beside.SHADOW,))) == ["shadow"]
    assert beside.plan_due(ctx, (beside.SHADOW,)) == []
    assert set(purposes(ctx, beside.plan_due(ctx, (beside.TOURNAMENT,)))) == {"tournament"}


def test_who_plays_whom(tmp_path):
    """Shadow: newest against champion; tournament: each pair of untrained, champion and newest; other games each time."""
    ctx = champion_and_newest(tmp_path)
    later(ctx, 25 * HOUR)
    first, *tournament = beside.plan_due(ctx)
    with ctx.ledger.read() as tx:
        trained = [m.sha256 for m in models.models_of(tx, "hex8:2", models.CANDIDATE)]
        champion = models.champion(tx, "hex8:2")
        initial = models.initial_model(tx, "hex8:2").sha256
        assert trained[0] == champion
        shadow = matches.get_match(tx, first)
        assert [shadow.spec[s]["model_sha256"] for s in "ab"] == [trained[1], champion]
        pairs = {
            frozenset(matches.get_match(tx, m).spec[s]["model_sha256"] for s in "ab")
            for m in tournament
        }
    three = [initial, champion, trained[1]]
    assert pairs == {frozenset({a, b}) for a in three for b in three if a != b}
    beside.play(ctx, first)
    later(ctx, HOUR)
    (second,) = beside.plan_due(ctx)
    assert second != first
    with ctx.ledger.read() as tx:
        assert matches.get_match(tx, second).seed != shadow.seed


def test_nothing_where_nobody_is_to_be_compared(tmp_path):
    """Without a promotion, with the champion as the newest, and with auto_trigger off, nothing is planned."""
    alone = tiny.context(tmp_path / "a", changes=EVERY)
    assert beside.plan_due(alone) == []
    work_off(alone, open_or_resume(alone, tiny.HEX8).id)
    later(alone, 2 * HOUR)
    assert beside.plan_due(alone) == []
    asked = champion_and_newest(tmp_path / "b", training__auto_trigger=False)
    later(asked, 48 * HOUR)
    assert beside.plan_due(asked) == []


def test_a_match_is_played_once(tmp_path):
    """All its games come into the ledger; a second delivery plays nothing; the ratings see them."""
    ctx = champion_and_newest(tmp_path)
    later(ctx, HOUR)
    (match,) = beside.plan_due(ctx)
    done = beside.play(ctx, match)
    assert (done["purpose"], done["games"]) == ("shadow", 20)

    def refused(*_):
        raise AssertionError("played again")

    again = beside.play(ctx.with_(services=tiny.tiny(play_blocks=refused)), match)
    assert again == done
    with ctx.ledger.read() as tx:
        assert len(matches.games_of(tx, match)) == 20
