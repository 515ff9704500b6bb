"""What is told of no stage: told once, whoever tells it and however often."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from ringrift.events.payloads import PAYLOADS, RegressionDetected
from ringrift.pipeline import capacity, nodes
from ringrift.pipeline import events as tell
from ringrift.pipeline.events import Kind
from ringrift.pipeline.nodes import Node
from ringrift.pipeline.owner import is_dead
from ringrift.store import events
from ringrift.store.ledger import Fence, Ledger, open_ledger

WEAKER = RegressionDetected(
    config="hex8:2", model="a", against="b", match="m", games=100, low=0.2, high=0.4
)

#: Kind -> telling it, once with what happened and once with the next time that it happens.
TOLD = {
    Kind.LEASE_TAKEN: lambda tx, n: tell.lease_taken(tx, Fence("master", n), "me"),
    Kind.LEASE_RELEASED: lambda tx, n: tell.lease_released(tx, Fence("master", n), "me"),
    Kind.LEASE_LOST: lambda tx, n: tell.lease_lost(tx, Fence("master", n), "me"),
    Kind.LOOP_DEFERRED: lambda tx, n: tell.loop_deferred(tx, "continuous", "me", float(n), 3),
    Kind.LOOP_RESUMED: lambda tx, n: tell.loop_resumed(tx, "continuous", "me", float(n), 3, "gone"),
    Kind.CIRCUIT_OPENED: lambda tx, n: tell.circuit_opened(tx, "continuous", n, 5, "no luck", 9.0),
    Kind.CIRCUIT_HALF_OPEN: lambda tx, n: tell.circuit_half_open(tx, "continuous", 1, n),
    Kind.CIRCUIT_CLOSED: lambda tx, n: tell.circuit_closed(tx, "continuous", n),
    Kind.MODEL_ROLLED_BACK: lambda tx, n: tell.model_rolled_back(
        tx, None, "hex8:2", f"model{n}", "before", "weaker"
    ),
    Kind.REGRESSION_DETECTED: lambda tx, n: tell.regression_detected(
        tx, replace(WEAKER, match=f"m{n}")
    ),
}


@pytest.fixture
def ledger(tmp_path):
    """An empty ledger."""
    opened = open_ledger(tmp_path)
    yield opened
    opened.close()


@pytest.mark.parametrize("kind", TOLD)
def test_the_same_is_told_once_and_the_next_time_is_another(ledger, kind):
    """Ids follow from what happened; nothing of it needs a run."""
    with ledger.write() as tx:
        assert TOLD[kind](tx, 1)
        assert not TOLD[kind](tx, 1)
        assert TOLD[kind](tx, 2)
        found = events.list_events(tx)
    assert [event.kind for event in found] == [kind, kind]
    assert all(event.run_id is None and event.fault is None for event in found)


def test_what_nothing_tells_yet_says_so(ledger):
    """A kind's text says that no loop tells it exactly as long as none does."""
    root = Path(__file__).parents[2]
    own = {"events.py", "payloads.py", "kinds.py"}
    files = [*(root / "ringrift").rglob("*.py"), *(root / "workers").rglob("*.py")]
    code = "\n".join(f.read_text() for f in files if f.name not in own)
    for kind in TOLD:
        name = kind.value.lower()
        used = re.search(rf"\b{name}\b", code) is not None
        says = " yet" in PAYLOADS[kind].__doc__ and " will." in PAYLOADS[kind].__doc__
        assert used != says, f"{kind}: told is {used}"


def node(name="gpu1@here", started=1.0, process="here:1", slots=1):
    """A worker of the gpu queue."""
    return Node(name, process, started, ("gpu",), slots)


def told(ledger):
    """(kind, node, what) of all events."""
    with ledger.read() as tx:
        return [
            (e.kind, e.payload["node"], e.payload.get("reason", e.payload.get("before")))
            for e in events.list_events(tx)
        ]


def test_a_worker_comes_and_goes_once_each_with_the_capacity_it_changes(ledger):
    """Telling it twice changes nothing; slots are counted over all workers of the queue."""
    with ledger.write() as tx:
        assert nodes.came(tx, node(), 60.0)
        assert not nodes.came(tx, node(), 60.0)
        assert nodes.came(tx, node("gpu2@here", slots=2), 60.0)
        assert list(nodes.up(tx)) == ["gpu1@here", "gpu2@here"]
        assert nodes.went(tx, node(), nodes.STOPPED)
        assert not nodes.went(tx, node(), nodes.STOPPED)
        assert nodes.slots_of(list(nodes.up(tx).values()), "gpu") == 2
    assert told(ledger) == [
        ("NODE_UP", "gpu1@here", None),
        ("CAPACITY_CHANGED", "gpu1@here", 0),
        ("NODE_UP", "gpu2@here", None),
        ("CAPACITY_CHANGED", "gpu2@here", 1),
        ("NODE_DOWN", "gpu1@here", "stopped"),
        ("CAPACITY_CHANGED", "gpu1@here", 3),
    ]


def test_a_killed_worker_is_told_by_its_next_start_or_by_the_sweep(ledger):
    """It cannot say it itself; and what an outdated start says is refused."""
    with ledger.write() as tx:
        nodes.came(tx, node(started=1.0), 60.0)
        nodes.came(tx, node(started=2.0, process="here:2"), 60.0)
        assert not nodes.went(tx, node(started=1.0), nodes.STOPPED)
        assert nodes.sweep(tx, lambda process: process == "here:1") == []
        assert nodes.sweep(tx, lambda process: process == "here:2") == ["gpu1@here"]
        assert nodes.up(tx) == {}
    downs = [what for kind, _, what in told(ledger) if kind == "NODE_DOWN"]
    assert downs == ["replaced", "died"]


def slots_at(ledger, now):
    """Slots of the gpu queue that scheduling counts at a moment."""
    with Ledger(ledger.engine, clock=lambda _conn: now).read() as tx:
        return capacity.capacities(tx)["gpu"].slots


def test_a_machine_that_says_nothing_counts_no_more_and_again_when_it_is_heard(ledger):
    """Nobody knows its process: it is down after its silence, told once, and up again with its next sign."""
    away = node("gpu1@away", process="away:1", slots=2)

    def at(now, do):
        with Ledger(ledger.engine, clock=lambda _conn: now).write() as tx:
            return do(tx)

    def sign(tx):
        return nodes.came(tx, away, 60.0)

    def sweep(tx):
        return nodes.sweep(tx, is_dead)

    assert at(1000.0, sign)
    assert not at(1050.0, sign)  # it is there, which is no news
    assert (slots_at(ledger, 1109.0), at(1109.0, sweep)) == (2, [])
    assert slots_at(ledger, 1110.0) == 0  # before anybody has told it
    assert [at(1111.0, sweep), at(1112.0, sweep)] == [["gpu1@away"], []]
    assert at(2000.0, sign)
    assert not at(2001.0, sign)
    assert slots_at(ledger, 2001.0) == 2
    assert at(2100.0, sweep) == ["gpu1@away"]
    assert at(2101.0, sign)
    assert at(2102.0, lambda tx: nodes.went(tx, away, nodes.STOPPED))
    assert not at(2103.0, lambda tx: nodes.went(tx, away, nodes.STOPPED))
    assert [(kind, what) for kind, _, what in told(ledger)] == [
        ("NODE_UP", None),
        ("CAPACITY_CHANGED", 0),
        ("NODE_DOWN", "silent"),
        ("CAPACITY_CHANGED", 2),
    ] * 2 + [
        ("NODE_UP", None),
        ("CAPACITY_CHANGED", 0),
        ("NODE_DOWN", "stopped"),
        ("CAPACITY_CHANGED", 2),
    ]


def test_a_clock_that_is_set_back_does_not_make_a_silence_longer(ledger):
    """Who is there says so by the new time; whose last sign is far ahead of it has said nothing since."""
    with Ledger(ledger.engine, clock=lambda _conn: 9000.0).write() as tx:
        nodes.came(tx, node(process="away:1"), 60.0)
        nodes.came(tx, node("gpu2@away", process="away:2", slots=2), 60.0)
    assert slots_at(ledger, 8950.0) == 3
    assert slots_at(ledger, 5000.0) == 0
    with Ledger(ledger.engine, clock=lambda _conn: 5000.0).write() as tx:
        nodes.came(tx, node("gpu2@away", process="away:2", slots=2), 60.0)
        assert nodes.sweep(tx, is_dead) == ["gpu1@here"]
    assert slots_at(ledger, 5001.0) == 2


def test_a_start_that_was_overtaken_says_nothing_while_the_newer_one_is_there(ledger):
    """Two of a name are one worker, the newer; when that is gone the older one counts."""
    with ledger.write() as tx:
        assert nodes.came(tx, node(started=2.0, process="away:2"), 60.0)
        assert not nodes.came(tx, node(started=1.0), 60.0)
        assert nodes.went(tx, node(started=2.0, process="away:2"), nodes.STOPPED)
        assert nodes.came(tx, node(started=1.0), 60.0)
        assert [one.process for one in nodes.up(tx).values()] == ["here:1"]
