"""A champion that games show to be weaker than the one before it loses its seat, once, and everything agrees with that."""

import dataclasses
import functools
import json
import shutil
import tempfile
from pathlib import Path

import pytest
import sqlalchemy as sa

from ringrift.configs import Config
from ringrift.errors import NegativeVerdict
from ringrift.evaluation.stats import wilson_interval
from ringrift.events.kinds import Kind
from ringrift.models import promotion, pruning
from ringrift.pipeline import beside, gates, regression
from ringrift.pipeline.in_process import work_off
from ringrift.pipeline.plan import RunPlan
from ringrift.pipeline.runs import open_or_resume
from ringrift.pipeline.status import config_status
from ringrift.store import events, matches, models, runs, schema, stages
from ringrift.store.ledger import MASTER, Ledger, StaleFence, take_fence
from ringrift.store.matches import MatchRow
from ringrift.store.verify import verify
from tests.models.history import QUICK, learning, play
from tests.pipeline import tiny

CONFIG = "hex8:2"
HOUR = 3600.0
#: Games of a shadow match.
SHADOW = 300


def context(home, wins=10, **changes):
    """A context where a side called a wins so many of ten games beside the runs, and all trainings succeed."""

    def play_blocks(spec, first, blocks, model_path, progress):
        return tiny.play_blocks(spec, first, blocks, lambda _: strength, progress)

    home.mkdir(parents=True, exist_ok=True)
    strength = home.parent / f"strength{wins}"
    strength.write_text(json.dumps({"strength": wins}))
    settings = {
        **QUICK,
        "evaluation__shadow_interval_seconds": HOUR,
        "evaluation__full_tournament_interval_seconds": 700 * HOUR,
        "evaluation__games_per_task": SHADOW,
        **changes,
    }
    services = dataclasses.replace(learning(10), play_blocks=play_blocks)
    return tiny.context(home, services, settings)


@functools.cache
def _made():
    folder = tempfile.TemporaryDirectory()
    ctx = context(Path(folder.name) / "home")
    for _ in range(3):
        assert play(ctx).outcome == runs.PROMOTED
    ctx.ledger.close()
    return folder


@pytest.fixture
def home(tmp_path):
    """A state directory with three champions, one after the other; each is the newest model when it is promoted."""
    shutil.copytree(Path(_made().name) / "home", tmp_path / "home")
    return tmp_path / "home"


def champions(ctx):
    """sha256 of the champion and those before it, newest first."""
    with ctx.ledger.read() as tx:
        return [row.model for row in models.line(tx, CONFIG)]


def told(ctx, *kinds):
    """Events of these kinds."""
    with ctx.ledger.read() as tx:
        return [event for kind in kinds for event in events.all_of(tx, kind)]


def rolled(ctx):
    """What was told of regressions and of going back."""
    return told(ctx, Kind.REGRESSION_DETECTED, Kind.MODEL_ROLLED_BACK)


def shadow(ctx):
    """Plan the shadow match that is due an hour later, and play it; its id."""
    with ctx.ledger.write() as tx:
        for table in (schema.matches, schema.promotions):
            tx.conn.execute(sa.update(table).values(created_at=table.c.created_at - HOUR))
    (match,) = beside.plan_due(ctx, (beside.SHADOW,))
    beside.play(ctx, match)
    return match


def test_a_weaker_champion_is_taken_back_once(home):
    """Its shadow match is against the one before it; the games of its gate count too; a second delivery changes nothing."""
    ctx = context(home, wins=1)
    newest, before, first = champions(ctx)
    with ctx.ledger.read() as tx:
        gate = regression.evidence(tx, tiny.HEX8, newest, before)
    assert gate.wins == gate.games >= 20
    match = shadow(ctx)
    assert champions(ctx) == [before, first]
    detected, back = rolled(ctx)
    assert detected.payload["match"] == match
    assert (detected.payload["model"], detected.payload["against"]) == (newest, before)
    assert detected.payload["games"] == gate.games + SHADOW
    assert 0.1 < detected.payload["low"] < detected.payload["high"] < 0.5
    assert (back.payload["model"], back.payload["restored"]) == (newest, before)
    assert f"won {gate.games + SHADOW // 10} of {gate.games + SHADOW}" in back.payload["reason"]
    with ctx.ledger.read() as tx:
        assert back.run_id == models.get_model(tx, newest).run_id
        assert models.newest_accepted(tx, CONFIG).sha256 == before
        seat = models.seat(tx, CONFIG)
        assert seat.since == back.created_at
    beside.play(ctx, match)
    assert champions(ctx) == [before, first]
    assert len(rolled(ctx)) == 2
    assert verify(ctx.ledger, ctx.blobs) == []
    about = config_status(ctx, CONFIG).champion
    assert (about["sha256"], about["since"]) == (before, seat.since)
    assert about["rolled_back"]["model"] == newest
    with ctx.ledger.read() as tx:
        own = models.evaluations_of(tx, model=before)
    assert len(own) == 4
    assert all(row.evidence in about["gates"] for row in own)


@pytest.mark.parametrize(
    ("wins", "least"),
    [(1, 1000), (1, 0), (5, 100), (10, 100)],
    ids=["few games", "by hand only", "equals", "stronger"],
)
def test_what_does_not_show_it_takes_nothing_back(home, wins, least):
    """Fewer games than evaluation.rollback_min_games, or an interval that reaches the score of equals."""
    ctx = context(home, wins, evaluation__rollback_min_games=least)
    before = champions(ctx)
    shadow(ctx)
    assert champions(ctx) == before
    assert rolled(ctx) == []


def test_the_interval_is_of_the_interim_confidence(home):
    """An upper bound below equals at 95%, and above it at 99.9%, takes nothing back: there are many looks."""
    ctx = context(home, evaluation__rollback_min_games=0)
    newest, before, _ = champions(ctx)
    with ctx.ledger.read() as tx:
        gate = regression.evidence(tx, tiny.HEX8, newest, before)
    assert gate.wins == gate.games == 80  # with 90 of 300 then 0.447: 95% below 0.5, 99.9% above
    shadow(context(home, 3, evaluation__rollback_min_games=100))
    with ctx.ledger.read() as tx:
        found = regression.evidence(tx, tiny.HEX8, newest, before)
    assert (found.wins, found.games) == (170, 380)
    assert wilson_interval(170, 380).high < 0.5 < found.high
    assert champions(ctx)[0] == newest


def with_evidence(home):
    """A context whose ledger holds what asks for going back, and nobody has looked yet."""
    quiet = context(home, 1, evaluation__rollback_min_games=0)
    shadow(quiet)
    assert rolled(quiet) == []
    return context(home, 1)


def test_an_older_master_is_refused(home):
    """A look under a fence that is not the newest changes and tells nothing; the standing one's does it all."""
    ctx = with_evidence(home)
    before = champions(ctx)
    with ctx.ledger.write() as tx:
        old = take_fence(tx, MASTER, "old")
        take_fence(tx, MASTER, "new")
    with pytest.raises(StaleFence):
        regression.look(ctx.with_(fence=old), tiny.HEX8)
    assert champions(ctx) == before
    assert rolled(ctx) == []
    assert regression.look(ctx, tiny.HEX8).restored == before[1]


class Overtaken(Ledger):
    """A ledger where somebody else acts before each write."""

    def __init__(self, engine, first):
        super().__init__(engine)
        self.first = first

    def write(self, fence=None):
        """Let the other one act, then begin."""
        self.first()
        return super().write(fence)


def test_of_two_who_look_at_once_one_goes_back(home):
    """The second finds another champion, and does not go back one further."""
    ctx = with_evidence(home)
    _, before, first = champions(ctx)
    late = Overtaken(ctx.ledger.engine, lambda: regression.look(ctx, tiny.HEX8))
    assert regression.look(ctx.with_(ledger=late), tiny.HEX8) is None
    assert champions(ctx) == [before, first]
    assert len(rolled(ctx)) == 2


def test_a_new_master_meanwhile_leaves_it_to_the_next_match(home):
    """The match is played all the same, and the next one's look goes back."""
    ctx = context(home, 1)
    before = champions(ctx)

    def new_master():
        with ctx.ledger.write() as tx:
            take_fence(tx, MASTER, "new")

    new_master()
    late = Overtaken(ctx.ledger.engine, new_master)
    quiet = context(home, 1, evaluation__rollback_min_games=0)
    match = shadow(quiet)
    assert beside.play(ctx.with_(ledger=late), match)["games"] == SHADOW
    assert champions(ctx) == before
    beside.play(ctx, match)
    assert champions(ctx) == before[1:]


def test_the_open_run_ends_rejected(home):
    """Its candidate passed every gate against a champion that is none: no failure, no promotion, no selfplay by it."""
    ctx = context(home)
    run = open_or_resume(ctx, tiny.HEX8)
    newest, before, _ = champions(ctx)
    with ctx.ledger.write() as tx:
        regression.go_back(tx, tiny.HEX8, "for a test")
    done = work_off(ctx, run.id)
    assert done.outcome == runs.REJECTED
    assert done.reason.startswith(f"its champion {newest[:12]} was taken back for {before[:12]}")
    with ctx.ledger.read() as tx:
        candidate = models.candidate_of(tx, run.id)
        assert [row.verdict for row in models.evaluations_of(tx, run_id=run.id)] == ["pass"] * 4
        assert not candidate.accepted
        assert stages.stage_row(tx, run.id, "promote").failures == 0
        assert models.newest_accepted(tx, CONFIG).sha256 == before
    following = open_or_resume(ctx, tiny.HEX8)
    assert (following.start_model, following.champion) == (before, before)
    assert work_off(ctx, following.id).outcome == runs.PROMOTED
    assert champions(ctx)[1] == before
    assert config_status(ctx, CONFIG).champion["rolled_back"] is None
    assert verify(ctx.ledger, ctx.blobs) == []


def test_no_candidate_is_accepted_against_a_champion_that_went(home):
    """Where the seat changed after the verdict was read, the transaction is refused, passed or only accepted."""
    ctx = context(home)
    run = open_or_resume(ctx, tiny.HEX8)
    newest = champions(ctx)[0]
    with ctx.ledger.write() as tx:
        regression.go_back(tx, tiny.HEX8, "for a test")
        row = models.get_model(tx, newest)
        with pytest.raises(NegativeVerdict, match="another champion"):
            promotion.conclude(tx, run, row, [], passed=False, accepted=True)
        promotion.conclude(tx, run, row, [], passed=False)
        assert not models.get_model(tx, newest).accepted


def test_what_was_trained_from_it_plays_no_more(home):
    """Children of the model that was taken back are withdrawn with it, others are not."""
    ctx = context(home)
    newest, before, first = champions(ctx)
    with ctx.ledger.write() as tx:
        for name, parent in (("a" * 64, newest), ("b" * 64, "a" * 64), ("c" * 64, before)):
            models.register_model(
                tx,
                sha256=name,
                config=CONFIG,
                kind=models.IMPORTED,
                path=f"models/{name}",
                size=1,
                parent=parent,
                accepted=True,
            )
        back = regression.go_back(tx, tiny.HEX8, "for a test")
        assert set(back.withdrawn) == {newest, "a" * 64, "b" * 64}
        assert models.newest_accepted(tx, CONFIG).sha256 == "c" * 64
        back = regression.go_back(tx, tiny.HEX8, "for a test", first)
        assert "c" * 64 in back.withdrawn


def test_a_network_that_lost_its_file_does_not_become_the_newest(home):
    """Of the accepted ones of before, one that was pruned meanwhile is passed over."""
    ctx = context(home)
    _, before, first = champions(ctx)
    with ctx.ledger.write() as tx:
        regression.go_back(tx, tiny.HEX8, "for a test")
        models.mark_pruned(tx, before)
        assert models.newest_accepted(tx, CONFIG).sha256 == first


def test_the_file_to_go_back_to_is_kept(home):
    """The last champion before the present one, not the one that was taken back; without it a regression is only told."""
    ctx = context(home, 1)
    newest, before, first = champions(ctx)
    with ctx.ledger.write() as tx:
        regression.go_back(tx, tiny.HEX8, "for a test")
        judged = {v.model.sha256: v.reasons for v in pruning.judge(tx, CONFIG, pruning.Rule(1, 1))}
    assert judged[first] == ("champion 1 before the present one",)
    assert judged[newest] == ("newest candidate",)
    assert "champion" in judged[before]


def test_without_the_file_a_regression_is_only_told(home):
    """models.keep_champions 0 leaves nobody to go back to: the event says it, the champion stays."""
    ctx = with_evidence(home)
    before = champions(ctx)
    with ctx.ledger.write() as tx:
        models.mark_pruned(tx, before[1])
    assert regression.look(ctx, tiny.HEX8) is None
    assert champions(ctx) == before
    assert [event.kind for event in rolled(ctx)] == [Kind.REGRESSION_DETECTED]


def test_only_games_of_equal_budgets_and_seats_count(tmp_path):
    """With two seats either side; with three only those where the one has a single seat; never unequal searches."""
    ctx = context(tmp_path / "empty")
    one, two = "a" * 64, "b" * 64
    cases = {"hex8:2": (19.0, 20), "hex8:3": (10.0, 10)}  # wins, games
    for name, counted in cases.items():
        config = Config.parse(name)
        plan = RunPlan.of(ctx.settings, config)
        mine, other = gates.searching(plan, one), gates.searching(plan, two)
        more = dataclasses.replace(other, simulations=mine.simulations + 1)
        for n, (a, b, won) in enumerate([(mine, other, 10), (other, mine, 1), (mine, more, 0)]):
            with ctx.ledger.write() as tx:
                row = MatchRow(
                    id=f"{n}{config.players}" * 32,
                    config=name,
                    purpose="manual",
                    a=a.identity,
                    b=b.identity,
                    seed=str(n),
                    games=10,
                    spec={"a": dataclasses.asdict(a), "b": dataclasses.asdict(b)},
                )
                matches.add_match(tx, row)
                matches.add_games(tx, row.id, [game(name, n, i, won) for i in range(10)])
        with ctx.ledger.read() as tx:
            found = regression.evidence(tx, config, one, two)
            assert regression.evidence(tx, config, one, "c" * 64) is None
        assert (found.wins, found.games) == counted
        assert found.equal == 1 / config.players


def game(config, match, number, won):
    """A game of a match; a wins the first so many."""
    return {
        "id": f"{config}/{match}/{number}",
        "number": number,
        "block": number // 2,
        "seat": 1,
        "seats": ("a", "b"),
        "ranks": (1, 2),
        "winner": 1 if number < won else 2,
        "score": float(number < won),
        "victory": "lps_rounds",
        "plies": 1,
        "turns": 1,
        "swapped": False,
    }


#: What somebody did by hand to a ledger with a rollback, and what verify says of it.
BROKEN = {
    "a lost event": (
        schema.events.delete().where(schema.events.c.kind == "MODEL_ROLLED_BACK"),
        "champion ",
    ),
    "the seat by another's promotion": (
        schema.champions.update().values(
            promotion_id=sa.select(schema.promotions.c.id)
            .where(schema.promotions.c.previous.is_(None))
            .scalar_subquery()
        ),
        "found one of ",
    ),
    "who was taken back plays": (schema.models.update().values(accepted=True), "found accepted"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_verify_names_what_does_not_agree_with_going_back(home, name):
    """One statement by hand, and the line that tells of it."""
    statement, words = BROKEN[name]
    ctx = context(home)
    with ctx.ledger.write() as tx:
        regression.go_back(tx, tiny.HEX8, "for a test")
    assert verify(ctx.ledger, ctx.blobs) == []
    with ctx.ledger.write() as tx:
        tx.conn.execute(statement)
    (found,) = verify(ctx.ledger, ctx.blobs)
    assert str(found).startswith("promotion hex8:2")
    assert words in str(found)
