"""The wall clock is set back while runs are open: nothing waits until the old times come again."""

import pytest

from ringrift.pipeline import owner
from ringrift.pipeline.breaker import HALF_OPEN, OPEN, Breaker
from ringrift.pipeline.dispatcher import REISSUE_SECONDS
from ringrift.pipeline.orchestrator import advance
from ringrift.pipeline.runs import open_or_resume
from ringrift.store import models, stages
from ringrift.store.ledger import Ledger
from tests.pipeline.test_master import Noted
from tests.pipeline.tiny import HEX8, context

DAY = 86400.0


class Clock:
    """The time of the ledger, turned by hand."""

    now = 1e9

    def __call__(self, _conn):
        """Tell it."""
        return self.now


@pytest.fixture
def clock():
    """The ledger's clock."""
    return Clock()


@pytest.fixture
def ctx(tmp_path, clock):
    """A state directory on that clock."""
    made = context(tmp_path)
    yield made.with_(ledger=Ledger(made.ledger.engine, clock))
    made.ledger.close()


def issued(ctx, run):
    """Units that are handed over now."""
    noted = Noted()
    advance(ctx.ledger, run.id, noted)
    return [unit for issue in noted.issues for unit in issue.units]


def test_what_was_lost_is_sent_again_in_its_usual_time(ctx, clock):
    """A unit whose message was lost, and one whose worker died on another machine; one at work is left alone."""
    run = open_or_resume(ctx, HEX8)
    lost, died, lives = issued(ctx, run)
    claims = [
        stages.claim_stage(
            ctx.ledger, run.id, "selfplay", unit, owner="elsewhere:1:1", lease_seconds=60.0
        )
        for unit in (died, lives)
    ]
    clock.now -= DAY
    assert issued(ctx, run) == []
    clock.now += 59
    stages.heartbeat(ctx.ledger, claims[1])
    assert issued(ctx, run) == []
    clock.now += 2
    assert issued(ctx, run) == [died]
    clock.now += REISSUE_SECONDS - 61
    stages.heartbeat(ctx.ledger, claims[1])
    assert issued(ctx, run) == [lost]
    stages.complete_stage(ctx.ledger, claims[1], {})


def test_a_circuit_is_not_open_for_longer():
    """An opening that has more time left than one ever has is over."""
    opened = Breaker().failed("no disk", 1e9, 1, 600.0)
    assert opened.state == OPEN
    assert opened.due(1e9 + 599, 600.0) == opened
    assert opened.due(1e9 - DAY, 600.0).state == HALF_OPEN


def test_the_last_model_is_the_newest(ctx, clock):
    """Selfplay goes on with what was trained last, though its time is an earlier one."""
    for name in "abc":
        with ctx.ledger.write() as tx:
            models.register_model(
                tx,
                sha256=name * 64,
                config="hex8:2",
                kind=models.IMPORTED,
                path=name,
                size=1,
                accepted=True,
            )
            assert models.newest_accepted(tx, "hex8:2").sha256 == name * 64
        clock.now -= DAY
    with ctx.ledger.read() as tx:
        assert [row.sha256[0] for row in models.models_of(tx, "hex8:2")] == ["a", "b", "c"]


def test_a_dead_owner_elsewhere_is_not_known_to_be_dead():
    """The claims above are those of another machine: only their time tells."""
    assert not owner.is_dead("elsewhere:1:1")
