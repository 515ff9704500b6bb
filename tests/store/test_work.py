"""What scheduling reads from the ledger: loads of open runs, device time, what there is to learn from."""

from ringrift.store import games, models, runs, stages
from ringrift.store.schema import stages as stage_table
from ringrift.store.work import (
    Supply,
    any_fresh,
    device_seconds,
    fresh_units,
    loads,
    supplies,
    supply,
)
from tests.store.builders import CANDIDATE, claim, game_rows, make_run, units


def test_a_load_counts_the_units_of_the_stage_that_a_run_is_in(ledger):
    """Settled, at work, sent lately and fresh add up; what was sent long ago is fresh again."""
    run = make_run(ledger, sizes=(4, 4, 4, 4, 4))
    one, two, three, four, _ = units(ledger, run)
    stages.complete_stage(ledger, claim(ledger, run, unit=one), {})
    claim(ledger, run, unit=two)
    with ledger.write() as tx:
        stages.mark_issued(tx, run.id, "selfplay", [three, four])
        later = (stage_table.c.unit == four) & (stage_table.c.run_id == run.id)
        tx.conn.execute(stage_table.update().where(later).values(issued_at=tx.now - 100))
        [load] = loads(tx, 60.0)
        counts = (load.units, load.settled, load.running, load.sent, load.fresh)
        assert (load.stage, *counts) == ("selfplay", 5, 1, 1, 1, 2)
        assert (load.run_id, load.priority) == (run.id, runs.PRIORITY)
        assert load.seconds is not None
        assert any_fresh(tx, 60.0)
        assert fresh_units(tx, run.id, "selfplay", 60.0, 5) == [four, units(ledger, run)[4]]
        assert len(fresh_units(tx, run.id, "selfplay", 60.0, 1)) == 1


def test_a_closed_run_is_no_load(ledger, run):
    """Nor has it fresh shards."""
    with ledger.write() as tx:
        runs.close_run(tx, run.id, runs.REJECTED, "test")
        assert loads(tx, 60.0) == []
        assert not any_fresh(tx, 60.0)


def test_device_seconds_are_those_within_the_window(ledger):
    """What was done, as far as it lies in it, and what is at work now; of closed runs too."""
    run = make_run(ledger, sizes=(4, 4, 4))
    for unit in units(ledger, run)[:2]:
        stages.complete_stage(ledger, claim(ledger, run, unit=unit), {})
    claim(ledger, run, unit=units(ledger, run)[2])
    with ledger.write() as tx:
        spans = ((-500.0, -400.0), (-110.0, -70.0), (-30.0, None))
        for unit, (begun, ended) in zip(units(ledger, run), spans, strict=True):
            tx.conn.execute(
                stage_table.update()
                .where(stage_table.c.unit == unit)
                .values(
                    claimed_at=tx.now + begun, finished_at=None if ended is None else tx.now + ended
                )
            )
        found = device_seconds(tx, tx.now - 100.0)
        assert round(found["hex8:2"]) == 30 + 30
        runs.close_run(tx, run.id, runs.REJECTED, "test")
        assert device_seconds(tx, tx.now - 100.0) == found
        assert device_seconds(tx, tx.now + 1.0) == {}


def test_supplies_are_counted_by_shards(ledger, run):
    """What is played is coming, what is taken in is there, what came after the last training is new."""
    first, second = units(ledger, run)

    def played(tx, shard):
        games.record_shard(
            tx,
            shard,
            path=shard,
            sha256=shard,
            games_played=4,
            positions=12,
            plies=40,
            seconds=1.0,
            victories={},
        )

    with ledger.write() as tx:
        assert supplies(tx).get("hex8:2") == Supply()
        played(tx, first)
        played(tx, second)
        games.ingest_games(tx, first, game_rows(run, first, 4))
        assert supplies(tx)["hex8:2"] == Supply(positions=12, new=12, coming=12, games=4)
        games.note_fault(tx, game_rows(run, first, 1)[0].id, "a test says so")
        assert supply(tx, "hex8:2") == Supply(positions=9, new=9, coming=12, games=4, quarantined=1)
        models.register_model(
            tx,
            sha256=CANDIDATE,
            config="hex8:2",
            kind=models.CANDIDATE,
            path="c",
            size=1,
            run_id=run.id,
        )
        found = supply(tx, "hex8:2")
        assert (found.positions, found.new, found.trained_at) == (9, 0, tx.now)
        assert supply(tx, "square8:2") == Supply()
