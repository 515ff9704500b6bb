"""The master's relay and loops ask for hooks: a busy worker loses none, and a broker that is away is said."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from celery import Celery

from ringrift.pipeline import events as tell
from ringrift.pipeline import hooks
from ringrift.pipeline.dispatcher import NotHandedOver
from ringrift.settings import home
from ringrift.store.ledger import Fence
from tests.pipeline import tiny
from workers.hook_calls import HookCalls


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


@pytest.mark.processes
def test_a_call_for_a_new_event_outlives_a_long_export(url, client, celery_app):
    """It waits in the queue for as long as the cpu worker is busy; within a tick there is no second one."""
    # The app keeps the connections that it made first, to whatever broker that was.
    sender = Celery("test", broker=url, set_as_current=False)
    sender.conf.task_routes = celery_app.conf.task_routes
    ctx = tiny.context(home(), changes={"events__hooks": {"LEASE_TAKEN": ["true"]}})
    calls = HookCalls(sender)
    hooks.register(ctx)
    with ctx.ledger.write() as tx:
        tell.lease_taken(tx, Fence("master", 1), "me")
    calls(ctx)
    calls(ctx)
    ctx.ledger.close()
    sender.close()
    (letter,) = client.lrange("cpu", 0, -1)
    expires = datetime.fromisoformat(json.loads(letter)["headers"]["expires"])
    assert expires > datetime.now(UTC) + timedelta(minutes=30)
