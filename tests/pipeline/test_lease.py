"""The lease on a real broker; its clock is turned by hand."""

import threading

import pytest

from ringrift.broker.address import client_of
from ringrift.broker.embedded import EmbeddedBroker
from ringrift.pipeline.lease import MASTER, Lease, read_lease
from ringrift.store import events
from ringrift.store.ledger import Fence, StaleFence, newest_fence, open_ledger, take_fence

pytestmark = pytest.mark.processes


class Clock:
    """Seconds that pass when told to."""

    now = 1000.0

    def __call__(self):
        """Tell the time."""
        return self.now


@pytest.fixture
def ledger(tmp_path):
    """An empty ledger."""
    ledger = open_ledger(tmp_path, f"sqlite:///{tmp_path}/ringrift.db")
    yield ledger
    ledger.close()


def fence_in(ledger):
    """Return the newest fence that the ledger knows."""
    with ledger.read() as tx:
        return newest_fence(tx, MASTER)


def test_one_holder_and_growing_fence(client, ledger):
    """One owner at a time; each new owner's fence is greater, in Redis and in the ledger."""
    first, second = Lease(client, ledger), Lease(client, ledger)
    assert first.acquire()
    assert not second.acquire()
    assert (first.fence, second.fence) == (1, 0)
    held = read_lease(client)
    assert held is not None
    assert (held.owner, held.fence) == (first.owner, 1)
    first.release()
    assert read_lease(client) is None
    assert second.acquire()
    assert second.fence == 2 == fence_in(ledger)
    second.release()


def test_fence_survives_the_loss_of_redis(client, ledger):
    """After Redis has lost everything, the next fence is still above all that SQL has seen."""
    with ledger.write() as tx:
        take_fence(tx, MASTER, "long ago", at_least=40)
    lease = Lease(client, ledger)
    assert lease.acquire()
    assert lease.fence == 42
    client.flushall()
    other = Lease(client, ledger)
    assert other.acquire()
    assert other.fence == 43
    lease.release()
    assert read_lease(client).owner == other.owner
    other.release()


def test_fence_survives_the_loss_of_the_ledger(client, ledger, tmp_path):
    """With a new, empty ledger the next fence is still above all that Redis has seen."""
    client.set("ringrift:{lease:master}:fence", 17)
    lease = Lease(client, ledger)
    assert lease.acquire()
    assert lease.fence == 18 == fence_in(ledger)
    lease.release()


def test_a_sleeper_holds_nothing_and_may_not_write(client, ledger):
    """Beyond its life (as after SIGSTOP) it is not held, at once, and its fence writes nothing."""
    clock = Clock()
    lease = Lease(client, ledger, seconds=30.0, clock=clock)
    assert lease.acquire()
    stale = Fence(MASTER, lease.fence)
    clock.now += 29.0
    assert lease.held
    clock.now += 2.0
    assert not lease.held
    assert lease.fence == 0
    client.delete("ringrift:{lease:master}")  # as its expiry does
    other = Lease(client, ledger)
    assert other.acquire()
    with pytest.raises(StaleFence), ledger.write(stale):
        pass
    lease.release()
    other.release()


def test_who_slept_on_the_way_to_the_ledger_takes_no_number(client, ledger):
    """One that asked Redis, slept beyond the expiry and woke up leaves the new holder's fence the newest.

    It took the next number once, and all that the holder sent was refused for as long as it held.
    """
    other = Lease(client, ledger)

    class Slow:
        asleep = True

        def eval(self, *given):
            found = client.eval(*given)
            if self.asleep:
                self.asleep = False
                client.delete("ringrift:{lease:master}")  # as its expiry does
                assert other.acquire()
            return found

    slow = Lease(Slow(), ledger)
    assert not slow.acquire()
    assert other.held
    assert fence_in(ledger) == other.fence
    with ledger.write(Fence(MASTER, other.fence)):
        pass
    other.release()
    assert slow.acquire()
    slow.release()


def test_what_is_left_of_an_earlier_try_is_made_whole(client, ledger):
    """One that got no further than Redis, as the ledger was away, is held for its whole life at the next try.

    It was believed to be, and expired in Redis meanwhile.
    """
    key = "ringrift:{lease:master}"
    lease = Lease(client, ledger, seconds=30.0)
    client.hset(key, mapping={"owner": lease.owner, "fence": 0})
    client.pexpire(key, 2000)
    assert lease.acquire()
    assert client.pttl(key) > 25_000
    other = Lease(client, ledger, seconds=30.0)
    client.pexpire(key, 2000)
    assert not other.acquire()
    assert client.pttl(key) <= 2000
    lease.release()


def test_renewed_until_lost_then_says_so(client, ledger):
    """The thread renews; when somebody else's name stands there, it says so and holds nothing."""
    lost = threading.Event()
    lease = Lease(client, ledger, seconds=0.6, renew_seconds=0.15, on_lost=lost.set)
    assert lease.acquire()
    assert not lost.wait(1.8)  # three lives
    assert lease.held
    client.hset("ringrift:{lease:master}", "owner", "somebody else")
    assert lost.wait(10)
    assert not lease.held


def test_lost_with_the_broker(tmp_path, ledger):
    """When the broker is gone for longer than its life, the lease is lost and nothing raises."""
    lost = threading.Event()
    with EmbeddedBroker(tmp_path) as broker:
        lease = Lease(
            client_of(broker.url, retry=None),
            ledger,
            seconds=0.6,
            renew_seconds=0.15,
            on_lost=lost.set,
        )
        assert lease.acquire()
    assert lost.wait(20)
    assert not lease.held
    lease.release()


def told(ledger):
    """(kind, fence) of all events."""
    with ledger.read() as tx:
        return [(event.kind, event.payload["fence"]) for event in events.list_events(tx)]


def test_a_lease_tells_who_took_it_and_who_gave_it_back(client, ledger):
    """LEASE_TAKEN with the fence, LEASE_RELEASED only from who held it."""
    first, second = Lease(client, ledger), Lease(client, ledger)
    assert first.acquire()
    assert not second.acquire()
    second.release()
    first.release()
    assert second.acquire()
    second.release()
    assert told(ledger) == [
        ("LEASE_TAKEN", 1),
        ("LEASE_RELEASED", 1),
        ("LEASE_TAKEN", 2),
        ("LEASE_RELEASED", 2),
    ]


def test_a_lease_that_is_lost_is_told_unless_there_is_a_newer_holder(client, ledger):
    """What its loser writes carries its fence: a newer holder silences it."""
    lost = threading.Event()
    lease = Lease(client, ledger, renew_seconds=0.01, on_lost=lost.set)
    assert lease.acquire()
    client.flushall()
    assert lost.wait(10)
    lease.release()
    assert told(ledger) == [("LEASE_TAKEN", 1), ("LEASE_LOST", 1)]
    late = Lease(client, ledger, renew_seconds=3600)
    assert late.acquire()
    with ledger.write() as tx:
        take_fence(tx, MASTER, "another")
    late.release()
    assert told(ledger)[2:] == [("LEASE_TAKEN", 2)]
