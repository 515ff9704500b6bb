"""Workers that are asked to end while they work."""

import signal

import pytest

from ringrift.store import stages
from tests.cluster.conftest import SmallStack
from tests.cluster.test_loop import check

pytestmark = pytest.mark.processes


def test_a_child_gives_its_work_back_when_its_worker_ends(home):
    """The cpu worker's tasks are children, whom nobody tells: a stop in the middle of one is no failure of it."""
    with SmallStack(home, RINGRIFT_TEST_HOLD="parity") as stack:
        stack.held()
        worker = stack.child("cpu").process
        worker.send_signal(signal.SIGTERM)
        worker.wait(20)
        stack.go()
        check(stack)
        with stack.read() as tx:
            rows = stages.stages_of(tx, stack.closed_run().id)
    [row] = [row for row in rows if row.stage == "parity"]
    assert (row.attempt, row.failures) == (2, 0)
