"""Poison in the queues of real workers."""

import json

import pytest

from ringrift.broker.address import client_of
from ringrift.pipeline.queues import QUEUES
from ringrift.store import dead_letters
from ringrift.store.events import list_events
from tests.cluster.conftest import SmallStack

pytestmark = pytest.mark.processes

#: What somebody may put into a queue, and a word of what is said of it.
POISON = {
    b"\x80\x04\x95 pickled": "is no JSON",
    b"{}": "it has no headers",
    json.dumps(
        {
            "body": "W1tdLCB7fSwgbnVsbF0=",  # [[], {}, null]
            "content-type": "application/json",
            "content-encoding": "utf-8",
            "headers": {"task": "gpu.no_such_task", "id": "1"},
            "properties": {
                "delivery_tag": "2",
                "delivery_info": {"exchange": "", "routing_key": "gpu"},
                "body_encoding": "base64",
            },
        }
    ).encode(): "unknown task",
}


class Maintained(SmallStack):
    """The stack, with its queues looked through each second."""

    config = SmallStack.config.replace("cluster:\n", "cluster:\n  maintain_interval_seconds: 1.0\n")


def test_poison_kills_no_worker(home):
    """Rubbish in every queue: each message becomes a dead letter, no worker ends, the run is promoted."""
    with Maintained(home, RINGRIFT_TEST_HOLD="selfplay") as stack:
        stack.held()
        client = client_of(stack.broker.url)
        for queue in QUEUES:
            for raw in POISON:
                client.rpush(queue, raw)  # in front of everything
        stack.go()
        run = stack.finished()

        def kept():
            with stack.read() as tx:
                return dead_letters.newest(tx) if dead_letters.count(tx) >= len(POISON) else []

        letters = stack.until(kept, "the dead letters")
        with stack.read() as tx:
            told = list_events(tx, kind="MESSAGE_SET_ASIDE")
            wrong = list_events(tx, kinds=("TASKS_LOST", "TASK_STUCK", "MESSAGES_GIVEN_BACK"))
        assert run.outcome == "promoted"
        assert wrong == []  # good work is left alone
        assert {child.role.name: child.restarts for child in stack.children if child.restarts} == {}
        # The same bytes in three queues are one letter.
        assert len(letters) == len(told) == len(POISON)
        for raw, word in POISON.items():
            assert any(word in one.reason for one in letters), (raw, letters)
        assert client.keys("ringrift.aside") == []
