"""Workers take up what was promoted: real services on real workers, two small iterations."""

import pytest

from ringrift.cli.stack import Stack
from ringrift.pipeline.cores import MOST_THREADS, usable_cores
from ringrift.rules.records import RecordReader
from ringrift.store import games, models, runs, stages
from ringrift.store.blobs import BlobStore
from tests.cluster.conftest import QUICK, SmallStack

pytestmark = pytest.mark.processes

#: Two iterations of seconds; no gate asks for anything, so the first one promotes what it trained.
PROMOTING = (
    QUICK.replace("max_iterations: 1", "max_iterations: 2")
    .replace(
        "selfplay: {first_games: 8, games_per_iteration: 8, games_per_shard: 2}",
        """
selfplay: {first_games: 32, games_per_iteration: 8, games_per_shard: 4, slots: 4, simulations: 4, fast_simulations: 2}
network: {hex8: {channels: 8, blocks: 1}}
search: {max_considered: 4}
data_ingestion: {replayed_games_per_shard: 0, parity_games: 0}
evaluation: {simulations: 2, games_per_task: 4, min_games: 4, max_games: 4, policy_lower_bound: 0.0,
  random_lower_bound: 0.0, start_lower_bound: 0.0, sprt_elo0: -400.0, sprt_elo1: -399.0}
""",
    )
    .replace(
        "training: {min_samples_to_trigger: 1}",
        "training: {min_samples_to_trigger: 1, batch_size: 64, sample_reuse: 1.0}",
    )
)


class PromotingStack(SmallStack):
    """The stack as `ringrift up` starts it, driven by the test."""

    program = Stack.program
    config = PROMOTING
    patience = 250.0  # kernels may have to be compiled first

    def second_run(self):
        """Return the second run if it is closed."""
        run = self.closed_run()
        return run if run is not None and run.iteration == 2 else None


def test_a_promoted_model_plays_without_a_restart(home):
    """After a promotion the same worker processes play the next shards with the new model; each record names its own."""
    with PromotingStack(home) as stack:
        stack.until(stack.second_run, "the end of the second run")
        with stack.read() as tx:
            first, second = runs.all_runs(tx)
            promoted = models.promotions_of(tx)[0]
            candidate = models.candidate_of(tx, first.id)
            shards = {run.id: games.shards_of(tx, run.id) for run in (first, second)}
            players = {
                run.id: {
                    row.owner.split(":")[1]
                    for row in stages.stages_of(tx, run.id)
                    if row.stage == "selfplay"
                }
                for run in (first, second)
            }
        workers = {
            str(child.process.pid): child.restarts
            for child in stack.children
            if child.role.name.startswith("gpu")
        }
    assert promoted.model == candidate.sha256 == second.start_model != first.start_model
    cores = min(usable_cores(), MOST_THREADS)
    assert candidate.metrics["threads"] == cores, "nobody else was at work while it was trained"
    assert set().union(*players.values()) <= set(workers), "shards are played by gpu workers"
    assert players[second.id], "somebody played the second run"
    assert not any(workers.values()), "none of them was started again"
    for run in (first, second):
        for shard in shards[run.id]:
            reader = RecordReader(BlobStore(home).path(shard.path))
            assert reader.spec["model_sha256"] == run.start_model
            assert {seat.model for game in reader for seat in game.seats} == {run.start_model}
