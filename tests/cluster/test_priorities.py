"""Who gets the device next: a real worker, and the shards of two runs in its queue."""

import json
from dataclasses import replace

import pytest

from ringrift.cli.roles import Role
from ringrift.store.ledger import MASTER, open_ledger, take_fence
from ringrift.store.runs import open_runs
from ringrift.store.stages import stages_of
from tests.cluster.conftest import QUICK, SmallStack

pytestmark = pytest.mark.processes


class TwoRuns(SmallStack):
    """One device, two configs, and a queue that takes all their shards at once."""

    config = QUICK.replace(
        "loop: {configs: [hex8:2], max_iterations: 1}",
        "loop: {configs: [hex8:2, square8:2], max_iterations: 1, profile: minimal,\n"
        '       weights: {"square8:2": 4.0}, queue_seconds: 3600.0}',
    )


def shards(stack):
    """Return the shards of open runs, with their configs."""
    with stack.read() as tx:
        rows = [(run.config, row) for run in open_runs(tx) for row in stages_of(tx, run.id)]
    return [(config, row) for config, row in rows if row.stage == "selfplay"]


def test_shards_of_the_heavier_config_overtake_at_the_next_shard(home):
    """The lighter run came first and has its shard in hand; then all of the heavier go before its others."""
    with TwoRuns(home, RINGRIFT_TEST_HOLD="selfplay") as stack:
        stack.held()

        def sent():
            found = shards(stack)
            return len(found) == 8 and all(row.issued_at is not None for _, row in found)

        stack.until(sent, "all shards in the queue")
        units = {row.id for _, row in shards(stack)}
        stack.go()

        def claimed():
            with stack.read() as tx:
                rows = tx.conn.exec_driver_sql(
                    "SELECT config, stages.id, claimed_at FROM stages JOIN runs ON runs.id = run_id"
                    " WHERE claimed_at IS NOT NULL ORDER BY claimed_at"
                ).all()
            found = [config for config, unit, _ in rows if unit in units]
            return found if len(found) == 8 else None

        order = stack.until(claimed, "all shards played")
    first, rest = order[0], order[1:]
    heavy = 4 - (first == "square8:2")
    assert rest == ["square8:2"] * heavy + ["hex8:2"] * (7 - heavy)


class Beatless(SmallStack):
    """One device, a queue that takes one shard at a time, and nobody who looks."""

    config = QUICK.replace(
        "loop: {configs: [hex8:2], max_iterations: 1}",
        "loop: {configs: [hex8:2], profile: minimal, queue_seconds: 1.0}",
    )

    def __init__(self, home, **extra):
        super().__init__(home, **extra)
        self.parts = replace(self.parts, beat=False)

    def tick(self):
        """Let the control worker look once, for a master that is gone right after."""
        ledger = open_ledger(self.home)
        with ledger.write() as tx:
            fence = take_fence(tx, MASTER, "a test")
        ledger.close()
        once = ("call", "control.tick", "--kwargs", json.dumps({"fence": fence.number}))
        assert self._launch(Role("once", once)).wait(self.patience) == 0


def test_workers_go_on_though_nobody_looks(home):
    """One look opens a run and sends one shard; whoever has played one sends the next, to the end of the run."""
    with Beatless(home, RINGRIFT_TEST_HOLD="selfplay") as stack:
        stack.tick()
        stack.held()
        sent = [row.issued_at is not None for _, row in shards(stack)]
        assert sent == [True, False, False, False]
        stack.go()
        assert stack.finished().totals["games"] == 8
