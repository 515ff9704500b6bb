"""How the continuous loop brings runs forward through workers."""

from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa

from ringrift.configs import Config
from ringrift.errors import RingRiftError
from ringrift.pipeline import nodes
from ringrift.pipeline.carrying import NotBroughtForward, by_workers
from ringrift.pipeline.dispatcher import NotHandedOver, registered
from ringrift.pipeline.reconciler import reconcile
from ringrift.pipeline.runs import open_or_resume
from ringrift.store import events, runs
from tests.pipeline import tiny
from tests.pipeline.test_master import Noted


@dataclass
class Queue(Noted):
    """A dispatcher that notes what it is to do, and whose models it is to take out."""

    taken: list[str] = field(default_factory=list)

    def take_out(self, config):
        """Note it."""
        self.taken.append(config)


def test_files_of_models_are_seen_to_though_a_run_ends_between_two_calls(tmp_path):
    """Workers close runs; the next call, for whatever is open by then, does what no beat does here. Once.

    Files are taken out by a worker: a place that hangs is none of the loop's.
    """
    place = tmp_path / "place"
    ctx = tiny.context(tmp_path / "home", changes={"models__distribute_to": (str(place),)})
    run, queue = open_or_resume(ctx, tiny.HEX8), Queue()
    carry = by_workers(queue, lambda _ctx: None)
    with registered(queue):
        carry(ctx, [run.id])
        assert queue.taken == []
        with ctx.ledger.write() as tx:
            runs.close_run(tx, run.id, runs.FAILED, "as if by a worker")
        carry(ctx, [])
        assert queue.taken == ["hex8:2"]
        carry(ctx, [])
    assert queue.taken == ["hex8:2"]
    assert not place.exists()


@pytest.fixture
def two(tmp_path):
    """Two open runs."""
    ctx = tiny.context(tmp_path)
    yield ctx, [open_or_resume(ctx, Config("hex8", players)).id for players in (2, 3)]
    ctx.ledger.close()


def spoil(ctx, run_id):
    """Put something into a run's rows that no program of ours writes."""
    with ctx.ledger.write() as tx:
        tx.conn.execute(
            sa.text("UPDATE stages SET spec = '{' WHERE run_id = :run"), {"run": run_id}
        )


def handed(queue):
    """Runs whose work was handed over."""
    return {issue.run_id for issue in queue.issues}


@pytest.mark.parametrize("mine", [True, False])
def test_a_run_that_cannot_be_brought_forward_does_not_keep_the_others(two, mine):
    """It is an error of the step only where the turn is its own, so that the circuit breaker counts it then."""
    (ctx, (first, second)), queue = two, Queue()
    spoil(ctx, first if mine else second)
    carry = by_workers(queue, lambda _ctx: None)
    with registered(queue):
        if mine:
            with pytest.raises(NotBroughtForward):
                carry(ctx, [first, second])
        else:
            carry(ctx, [first, second])
    assert handed(queue) == {second if mine else first}


@pytest.mark.parametrize("error", [OSError("no way"), RingRiftError("no way")])
def test_a_run_that_cannot_be_handed_over_does_not_keep_the_others(two, error):
    """That is no failure of the run, and tried again."""
    ctx, (first, second) = two

    class Picky(Queue):
        def dispatch(self, issue):
            if issue.run_id == first:
                raise error
            super().dispatch(issue)

    queue = Picky()
    with registered(queue), pytest.raises(NotHandedOver, match="no way"):
        by_workers(queue, lambda _ctx: None)(ctx, [first, second])
    assert handed(queue) == {second}


def test_the_reconciler_goes_on_to_the_others_too(two):
    """As the loop does; nothing but another master ends its pass."""
    (ctx, (first, second)), queue = two, Queue()
    spoil(ctx, first)
    reconcile(ctx, queue)
    assert handed(queue) == {second}


def test_a_worker_that_is_silent_is_told_though_there_is_no_master(two):
    """The loop looks after the workers as the reconciler does, once."""
    (ctx, open_runs), queue = two, Queue()
    with ctx.ledger.write() as tx:
        nodes.came(tx, nodes.Node("gpu1@away", "away:1", 1.0, ("gpu",), 1), 0.0)
    with registered(queue):
        for _ in range(2):
            by_workers(queue, lambda _ctx: None)(ctx, open_runs)
    with ctx.ledger.read() as tx:
        (down,) = events.all_of(tx, "NODE_DOWN")
    assert (down.payload["node"], down.payload["reason"]) == ("gpu1@away", nodes.SILENT)
