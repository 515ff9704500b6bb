"""The relay and handlers that fail: what is told again, and what holds nobody up."""

import pytest

from ringrift.errors import BadInput
from ringrift.pipeline import events as tell
from ringrift.pipeline.event_router import Router, relay
from ringrift.pipeline.events import Kind
from ringrift.store.ledger import Fence
from tests.pipeline import tiny


@pytest.fixture
def ctx(tmp_path):
    """A state directory with three events."""
    made = tiny.context(tmp_path)
    for number in (1, 2, 3):
        with made.ledger.write() as tx:
            tell.lease_taken(tx, Fence("master", number), "me")
    yield made
    made.ledger.close()


def told(ctx, error):
    """Numbers of the events that a handler heard which fails at the second; how many were published."""
    heard = []

    def handler(_ledger, event):
        if event.seq == 2:
            raise error
        heard.append(event.seq)

    router = Router()
    router.subscribe(Kind.LEASE_TAKEN, handler)
    return heard, relay(ctx.ledger, router)


def test_what_may_go_better_the_next_time_is_told_again(ctx):
    """With the broker away the event, and those after it, wait in their order."""
    assert told(ctx, BadInput("no broker")) == ([1], 1)
    assert told(ctx, OSError("no broker")) == ([], 0)


def test_a_handler_that_breaks_holds_no_other_event_up(ctx):
    """It would break at the next time, too; the events after it are told, and none twice."""
    assert told(ctx, KeyError("a defect")) == ([1, 3], 3)
    assert told(ctx, KeyError("a defect")) == ([], 0)
