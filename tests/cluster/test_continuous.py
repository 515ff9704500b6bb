"""The continuous loop as a real process, with real workers and a real broker; small services."""

import math
import os
import signal
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from ringrift.store import events, loops, runs
from tests.cluster.conftest import QUICK, SmallStack, family

pytestmark = pytest.mark.processes

#: Looks for the master as often as the settings allow.
CONTINUOUS = QUICK.replace(
    "max_iterations: 1", "max_iterations: 0, iteration_cooldown_seconds: 0.0"
)
CONTINUOUS += "  deferral_check_seconds: 1.0\n"


class LoopStack(SmallStack):
    """Broker, workers and the continuous loop, and no beat unless a test starts it."""

    config = CONTINUOUS
    ringrift = (sys.executable, str(Path(__file__).with_name("small_ringrift.py")))

    def row(self):
        """Return what the loop says of itself."""
        with self.read() as tx:
            return loops.get_loop(tx, "continuous")

    def says_of_itself(self, state):
        """Wait until the loop is in a state."""
        return self.until(
            lambda: (row := self.row()) is not None and row.state == state and row, state
        )

    def promoted(self, number):
        """Wait until so many runs are closed; each of them is promoted."""

        def closed():
            with self.read() as tx:
                found = [run for run in runs.all_runs(tx) if run.state == runs.CLOSED]
            return found if len(found) >= number else None

        found = self.until(closed, f"{number} closed runs")
        assert {run.outcome for run in found} <= {runs.PROMOTED, runs.REJECTED}
        return found

    def told(self, *kinds):
        """Return the events of some kinds, oldest first."""
        with self.read() as tx:
            return events.list_events(tx, kinds=kinds, limit=1000)


def looped(home, **extra):
    """A stack whose clock is the continuous loop."""
    stack = LoopStack(home, **extra)
    stack.parts = type(stack.parts)(
        stack.parts.profile, workers=True, beat=False, continuous=True, flower=False
    )
    return stack


def test_it_carries_runs_to_promotions_through_kills(home):
    """Without any beat; killed, and its broker killed, in the middle of selfplay, no game is lost or counted twice."""
    with looped(home, RINGRIFT_TEST_HOLD="selfplay") as stack:
        stack.held()
        stack.child("continuous").process.kill()
        stack.until(lambda: stack.child("continuous").restarts, "its restart")
        os.kill(stack.broker.pid, signal.SIGKILL)
        stack.go()
        stack.promoted(2)
        with stack.read() as tx:
            games = tx.conn.execute(text("SELECT count(*), count(DISTINCT id) FROM games")).one()
            open_runs = tx.conn.execute(
                text(
                    "SELECT max(n) FROM (SELECT count(*) AS n FROM runs GROUP BY config, iteration)"
                )
            ).scalar()
        assert games[0] == games[1] >= 16
        assert open_runs == 1
    assert not family(home)
    assert stack.row().state == loops.STOPPED  # SIGTERM by the stack
    assert stack.told("LEASE_TAKEN")[-1].payload["lease"] == "continuous"


def test_it_defers_takes_over_and_yields(home):
    """It steps back while a beat is master, goes on with the master's run when that is killed, and yields to the next."""
    stack = looped(home, RINGRIFT_TEST_HOLD="train")
    stack.parts = type(stack.parts)(
        stack.parts.profile, workers=True, beat=True, continuous=True, flower=False
    )
    with stack:
        stack.held()  # whoever of the two opened the run
        deferred = stack.says_of_itself(loops.DEFERRED)
        assert "the master loop is at work" in deferred.reason
        beat = stack.child("beat")
        beat.due = math.inf  # nobody starts it again
        beat.process.kill()
        stack.says_of_itself(loops.RUNNING)
        with stack.read() as tx:
            (run,) = runs.open_runs(tx)
        stack.until(lambda: stack.row().details["run"] == run.id, "the run that the master opened")
        beat.due = 0.0
        stack.says_of_itself(loops.DEFERRED)
        stack.go()
        assert stack.promoted(1)[0].id == run.id
        kinds = [event.kind for event in stack.told("LOOP_DEFERRED", "LOOP_RESUMED")]
        assert kinds == ["LOOP_DEFERRED", "LOOP_RESUMED", "LOOP_DEFERRED"]
