"""Who may hand events to a subscriber, and which where they may be committed out of the order of their numbers."""

from ringrift.store import subscriptions
from ringrift.store.events import EventRow
from ringrift.store.ledger import Ledger
from ringrift.store.subscriptions import SETTLE_SECONDS, settled


def event(seq, at):
    """An event of this number, told in a transaction that began then."""
    return EventRow(seq, str(seq), "LOOP_DEFERRED", None, None, {}, at, None)


def test_an_older_event_behind_a_younger_one_waits_with_it():
    """Its number is greater: who had heard it would never be handed the younger one."""
    found = [event(9, 98.0), event(10, 100.0), event(11, 99.0)]
    assert [one.seq for one in settled(found, 99.5 + SETTLE_SECONDS)] == [9]
    assert settled(found, 100.0 + SETTLE_SECONDS) == found


def test_a_dead_holder_holds_no_longer_where_the_clock_was_set_back(ledger):
    """A day earlier somebody else has it at once, and not a day later; in its own time nobody."""
    now = [1e9]
    clocked = Ledger(ledger.engine, lambda _conn: now[0])

    def hold(holder):
        with clocked.write() as tx:
            return subscriptions.hold(tx, "hook", holder, seconds=60.0)

    with clocked.write() as tx:
        subscriptions.register(tx, ["hook"])
    assert hold("dies") is not None
    now[0] += 59
    assert hold("another") is None
    now[0] -= 86400
    assert hold("another") is not None
    assert hold("a third") is None
