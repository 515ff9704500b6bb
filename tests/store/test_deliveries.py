"""Everything may be delivered twice; the second time is a no-op."""

import dataclasses

import pytest

from ringrift.errors import NegativeVerdict
from ringrift.store import events, games, matches, models, runs
from ringrift.store.matches import MatchRow
from ringrift.store.models import EvaluationRow
from ringrift.store.runs import RunClosed
from tests.store.builders import CANDIDATE, MODEL, game_rows, make_run, told


def shards_of(ledger, run):
    """The shards of a run."""
    with ledger.read() as tx:
        return games.shards_of(tx, run.id)


def produce(tx, shard, sha256="c" * 64):
    """Record a shard as played."""
    games.record_shard(
        tx,
        shard,
        path=f"shards/{sha256}.jsonl.zst",
        sha256=sha256,
        games_played=4,
        positions=12,
        plies=40,
        seconds=1.0,
        victories={"lps_rounds": 4},
    )


def test_games_count_once(ledger, run):
    """A shard that is synced twice adds nothing the second time."""
    shard = shards_of(ledger, run)[0].id
    rows = game_rows(run, shard, 4)
    with ledger.write() as tx:
        produce(tx, shard)
        assert games.ingest_games(tx, shard, rows) == 4
    with ledger.write() as tx:
        assert games.ingest_games(tx, shard, rows) == 0
        assert games.count_games(tx, run_id=run.id) == 4
        assert games.get_shard(tx, shard).state == games.INGESTED


def test_many_games_fit_one_call(ledger, run):
    """More rows than SQLite takes values in one statement."""
    shard = shards_of(ledger, run)[0].id
    with ledger.write() as tx:
        assert games.ingest_games(tx, shard, game_rows(run, shard, 5000)) == 5000


def test_a_shard_is_recorded_by_the_first_who_played_it(ledger, run):
    """A second file for the same shard does not replace the first."""
    shard = shards_of(ledger, run)[0].id
    with ledger.write() as tx:
        produce(tx, shard)
        produce(tx, shard, "d" * 64)
        assert games.get_shard(tx, shard).sha256 == "c" * 64


def test_events_are_told_once(ledger, run):
    """The same event of the same stage is one row, and is relayed in order."""
    with ledger.write() as tx:
        assert events.append(tx, told(run))
        assert not events.append(tx, told(run))
        assert events.append(tx, told(run, "DATA_SYNC_COMPLETED", "sync"))
    with ledger.write() as tx:
        first, second = events.unpublished(tx)
        assert (first.kind, first.config) == ("SELFPLAY_COMPLETE", run.config)
        assert first.seq < second.seq
        events.mark_published(tx, [first.seq])
        assert [e.kind for e in events.unpublished(tx)] == ["DATA_SYNC_COMPLETED"]


def test_one_open_run_per_config(ledger, run):
    """A second master that opens the next run gets none; other configs are free."""
    with ledger.write() as tx:
        again = runs.insert_run(
            tx,
            config=run.config,
            iteration=2,
            seed=1,
            start_model=MODEL,
            champion=None,
            plan={},
            plan_digest=run.plan_digest,
        )
        assert again is None
        assert [r.id for r in runs.open_runs(tx, run.config)] == [run.id]
    assert make_run(ledger, config="square8:2").id != run.id


def test_backfill_runs_are_open_beside_an_iteration(ledger, run):
    """Any number of them, each with a number of its own; a number that is taken opens none."""

    def beside(number):
        with ledger.write() as tx:
            return runs.insert_run(
                tx,
                config=run.config,
                iteration=number,
                seed=1,
                start_model=MODEL,
                champion=None,
                plan={},
                plan_digest=run.plan_digest,
                backfill=True,
            )

    assert [beside(number) is not None for number in (2, 3, 3, 1)] == [True, True, False, False]
    with ledger.read() as tx:
        assert runs.open_iteration(tx, run.config).id == runs.last_run(tx, run.config).id == run.id
        assert [found.iteration for found in runs.open_backfills(tx, run.config)] == [2, 3]
        assert runs.last_number(tx, run.config) == 3
        assert runs.closed_iterations(tx, run.config) == 0


def test_a_closed_run_does_not_change(ledger, run):
    """Its totals are written once; nothing is added to it."""
    shard = shards_of(ledger, run)[0].id
    with ledger.write() as tx:
        produce(tx, shard)
        games.ingest_games(tx, shard, game_rows(run, shard, 4))
        assert runs.close_run(tx, run.id, runs.REJECTED, "weak")
        assert runs.get_run(tx, run.id).totals["games"] == 4
    with pytest.raises(RunClosed), ledger.write() as tx:
        games.ingest_games(tx, shard, game_rows(run, shard, 5))


def evaluation(run, match, verdict="pass", played=43):
    """What a gate says about the candidate."""
    return EvaluationRow(
        run_id=run.id,
        model=CANDIDATE,
        gate="random",
        match_id=match,
        opponent="random",
        games=played,
        wins=played,
        low=0.9,
        high=1.0,
        bound=0.8,
        verdict=verdict,
        evidence={},
    )


def candidate(tx, run):
    """Register a candidate of a run with a match; the match's id."""
    models.register_model(
        tx,
        sha256=CANDIDATE,
        config=run.config,
        kind=models.CANDIDATE,
        path="models/x",
        size=1,
        run_id=run.id,
        parent=MODEL,
    )
    match = MatchRow("m" * 64, run.config, "random", "a", "random", "1", 400, {}, run.id, CANDIDATE)
    matches.add_match(tx, match)
    return match.id


def test_a_run_promotes_once(ledger, run):
    """The second delivery of a promotion changes neither champion nor evidence."""
    with ledger.write() as tx:
        models.add_evaluation(tx, evaluation(run, candidate(tx, run)))
        about = {"run_id": run.id, "config": run.config, "model": CANDIDATE, "holder": None}
        assert models.promote(tx, **about, evidence={"n": 1})
        assert not models.promote(tx, **about, evidence={"n": 2})
        assert models.champion(tx, run.config) == CANDIDATE
        [promotion] = models.promotions_of(tx)
        assert (promotion.evidence, promotion.previous) == ({"n": 1}, None)
        assert models.newest_accepted(tx, run.config).sha256 == CANDIDATE


@pytest.mark.parametrize("said", [None, {"verdict": "fail"}, {"played": 0}])
def test_no_promotion_without_evidence(ledger, run, said):
    """No gate, a failed gate, or a gate of no games: refused, and nothing is written."""

    def promote():
        with ledger.write() as tx:
            match = candidate(tx, run)
            if said is not None:
                models.add_evaluation(tx, evaluation(run, match, **said))
            about = {"run_id": run.id, "config": run.config, "model": CANDIDATE, "holder": None}
            models.promote(tx, **about, evidence={})

    with pytest.raises(NegativeVerdict, match="without evidence"):
        promote()
    with ledger.read() as tx:
        assert models.champion(tx, run.config) is None
        assert models.get_model(tx, CANDIDATE) is None


@pytest.mark.parametrize("holder", [None, MODEL])
def test_nobody_is_promoted_over_another_champion_than_was_read(ledger, run, holder):
    """Who took the seat since the caller looked keeps it, and nothing of the promotion is left."""
    with ledger.write() as tx:
        models.add_evaluation(tx, evaluation(run, candidate(tx, run)))
        first = {"run_id": run.id, "config": run.config, "model": CANDIDATE, "evidence": {}}
        models.promote(tx, **first, holder=None)
        runs.close_run(tx, run.id, runs.PROMOTED, "strong")
    second = make_run(ledger)
    later = "d" * 64

    def promote(holder):
        with ledger.write() as tx:
            about = {"sha256": later, "config": run.config, "kind": models.CANDIDATE}
            models.register_model(tx, **about, path="models/y", size=1, run_id=second.id)
            row = MatchRow("n" * 64, run.config, "random", "a", "b", "1", 400, {}, second.id, later)
            matches.add_match(tx, row)
            said = dataclasses.replace(
                evaluation(run, row.id), run_id=second.id, model=later, match_id=row.id
            )
            models.add_evaluation(tx, said)
            about = {"run_id": second.id, "config": run.config, "model": later}
            models.promote(tx, **about, evidence={}, holder=holder)

    with pytest.raises(NegativeVerdict, match="hex8:2 has another champion than"):
        promote(holder)
    with ledger.read() as tx:
        assert models.champion(tx, run.config) == CANDIDATE
        assert [row.model for row in models.promotions_of(tx)] == [CANDIDATE]
        assert models.get_model(tx, later) is None
    promote(CANDIDATE)
    with ledger.read() as tx:
        assert [row.model for row in models.line(tx, run.config)] == [later, CANDIDATE]


def test_match_games_count_once_whatever_their_order(ledger, run):
    """Chunks overlap, repeat and arrive in any order; each number counts once."""
    with ledger.write() as tx:
        match = candidate(tx, run)
        played = [
            {
                "id": f"{n:064d}",
                "number": n,
                "block": n // 2,
                "seat": 1,
                "seats": ("a", "b"),
                "ranks": (1, 2),
                "winner": 1,
                "score": float(n % 2),
                "victory": "lps_rounds",
                "plies": 9,
                "turns": 5,
                "swapped": False,
            }
            for n in range(6)
        ]
        assert matches.add_games(tx, match, played[4:]) == 2
        assert matches.add_games(tx, match, played[:5]) == 4
        assert matches.add_games(tx, match, played) == 0
        assert matches.wins_by_number(tx, match) == {n: float(n % 2) for n in range(6)}
        back = matches.games_of(tx, match)
    assert [game["number"] for game in back] == list(range(6))
    assert back[0]["id"] == played[0]["id"]
