"""What a status learns from the broker, on a real one: there, priorities and all; gone; and deaf."""

import os
import signal

import pytest
from kombu import Connection, Exchange, Queue
from kombu.transport.redis import Channel

from ringrift.broker.address import client_of
from ringrift.broker.embedded import EmbeddedBroker
from ringrift.celery_look import lists_of, look
from ringrift.pipeline.lease import Lease
from ringrift.settings import home
from ringrift.store.ledger import open_ledger

pytestmark = pytest.mark.processes


@pytest.fixture
def broker():
    """The embedded broker of the test's state directory."""
    home().mkdir(parents=True)
    with EmbeddedBroker(home()) as started:
        yield started


def test_the_lists_are_those_of_kombu():
    """A queue's priorities are the lists that kombu keeps them as."""
    with Connection("redis://127.0.0.1:1/0") as connection:
        channel = Channel.__new__(Channel)  # of no connection: only its names are asked
        assert lists_of("gpu") == [channel._q_for_pri("gpu", one) for one in Channel.priority_steps]
        assert connection.transport.driver_type == "redis"


def test_it_tells_who_holds_the_lease_and_what_waits(broker):
    """Messages of every priority count; the holder and its fence are those of the lease."""
    with Connection(broker.url) as connection:
        gpu = Queue("gpu", Exchange("gpu"), routing_key="gpu")
        producer = connection.Producer()
        for priority in (0, 3, 6, 6, 9):
            producer.publish(
                {}, routing_key="gpu", exchange="gpu", declare=[gpu], priority=priority
            )
    ledger = open_ledger(home())
    lease = Lease(client_of(broker.url), ledger)
    assert lease.acquire()
    found = look(home())
    assert found.answers
    assert dict(found.waiting) == {"gpu": 5, "cpu": 0, "control": 0}
    assert found.leases["master"].owner == lease.owner
    assert "***" in found.said  # where it is, not its password
    lease.release()
    assert look(home()).leases == {}
    ledger.close()


def test_a_broker_that_is_gone_or_deaf_is_said_and_does_not_hang(broker, monkeypatch):
    """Killed by -9, and stopped in its tracks: the look comes back and says why; without one it names the way to one."""
    os.kill(broker.pid, signal.SIGSTOP)
    found = look(home())
    assert not found.answers
    assert found.expected
    assert f"process {os.getpid()}, which runs it" in found.said
    os.kill(broker.pid, signal.SIGKILL)
    assert not look(home()).answers
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://127.0.0.1:1/0")
    found = look(home())
    assert (found.answers, found.expected) == (False, True)
    monkeypatch.delenv("CELERY_BROKER_URL")
    broker.stop()
    found = look(home())
    assert (found.answers, found.expected) == (False, False)
    assert "ringrift up" in found.said
