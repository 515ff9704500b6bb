import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from ringrift.errors import BadInput
from ringrift.store import engine, events, migrate, nodes, runs, stages, subscriptions
from ringrift.store.ledger import (
    Fence,
    StaleFence,
    newest_fence,
    open_ledger,
    take_fence,
)
from ringrift.store.schema import fences, metadata
from tests.store.builders import claim, make_run

WRITERS, WRITES = 4, 25


def test_fence_numbers_only_grow(ledger):
    """Each owner's number is above all earlier ones, and above what the lease's server gave."""
    with ledger.write() as tx:
        assert take_fence(tx, "master", "a") == Fence("master", 1)
        assert take_fence(tx, "master", "b", at_least=9) == Fence("master", 10)
        assert take_fence(tx, "master", "c", at_least=3) == Fence("master", 11)
        assert take_fence(tx, "other", "c") == Fence("other", 1)


def test_an_older_fence_is_refused_and_nothing_of_it_written(ledger):
    """The check is in the same transaction as the write."""
    with ledger.write() as tx:
        old = take_fence(tx, "master", "a")
        take_fence(tx, "master", "b")
    with pytest.raises(StaleFence, match="stale"), ledger.write(old) as tx:
        take_fence(tx, "elsewhere", "a")
    with ledger.read() as tx:
        assert newest_fence(tx, "elsewhere") == 0


def test_an_exception_rolls_everything_back(ledger):
    """A block that does not end normally leaves nothing."""

    def fail():
        with ledger.write() as tx:
            take_fence(tx, "master", "a")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with ledger.read() as tx:
        assert newest_fence(tx, "master") == 0


def test_sqlite_is_set_up_as_it_must_be(tmp_path):
    """WAL, foreign keys and full synchronisation on every connection."""
    with open_ledger(tmp_path).read() as tx:
        found = {
            name: tx.conn.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        }
    assert found == {
        "journal_mode": "wal",
        "foreign_keys": 1,
        "synchronous": 2,
        "busy_timeout": engine.BUSY_TIMEOUT_MS,
    }


def count_up(home, barrier):
    """Read, add one, write back: lost updates would show."""
    ledger = open_ledger(home)
    barrier.wait()
    for _ in range(WRITES):
        with ledger.write() as tx:
            take_fence(tx, "counter", str(os.getpid()))


@pytest.mark.processes
@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_writers_in_several_processes_lose_nothing(tmp_path, method):
    """Write transactions are serial across processes, also when the parent's ledger was open."""
    ledger = open_ledger(tmp_path)
    with ledger.write() as tx:
        take_fence(tx, "before", "parent")
    start = multiprocessing.get_context(method)
    barrier = start.Barrier(WRITERS)
    children = [start.Process(target=count_up, args=(tmp_path, barrier)) for _ in range(WRITERS)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * WRITERS
    with ledger.read() as tx:
        assert newest_fence(tx, "counter") == WRITERS * WRITES


def use_inherited(ledger):
    """Work on the ledger that came over the fork."""
    for _ in range(WRITES):
        with ledger.write() as tx:
            take_fence(tx, "counter", "child")


@pytest.mark.processes
def test_a_ledger_may_be_used_on_both_sides_of_a_fork(ledger):
    """The child opens connections of its own and leaves the parent's alone."""
    with ledger.write() as tx:
        take_fence(tx, "counter", "parent")
    child = multiprocessing.get_context("fork").Process(target=use_inherited, args=(ledger,))
    child.start()
    use_inherited(ledger)
    child.join()
    assert child.exitcode == 0
    with ledger.read() as tx:
        assert newest_fence(tx, "counter") == 1 + 2 * WRITES
        if ledger.local:
            assert tx.conn.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "not a database URL"),
        ("mysql://x/y", "expected sqlite or postgresql"),
        ("sqlite://", "in memory"),
    ],
)
def test_bad_urls_are_one_clear_line(url, said):
    """BadInput, never a traceback of the library."""
    with pytest.raises(BadInput, match=said):
        engine.open_engine(url)


def test_network_file_systems_are_refused(tmp_path, monkeypatch):
    """SQLite's locks do not hold there; the line names the way out."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"server:/x {tmp_path} nfs4 rw 0 0\n/dev/a / ext4 rw 0 0\n")
    assert engine.file_system(tmp_path / "deep", mounts) == "nfs4"
    assert engine.file_system(Path("/usr"), mounts) == "ext4"
    monkeypatch.setattr(engine, "file_system", lambda _folder: "nfs4")
    with pytest.raises(BadInput, match="RINGRIFT_DATABASE_URL"):
        open_ledger(tmp_path)


def test_a_file_that_is_no_ledger_is_one_clear_line(tmp_path):
    """And it is left as it is."""
    (tmp_path / "ringrift.db").write_bytes(b"something else" * 1000)
    with pytest.raises(BadInput, match="cannot be used"):
        open_ledger(tmp_path)
    assert (tmp_path / "ringrift.db").read_bytes().startswith(b"something else")


def test_migrations_make_the_tables_of_the_schema(ledger):
    """From an empty database to exactly what `schema` says."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with ledger.engine.connect() as conn:
        assert compare_metadata(MigrationContext.configure(conn), metadata) == []


def test_the_newest_migration_is_known(ledger):
    """`migrate.HEAD` spares a look at the folder, so it must be its head."""
    from alembic.script import ScriptDirectory

    with ledger.engine.connect() as conn:
        scripts = ScriptDirectory.from_config(migrate.alembic_config(conn))
    assert scripts.get_heads() == [migrate.HEAD]
    assert migrate.current_revision(ledger.engine) == migrate.HEAD


def test_a_newer_ledger_is_refused(ledger):
    """An older program does not touch tables that it does not know."""
    with ledger.write() as tx:
        tx.conn.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(BadInput, match="newer RingRift"):
        migrate.ensure_schema(ledger.engine)


def test_rows_survive_opening_again(tmp_path):
    """Opening an existing ledger changes nothing in it."""
    first = open_ledger(tmp_path)
    with first.write() as tx:
        take_fence(tx, "master", "a")
    first.close()
    with open_ledger(tmp_path).read() as tx:
        assert tx.conn.scalar(sa.select(fences.c.owner)) == "a"


def open_at_once(home, barrier):
    """Open a ledger that is not there yet."""
    barrier.wait()
    open_ledger(home)


@pytest.mark.processes
def test_many_may_open_a_new_ledger_at_once(tmp_path):
    """The tables are made once, whoever comes first."""
    start = multiprocessing.get_context("spawn")
    barrier = start.Barrier(WRITERS)
    children = [
        start.Process(target=open_at_once, args=(tmp_path, barrier)) for _ in range(WRITERS)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * WRITERS


def test_a_run_that_was_open_before_the_parity_gate_goes_on(tmp_path):
    """Its stages keep their order when a stage is put between them; it has no gate itself."""
    from alembic import command

    ledger = open_ledger(tmp_path)
    run = make_run(ledger, sizes=(2,))
    with ledger.engine.connect().execution_options(**{engine.WRITES: True}) as conn, conn.begin():
        command.downgrade(migrate.alembic_config(conn), "0001")
        rows = conn.execute(sa.text("SELECT stage, position FROM stages ORDER BY position"))
        assert [stage for stage, _ in rows] == [
            "selfplay",
            "sync",
            "export",
            "train",
            "evaluate_plan",
            "promote",
        ]
    ledger.close()
    again = open_ledger(tmp_path)
    with again.read() as tx:
        found = {row.stage: row for row in stages.stages_of(tx, run.id)}
        places = dict(tx.conn.execute(sa.text("SELECT stage, position FROM stages")).all())
    assert "parity" not in found
    assert places == {stage: stages.ORDER.index(stage) for stage in found}
    for stage in ("selfplay", "sync", "export"):
        held = claim(again, run, stage)
        stages.complete_stage(again, held, {})


def test_subscriptions_come_and_go_with_their_migration(ledger):
    """Down and up again: the events stay, hooks begin anew."""
    from alembic import command

    with ledger.write() as tx:
        subscriptions.register(tx, ["a hook"])
    for step in (command.downgrade, command.upgrade):
        with (
            ledger.engine.connect().execution_options(**{engine.WRITES: True}) as conn,
            conn.begin(),
        ):
            step(migrate.alembic_config(conn), "0002" if step is command.downgrade else "head")
            there = sa.inspect(conn).has_table("subscriptions")
            assert there == (step is command.upgrade)
    with ledger.write() as tx:
        assert subscriptions.hold(tx, "a hook", "me", 1.0) is None


def test_runs_of_before_backfill_are_iterations_after_the_upgrade(ledger):
    """One of a config is open, as before; back again only while no backfill run is open."""
    from alembic import command

    def step(to, revision):
        with (
            ledger.engine.connect().execution_options(**{engine.WRITES: True}) as conn,
            conn.begin(),
        ):
            to(migrate.alembic_config(conn), revision)

    run = make_run(ledger)
    step(command.downgrade, "0005")
    step(command.upgrade, "head")
    with ledger.write() as tx:
        assert runs.open_iteration(tx, run.config) == run
        about = {"seed": 1, "start_model": run.start_model, "champion": None, "plan": {}}
        about |= {"config": run.config, "plan_digest": run.plan_digest}
        assert runs.insert_run(tx, iteration=2, **about) is None
        assert runs.insert_run(tx, iteration=2, backfill=True, **about) is not None
    with pytest.raises(RuntimeError, match="backfill runs are open"):
        step(command.downgrade, "0005")


def test_workers_of_before_the_table_of_nodes_are_in_it_after_the_upgrade(ledger):
    """Those whose last event said that they are up; they count for a while, since they give no sign of life."""
    from alembic import command

    def step(to, revision):
        with (
            ledger.engine.connect().execution_options(**{engine.WRITES: True}) as conn,
            conn.begin(),
        ):
            to(migrate.alembic_config(conn), revision)

    step(command.downgrade, "0004")
    with ledger.write() as tx:
        for seq, (kind, name, started) in enumerate(
            (
                ("NODE_UP", "stays", 1.0),
                ("NODE_UP", "went", 1.0),
                ("NODE_UP", "again", 1.0),
                ("NODE_UP", "again", 2.0),
                ("NODE_DOWN", "again", 1.0),
                ("NODE_DOWN", "went", 1.0),
            )
        ):
            about = {"process": "h:1", "started": started, "queues": ["gpu"], "slots": 2}
            events.append(
                tx, events.NewEvent(kind, None, "node", f"{seq}", _told(about, name, kind))
            )
    step(command.upgrade, "head")
    with ledger.read() as tx:
        found = nodes.all_up(tx)
        assert [(row.name, row.started, row.queues, row.slots) for row in found] == [
            ("again", 2.0, ("gpu",), 2),
            ("stays", 1.0, ("gpu",), 2),
        ]
        assert all(0 < row.stands_until - tx.now <= 60 for row in found)


def _told(about, name, kind):
    """The payload of a node's event."""
    return {**about, "node": name} | ({"reason": "stopped"} if kind == "NODE_DOWN" else {})


def test_the_newest_of_a_kind_are_found_without_reading_the_others(ledger):
    """However many events there are: the index is what the database says that it goes by."""
    query = "SELECT seq FROM events WHERE kind = 'NODE_UP' ORDER BY seq DESC LIMIT 1"
    if not ledger.local:
        pytest.skip("how PostgreSQL tells its plan is its own")
    with ledger.read() as tx:
        plan = tx.conn.execute(sa.text(f"EXPLAIN QUERY PLAN {query}")).all()
    assert "ix_events_kind_seq" in str(plan)


def test_opening_a_ledger_again_takes_no_locks_away(tmp_path):
    """A process with two ledgers of one file keeps its log: another one that comes and goes is not the last."""
    first = open_ledger(tmp_path)
    with first.read() as tx:
        tx.conn.execute(sa.text("SELECT count(*) FROM runs")).scalar()
    open_ledger(tmp_path)
    code = "import sys, sqlite3; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT 1 FROM runs').fetchall(); c.close()"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "ringrift.db")], check=True)
    assert (tmp_path / "ringrift.db-wal").exists()
