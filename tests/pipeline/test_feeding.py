"""Shards on their way to a queue: a real ledger, and a queue that notes what it is sent."""

from dataclasses import dataclass, field

import pytest

from ringrift.configs import Config
from ringrift.pipeline import master
from ringrift.pipeline.dispatcher import Issue, NotHandedOver
from ringrift.pipeline.feeding import feed
from ringrift.pipeline.orchestrator import advance
from ringrift.pipeline.reconciler import reconcile
from ringrift.pipeline.runs import open_or_resume
from ringrift.pipeline.stages import run_stage
from ringrift.settings import Settings
from ringrift.store import runs, stages
from tests.pipeline import tiny

#: Ten shards of four games; three of them (at 20 s, while nobody knows better) are enough for a queue.
TEN = {
    "selfplay__first_games": 40,
    "selfplay__games_per_shard": 4,
    "loop__configs": ["hex8:2", "square8:3"],
    "loop__queue_seconds": 60.0,
}


@dataclass
class Queue:
    """A dispatcher whose queue is kept short."""

    filling: Settings
    sent: list[Issue] = field(default_factory=list)
    away: bool = False

    def dispatch(self, issue):
        """Take it, if the broker is there."""
        if self.away:
            raise ConnectionError("the broker is away")
        self.sent.append(issue)

    @property
    def units(self):
        """Units that it was sent."""
        return [unit for issue in self.sent for unit in issue.units]


@pytest.fixture
def ctx(tmp_path):
    """A state directory."""
    return tiny.context(tmp_path, changes=TEN)


def rows(ctx, run, state=None):
    """Shards of a run."""
    with ctx.ledger.read() as tx:
        return [row for row in stages.stages_of(tx, run.id, state) if row.stage == "selfplay"]


def test_a_run_is_sent_some_shards_at_a_time(ctx):
    """Neither by a tick, nor by an event, nor by the reconciler is the queue made longer; what follows comes last."""
    run, queue = open_or_resume(ctx, tiny.HEX8), Queue(ctx.settings)
    advance(ctx.ledger, run.id, queue)
    assert len(queue.units) == 3
    advance(ctx.ledger, run.id, queue)
    reconcile(ctx, queue)
    assert len(queue.units) == 3
    assert not queue.sent[0].last
    while len(queue.units) < 10:
        unit = queue.units[-1]
        run_stage(ctx, run.id, "selfplay", unit)
        advance(ctx.ledger, run.id, queue)
        assert queue.units[-1] != unit
    assert len(set(queue.units)) == 10
    assert [issue.last for issue in queue.sent if issue.stage == "selfplay"][-1]


def test_the_runs_of_a_tick_share_the_queue(ctx):
    """Two configs of the same weight are sent shards in turn; the second look sends nothing."""
    queue = Queue(ctx.settings)
    master.tick(ctx, queue)
    master.tick(ctx, queue)
    assert sorted(len(issue.units) for issue in queue.sent) == [1, 2]
    assert len({issue.run_id for issue in queue.sent}) == 2


def test_two_that_look_at_once_send_no_shard_twice(ctx):
    """Each shard is marked in the transaction that chose it."""
    run = open_or_resume(ctx, tiny.HEX8)
    one, two = Queue(ctx.settings), Queue(ctx.settings)
    feed(ctx.ledger, one)
    feed(ctx.ledger, two)
    assert len(one.units) == 3
    assert two.units == []
    assert sum(row.issued_at is not None for row in rows(ctx, run)) == 3


def test_what_the_broker_did_not_take_is_due_again(ctx):
    """It is said, nothing stays marked, and the same shards go when the broker is back."""
    run, queue = open_or_resume(ctx, tiny.HEX8), Queue(ctx.settings, away=True)
    open_or_resume(ctx, Config("square8", 3))
    with pytest.raises(NotHandedOver, match="the broker is away"):
        feed(ctx.ledger, queue)
    assert all(row.issued_at is None for row in rows(ctx, run))
    queue.away = False
    feed(ctx.ledger, queue)
    assert len(queue.units) == 3


def test_lost_shards_are_sent_again(ctx):
    """What was sent so long ago and claimed by nobody makes room, and goes first."""
    run, queue = open_or_resume(ctx, tiny.HEX8), Queue(ctx.settings)
    feed(ctx.ledger, queue)
    first = set(queue.units)
    feed(ctx.ledger, queue, reissue_seconds=-1.0)
    assert set(queue.units[3:6]) == first
    assert run.id == queue.sent[-1].run_id


def test_silent_claims_are_issued_whatever_the_queue_holds(ctx):
    """A shard whose worker is gone is nobody's turn: it was sent before. Once, though nobody takes it."""
    run, queue = open_or_resume(ctx, tiny.HEX8), Queue(ctx.settings)
    feed(ctx.ledger, queue)
    held = stages.claim_stage(
        ctx.ledger, run.id, "selfplay", queue.units[0], owner="elsewhere:1:x", lease_seconds=-1.0
    )
    feed(ctx.ledger, queue)  # the claimed one made room for another
    before = len(queue.units)
    advance(ctx.ledger, run.id, queue)
    advance(ctx.ledger, run.id, queue)
    reconcile(ctx, queue)
    assert queue.units[before:] == [held.unit]


def test_messages_carry_the_priority_of_their_run(tmp_path):
    """A run of a config above the mean weight is opened with the earlier one, and its issues have it."""
    heavy = {**TEN, "loop__weights": {"square8:3": 4.0}}
    ctx = tiny.context(tmp_path, changes=heavy)
    queue = Queue(ctx.settings)
    master.tick(ctx, queue)
    with ctx.ledger.read() as tx:
        opened = {run.id: run for run in runs.all_runs(tx)}
    assert {run.config: run.priority for run in opened.values()} == {"hex8:2": 6, "square8:3": 3}
    for issue in queue.sent:
        assert issue.priority == opened[issue.run_id].priority
