"""The circuit breaker, as a value and as events."""

import itertools

import pytest

from ringrift.pipeline.breaker import CLOSED, HALF_OPEN, OPEN, Breaker, tell
from ringrift.store import events
from ringrift.store.ledger import open_ledger

#: Failures until it opens, seconds until it lets a try through.
MOST, RESET = 3, 100.0


def after(breaker, *failures):
    """Return it after failures, each at its time."""
    for now in failures:
        breaker = breaker.failed(f"at {now}", now, MOST, RESET)
    return breaker


def test_failures_in_a_row_open_it():
    """Fewer failures, or some with a success between, leave it closed; the last reason is kept."""
    assert after(Breaker(), 1, 2).state == CLOSED
    assert after(after(Breaker(), 1, 2).succeeded(), 3, 4).state == CLOSED
    opened = after(Breaker(), 1, 2, 3)
    assert (opened.state, opened.failures, opened.openings) == (OPEN, 3, 1)
    assert (opened.reason, opened.until) == ("at 3", 103.0)


def test_one_try_decides():
    """An open one lets one try through when its time is over: a failure opens it anew, a success closes it."""
    opened = after(Breaker(), 1, 2, 3)
    assert opened.due(102.9) == opened
    trying = opened.due(103.0)
    assert (trying.state, trying.tries, trying.until) == (HALF_OPEN, 1, None)
    assert trying.due(1e9) == trying
    again = after(trying, 110)
    assert (again.state, again.failures, again.openings, again.until) == (OPEN, 4, 2, 210.0)
    second = again.due(210.0)
    assert second.tries == 2
    assert second.succeeded() == Breaker(openings=2)


@pytest.mark.parametrize("breaker", [Breaker(), after(Breaker(), 1, 2, 3).due(200.0)])
def test_it_comes_back_from_json(breaker):
    """What the ledger holds is the breaker; another version's keys are passed over."""
    assert Breaker.from_dict({**breaker.as_dict(), "colour": "red"}) == breaker
    assert Breaker.from_dict(None) == Breaker()


def test_each_change_is_told_once(tmp_path):
    """Opening, half-opening and closing are events with their figures; a counted failure is none."""
    ledger = open_ledger(tmp_path)
    states = [Breaker(), after(Breaker(), 1)]
    states.append(after(states[-1], 2, 3))
    states.append(states[-1].due(103.0))
    states.append(after(states[-1], 110))
    states.append(states[-1].due(210.0))
    states.append(states[-1].succeeded())
    for _ in range(2):
        for before, now in itertools.pairwise(states):
            with ledger.write() as tx:
                tell(tx, "test", before, now)
    with ledger.read() as tx:
        told = [(event.kind, event.payload["opening"]) for event in events.list_events(tx)]
        first = events.list_events(tx)[0].payload
    assert told == [
        ("CIRCUIT_OPENED", 1),
        ("CIRCUIT_HALF_OPEN", 1),
        ("CIRCUIT_OPENED", 2),
        ("CIRCUIT_HALF_OPEN", 2),
        ("CIRCUIT_CLOSED", 2),
    ]
    assert (first["failures"], first["reason"], first["until"]) == (3, "at 3", 103.0)
    ledger.close()
