"""The whole loop through real brokers, workers and beat; small services, so that it is quick."""

import os
import signal

import psutil
import pytest
from sqlalchemy import text

from ringrift.broker.address import client_of
from ringrift.store.events import list_events
from ringrift.store.stages import stages_of
from tests.cluster.conftest import SmallStack, family
from tests.collector import attributes, collecting

pytestmark = pytest.mark.processes

#: The events of a run that ends in a promotion, in their order.
EVENTS = [
    "SELFPLAY_COMPLETE",
    "DATA_SYNC_COMPLETED",
    "PARITY_CHECKED",
    "NPZ_EXPORT_COMPLETE",
    "TRAINING_COMPLETED",
    "EVALUATION_COMPLETED",
    "MODEL_PROMOTED",
]


def check(stack):
    """Every game is counted once, every event told once, everywhere."""
    run = stack.finished()
    assert (run.outcome, run.totals["games"], run.totals["shards"]) == ("promoted", 8, 4)
    with stack.read() as tx:
        told = tx.conn.execute(text("SELECT kind FROM events ORDER BY seq")).scalars().all()
        games = tx.conn.execute(text("SELECT count(*), count(DISTINCT id) FROM games")).one()
        shards = tx.conn.execute(text("SELECT sum(games) FROM shards")).scalar()
        matches = tx.conn.execute(
            text("SELECT count(*), count(DISTINCT match_id || '/' || number) FROM match_games")
        ).one()
    assert [kind for kind in told if kind in EVENTS] == EVENTS
    assert tuple(games) == (8, 8)
    assert shards == 8
    assert matches[0] == matches[1] == run.totals["evaluation_games"]
    assert not list(stack.home.glob("**/.tmp-*"))
    return run


def test_chords_and_chain_reach_a_promotion(home):
    """Beat opens a run, the chords and the chain carry it to a promotion, nothing is left behind."""
    with SmallStack(home) as stack:
        run = check(stack)
        with stack.read() as tx:
            attempts = tx.conn.execute(text("SELECT max(attempt) FROM stages")).scalar()
            (home / "go").touch()
        assert attempts == 1
        assert run.iteration == 1
    assert not family(home)


def test_a_skipped_parity_gate_is_told(home):
    """The variable reaches the workers; the run goes on, and events and log keep the warning."""
    with SmallStack(home, RINGRIFT_SKIP_SHADOW_CONTRACTS="1") as stack:
        run = stack.finished()
        assert run.outcome == "promoted"
        with stack.read() as tx:
            told = tx.conn.execute(text("SELECT kind FROM events ORDER BY seq")).scalars().all()
        assert "PARITY_SKIPPED" in told
        assert "PARITY_CHECKED" not in told
        assert "parity gate skipped" in stack.log_of("cpu").read_text()


@pytest.mark.parametrize("stage", ["selfplay", "train", "evaluate"])
def test_worker_killed_in_the_middle(home, stage):
    """kill -9 of every gpu worker in the middle of a stage costs time, and not one game."""
    with SmallStack(home, RINGRIFT_TEST_HOLD=stage) as stack:
        holder = psutil.Process(stack.held())
        for name in [c.role.name for c in stack.children if c.role.name.startswith("gpu")]:
            stack.child(name).process.kill()
        holder.wait(20)
        stack.go()
        check(stack)


@pytest.mark.parametrize("stage", ["sync", "parity"])
def test_child_of_a_worker_killed(home, stage):
    """kill -9 of a prefork child in its task: its worker lives on, and the task is done again."""
    with SmallStack(home, RINGRIFT_TEST_HOLD=stage) as stack:
        child = psutil.Process(stack.held())
        assert child.ppid() == stack.child("cpu").process.pid
        child.kill()
        stack.go()
        check(stack)
        assert stack.child("cpu").restarts == 0


def test_everything_killed_and_started_again(home):
    """kill -9 of every process, broker included, in the middle of selfplay: the next start goes on."""
    stack = SmallStack(home, RINGRIFT_TEST_HOLD="selfplay")
    stack.start()
    stack.held()
    for process in family(home):
        process.kill()
    stack.stop()
    stack.go()
    with SmallStack(home) as again:
        check(again)


def test_stopped_in_order_and_started_again(home):
    """An orderly stop in the middle of a stage gives the work back: no failure, no half file."""
    with SmallStack(home, RINGRIFT_TEST_HOLD="evaluate") as stack:
        stack.held()
        client = client_of(stack.broker.url)

        def deliveries():
            return dict(client.zrange("unacked_index", 0, -1, withscores=True))

        before = deliveries()  # ticks are among them, which are done before they are renewed
        stack.until(
            lambda: any(score > before.get(tag, score) for tag, score in deliveries().items()),
            "the renewal of a delivery that is at work",
        )
    assert not family(home)
    assert not list(home.glob("**/.tmp-*"))
    with stack.read() as tx:
        running = tx.conn.execute(
            text("SELECT count(*) FROM stages WHERE state = 'running'")
        ).scalar()
        failures = tx.conn.execute(text("SELECT sum(failures) FROM stages")).scalar()
    assert (running, failures) == (0, 0)
    stack.go()
    with SmallStack(home) as again:
        check(again)


def test_broker_killed_in_the_middle(home):
    """kill -9 of the broker costs neither a game nor an event: it is started again with its file."""
    with SmallStack(home, RINGRIFT_TEST_HOLD="selfplay") as stack:
        stack.held()
        assert stack.broker is not None
        os.kill(stack.broker.pid, signal.SIGKILL)
        stack.go()
        check(stack)


def test_one_trace_through_workers(home):
    """With the variable set, logs of workers and events of a run carry run, shard, task and attempt.

    So do the spans that every worker sends, which are one trace.
    """
    with (
        collecting() as collector,
        SmallStack(home, RINGRIFT_TRACE_DEBUG="1", **collector.environ) as stack,
    ):
        run = check(stack)
        with stack.read() as tx:
            told = list_events(tx, run_id=run.id, limit=1000)
            tasks = {row.id[:12] for row in stages_of(tx, run.id)}
        assert {event.kind for event in told} >= set(EVENTS)
        for event in told:
            trace = event.payload["trace"]
            assert (trace["run"], trace["attempt"]) == (run.id[:12], 1)
            assert trace["task"] in tasks
        lines = stack.log_of("cpu").read_text().splitlines()
        ours = [line for line in lines if f"run='{run.id[:12]}'" in line]
        assert any("stage='export'" in line and "task='" in line for line in ours)
        with stack.read() as tx:
            units = {(row.stage, row.unit) for row in stages_of(tx, run.id)}
        stack.until(lambda: len(collector.spans) > len(units), "the spans of all units and the run")
        assert {span.trace_id.hex() for span in collector.spans} == {run.id[:32]}
        sent = [attributes(span) for span in collector.spans]
        assert {(one["stage"], one["unit"]) for one in sent if "stage" in one} == units
