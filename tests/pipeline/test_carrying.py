"""How the continuous loop brings runs forward through workers."""

from dataclasses import dataclass, field

from ringrift.pipeline.carrying import by_workers
from ringrift.pipeline.dispatcher import registered
from ringrift.pipeline.runs import open_or_resume
from ringrift.store import runs
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
