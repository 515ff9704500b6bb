"""The real services on real workers: one small run, killed in the middle of three stages."""

import os
import signal

import pytest
from sqlalchemy import text

from ringrift.cli.stack import Stack
from ringrift.store import stages
from ringrift.store.blobs import BlobStore
from ringrift.store.verify import verify
from tests.cluster.conftest import QUICK, SmallStack, family

pytestmark = pytest.mark.processes

#: A run of hex8:2 that learns nothing, with stages of some seconds each.
TINY = QUICK.replace(
    "selfplay: {first_games: 8, games_per_iteration: 8, games_per_shard: 2}",
    """
selfplay: {first_games: 1000, games_per_shard: 500, simulations: 8, fast_simulations: 4}
network: {hex8: {channels: 16, blocks: 2}}
search: {max_considered: 4}
data_ingestion: {replayed_games_per_shard: 0}
evaluation: {simulations: 8, games_per_task: 40, min_games: 40, max_games: 40}
""",
).replace(
    "training: {min_samples_to_trigger: 1}",
    "training: {min_samples_to_trigger: 1, batch_size: 128, sample_reuse: 1.0, checkpoint_seconds: 1.0}",
)


class TinyStack(SmallStack):
    """The stack as `ringrift up` starts it, driven by the test."""

    program = Stack.program
    config = TINY
    patience = 250.0  # kernels may have to be compiled first

    def at_work(self, stage):
        """Return the row of a unit that has reported how far it is, None if there is none."""
        with self.read() as tx:
            query = text("SELECT run_id FROM stages WHERE stage = :s AND state = 'running'")
            run = tx.conn.execute(query, {"s": stage}).scalar()
            rows = [] if run is None else stages.stages_of(tx, run)
        return next(
            (r for r in rows if r.stage == stage and r.state == stages.RUNNING and r.progress), None
        )


def test_a_real_run_survives_kills_in_every_long_stage(home):
    """kill -9 of the worker in the middle of selfplay, training and evaluation: all counts agree."""
    with TinyStack(home) as stack:
        for stage in ("selfplay", "train", "evaluate"):
            row = stack.until(lambda stage=stage: stack.at_work(stage), f"work on {stage}")
            os.kill(int(row.owner.split(":")[1]), signal.SIGKILL)
        run = stack.finished()
        assert run.outcome in {"promoted", "rejected"}, run.reason
        assert run.totals["games"] == 1000
        with stack.read() as tx:
            again = dict(
                tx.conn.execute(text("SELECT stage, max(attempt) FROM stages GROUP BY stage")).all()
            )
            games = tx.conn.execute(text("SELECT count(DISTINCT id) FROM games")).scalar()
            shards = tx.conn.execute(text("SELECT sum(games) FROM shards")).scalar()
        assert games == shards == 1000
        assert all(again[stage] >= 2 for stage in ("selfplay", "train", "evaluate")), again
        assert verify(stack.ledger, BlobStore(home)) == []
    assert not family(home)
    BlobStore(home).sweep()  # as the next start does
    assert not list(home.glob("**/.tmp-*"))
