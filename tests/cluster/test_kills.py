"""Masters that are killed, and masters that sleep and wake: real beats and workers, real signals.

A sleeper does not know that it slept. So whatever it does when it wakes is tried here: its clock goes
on, and what it had begun to write is written.
"""

import math
import shutil
import signal

import pytest
from sqlalchemy import select, text

from ringrift.pipeline.deferral import is_unified_loop_running
from ringrift.store import events, models
from ringrift.store.schema import metadata
from tests.cluster.conftest import SmallStack, family
from tests.cluster.test_loop import check

pytestmark = pytest.mark.processes

#: Tables that change without anybody's decision: how far hooks have heard of events, signs of life of workers.
RELAYED = {"subscriptions", "nodes"}

#: What a worker tells of itself alone: one that was asleep for long is silent, and up again when it wakes.
OF_NODES = {"NODE_UP", "NODE_DOWN", "CAPACITY_CHANGED"}


def leases(stack):
    """Return what was told of the master lease: kind and fence, oldest first."""
    kinds = ("LEASE_TAKEN", "LEASE_RELEASED", "LEASE_LOST")
    with stack.read() as tx:
        told = events.list_events(tx, kinds=kinds)
    return [(e.kind, e.payload["fence"]) for e in told if e.payload["lease"] == "master"]


def rows(stack):
    """Return every row of the ledger, without how far events are relayed and who gave a sign of life."""
    with stack.read() as tx:
        return {
            table.name: sorted(
                str({**row, "published_at": None})
                for row in tx.conn.execute(select(table)).mappings()
                if row.get("kind") not in OF_NODES
            )
            for table in metadata.sorted_tables
            if table.name not in RELAYED
        }


def test_standby_takes_over_from_a_killed_master(home, monkeypatch):
    """A second beat stands by and sends nothing; when the first is killed it goes on with the same run."""
    monkeypatch.setenv("RINGRIFT_HOME", str(home))
    with SmallStack(home, RINGRIFT_TEST_HOLD="selfplay") as stack:
        stack.held()
        assert is_unified_loop_running()
        with stack.second("beat"):
            stack.says("beat2", "standing by")
            assert "Sending due task" not in stack.log_of("beat2").read_text()
            stack.child("beat").due = math.inf  # nobody starts it again
            stack.child("beat").process.kill()
            stack.says("beat2", "master: fence 2")
            stack.go()
            check(stack)
            # The dead one could say nothing: its lease ran out.
            assert leases(stack) == [("LEASE_TAKEN", 1), ("LEASE_TAKEN", 2)]
        assert leases(stack)[2:] == [("LEASE_RELEASED", 2)]
        assert not is_unified_loop_running()
    assert not family(home)


def test_a_promotion_begun_under_a_master_that_sleeps_is_refused(home):
    """With the master asleep beyond its lease, what promotes in its name is refused, and made anew by the next one's."""
    with SmallStack(home, RINGRIFT_TEST_HOLD="promote") as stack:
        stack.held()
        sleeper = stack.child("beat").process
        with stack.second("beat"):
            stack.says("beat2", "standing by")
            sleeper.send_signal(signal.SIGSTOP)
            stack.says("beat2", "master: fence 2")
            stack.go()
            check(stack)
            assert "master fence 1 is stale" in stack.log_of("control").read_text()
            with stack.read() as tx:
                assert [row.fence for row in models.promotions_of(tx)] == [2]
            sleeper.send_signal(signal.SIGCONT)
            stack.says("beat", "standing by")
            # It wanted to tell that it lost its lease; a newer master had told of itself.
            assert leases(stack) == [("LEASE_TAKEN", 1), ("LEASE_TAKEN", 2)]


def test_a_master_that_wakes_writes_nothing(home):
    """Beat and its tick are stopped before a write; woken when another has done the work, they change not one row."""
    with SmallStack(home, RINGRIFT_TEST_HOLD="init") as stack:
        stack.held()
        sleepers = [stack.child(name).process for name in ("beat", "control")]
        with (
            stack.second("control", RINGRIFT_TEST_HOLD="", RINGRIFT_TEST_BY="second"),
            stack.second("beat"),
        ):
            stack.says("beat2", "standing by")
            for process in sleepers:
                process.send_signal(signal.SIGSTOP)
            stack.says("beat2", "master: fence 2")
            check(stack)
            before = rows(stack)
            assert len(before["runs"]) == 1
            stack.go()
            for process in sleepers:
                process.send_signal(signal.SIGCONT)
            # Here its tick goes on: it registers the network that it made, and opens a run.
            stack.says("control", "dropped: master fence 1 is stale: the newest owner has 2")
            stack.says("beat", "standing by")
            assert rows(stack) == before


def test_broker_that_lost_everything(home):
    """kill -9 of the broker and the loss of its file cost neither a game nor an event: SQL knows what to send again."""
    extra = {"RINGRIFT_TEST_HOLD": "selfplay", "RINGRIFT_TEST_REISSUE": "2"}
    with SmallStack(home, **extra) as stack:
        stack.held()
        server = stack.broker._server
        server.kill()
        server.wait(20)
        for file in stack.broker.place.folder.glob("appendonly*"):
            shutil.rmtree(file)
        stack.go()
        check(stack)
        # The lease was lost with the rest; a number that SQL knows is never given twice.
        assert [fence for kind, fence in leases(stack) if kind == "LEASE_TAKEN"] == [1, 2]
        with stack.read() as tx:
            left = tx.conn.execute(text("SELECT count(*) FROM stages WHERE state <> 'done'"))
            assert left.scalar() == 0
