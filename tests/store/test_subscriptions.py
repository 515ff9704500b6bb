"""What may be handed to a subscriber where events may be committed out of the order of their numbers."""

from ringrift.store.events import EventRow
from ringrift.store.subscriptions import SETTLE_SECONDS, settled


def event(seq, at):
    """An event of this number, told in a transaction that began then."""
    return EventRow(seq, str(seq), "LOOP_DEFERRED", None, None, {}, at, None)


def test_an_older_event_behind_a_younger_one_waits_with_it():
    """Its number is greater: who had heard it would never be handed the younger one."""
    found = [event(9, 98.0), event(10, 100.0), event(11, 99.0)]
    assert [one.seq for one in settled(found, 99.5 + SETTLE_SECONDS)] == [9]
    assert settled(found, 100.0 + SETTLE_SECONDS) == found
