"""The single loop finishes the backfill runs that a master left open, whichever way it drives runs."""

import pytest

from ringrift.errors import BadInput, NotReached
from ringrift.pipeline import single
from ringrift.pipeline.dispatcher import registered
from ringrift.pipeline.in_process import InProcess
from ringrift.pipeline.legacy import in_sequence
from ringrift.pipeline.runs import open_backfill
from ringrift.pipeline.single import SingleLoop, in_this_process, run_loop, through
from ringrift.store import games, loops, runs
from tests.models.history import context, play
from tests.pipeline import tiny
from tests.pipeline.tiny import HEX8

ONE = SingleLoop([HEX8], max_iterations=1)


@pytest.fixture
def ctx(tmp_path):
    """An iteration is closed, and two backfill runs are open."""
    made = context(tmp_path / "home", cluster__max_attempts=1)
    play(made)
    for number in (2, 3):
        assert open_backfill(made, HEX8, shards=1, number=number)
    yield made
    made.ledger.close()


def row(ctx, number):
    """A run as it is now."""
    with ctx.ledger.read() as tx:
        return next(run for run in runs.all_runs(tx) if run.iteration == number)


class AtOnce(InProcess):
    """A queue whose workers do everything at once; files of models are taken to no place."""

    def take_out(self, _config):
        """Nothing."""


def by_queue(ctx, run_id):
    """Drive a run through a queue that does everything at once."""
    queue = AtOnce(ctx)
    with registered(queue):
        return through(queue)(ctx, run_id)


@pytest.mark.parametrize("drive", [in_this_process(helpers=0), in_sequence, by_queue])
def test_what_is_left_open_comes_to_its_end_first(ctx, drive, monkeypatch):
    """Before the next iteration, which learns from its games; it is told as begun, and is no iteration that was closed."""
    monkeypatch.setattr(single, "LOOK_SECONDS", 0.0)
    opened = []
    (closed,) = run_loop(ctx, ONE, drive, opened.append)
    assert (closed.iteration, closed.outcome) == (4, runs.PROMOTED)
    assert [run.iteration for run in opened] == [2, 3, 4]
    for left in (row(ctx, 2), row(ctx, 3)):
        assert left.outcome == runs.COLLECTED
        assert left.closed_at < closed.opened_at
    with ctx.ledger.read() as tx:
        learned = {games.get_shard(tx, shard).run_id for shard in dataset(tx, closed).shards}
    assert {row(ctx, 2).id, row(ctx, 3).id, closed.id} <= learned


def dataset(tx, run):
    """The dataset of a run."""
    found = games.dataset_of(tx, run.id)
    assert found is not None
    return found


def test_an_open_iteration_waits_for_them_too(ctx):
    """An iteration that was interrupted goes on when what was opened beside it is done."""
    stopped = SingleLoop([HEX8], max_iterations=1, games=tiny.GAMES)
    asked = []

    def opened(run):
        if not run.backfill:
            asked.append(run)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_loop(ctx, stopped, in_sequence, opened)
    assert open_backfill(ctx, HEX8, shards=1, number=5)
    (closed,) = run_loop(ctx, ONE, in_sequence, lambda _run: None)
    assert closed.id == asked[0].id
    assert row(ctx, 5).closed_at <= closed.closed_at
    assert row(ctx, 5).outcome == runs.COLLECTED


def test_the_time_may_run_out_in_them(ctx):
    """That is said; they are kept, and the same command goes on with them."""
    with pytest.raises(NotReached, match="left open beside an iteration of hex8:2"):
        run_loop(ctx, SingleLoop([HEX8], seconds=0.0), in_sequence, lambda _run: None)
    assert row(ctx, 2).state == runs.OPEN
    (closed,) = run_loop(ctx, ONE, in_sequence, lambda _run: None)
    assert closed.iteration == 4
    assert row(ctx, 2).outcome == runs.COLLECTED


@pytest.mark.parametrize("error", [BadInput("a bad day"), RuntimeError("a bad day")])
def test_one_that_fails_is_no_failure_of_the_loop(ctx, error):
    """Raised at once as a matter of this console, or given up after its attempts: the iteration follows."""

    def play_shard(work, model, folder, progress):
        if work.run_id in left:
            raise error
        return tiny.play_shard(work, model, folder, progress)

    left = {row(ctx, 2).id, row(ctx, 3).id}
    ctx = ctx.with_(services=tiny.tiny(play_shard=play_shard))
    (closed,) = run_loop(ctx, ONE, in_sequence, lambda _run: None)
    assert (closed.iteration, closed.outcome) == (4, runs.PROMOTED)
    assert row(ctx, 2).outcome == (None if isinstance(error, BadInput) else runs.FAILED)


def test_the_row_of_the_loop_says_what_it_works_on(ctx):
    """A backfill run is called so."""
    said = []

    def opened(_run):
        with ctx.ledger.read() as tx:
            said.append(loops.get_loop(tx, "training-loop").reason)

    run_loop(ctx, ONE, in_sequence, opened)
    assert said == ["works on backfill run 2", "works on backfill run 3", "works on iteration 4"]
