"""A loop asks for its hooks: where the broker is away it says so, and goes on trying."""

import pytest
from celery import Celery

from ringrift.cli.hook_calls import HookCalls
from ringrift.pipeline import events as tell
from ringrift.pipeline import hooks
from ringrift.pipeline.dispatcher import NotHandedOver
from ringrift.settings import home
from ringrift.store.ledger import Fence
from tests.pipeline import tiny


def test_without_a_broker_it_is_not_handed_over():
    """Nothing is sent while no event waits; then a broker that is away is what a loop knows how to bear."""
    sender = Celery("test", broker="redis://127.0.0.1:1/0", set_as_current=False)
    sender.conf.task_publish_retry = False
    ctx = tiny.context(home(), changes={"events__hooks": {"LEASE_TAKEN": ["true"]}})
    calls = HookCalls(sender)
    hooks.register(ctx)
    calls(ctx)
    with ctx.ledger.write() as tx:
        tell.lease_taken(tx, Fence("master", 1), "me")
    for _ in range(2):
        with pytest.raises(NotHandedOver, match="hooks could not be asked for"):
            calls(ctx)
    ctx.ledger.close()
