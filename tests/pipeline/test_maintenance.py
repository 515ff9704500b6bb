"""What maintenance decides: pure, from what was seen and what the ledger says."""

import dataclasses

import pytest

from ringrift.pipeline.letters import ASIDE, HELD, WAITING, Letter, Look
from ringrift.pipeline.maintenance import Known, find
from ringrift.settings import Settings
from ringrift.store.stages import ABANDONED, DONE, PENDING, RUNNING, StageRow
from ringrift.store.upkeep import Unit

NOW = 1_000_000.0
RUN = "a" * 64
CLUSTER = Settings.load("unified_loop", {}).cluster


def unit(**changes):
    """A pending unit of selfplay that was handed over a second ago."""
    row = StageRow(
        id="t1",
        run_id=RUN,
        stage="selfplay",
        unit="s1",
        number=0,
        state=PENDING,
        attempt=1,
        failures=0,
        max_failures=3,
        owner="host:1:1",
        issued_at=NOW - 1,
        claimed_at=NOW - 100,
        heartbeat_at=NOW - 1,
        lease_until=NOW + 59,
        finished_at=None,
        spec={},
        progress=None,
        result=None,
        error=None,
    )
    opened = changes.pop("open", True)
    return Unit(dataclasses.replace(row, **changes), "hex8:2", 1, opened)


def letter(**changes):
    """A sound message of that unit."""
    usual = {
        "id": "m1",
        "queue": "gpu",
        "place": WAITING,
        "key": "gpu",
        "raw": b"",
        "task": "gpu.selfplay_shard",
        "task_id": "t1",
        "kwargs": {"run_id": RUN, "shard_id": "s1"},
    }
    return Letter(**{**usual, **changes})


def known(*units, **changes):
    """What the ledger says: the run is open."""
    usual = {"now": NOW, "units": {one.row.id: one for one in units}, "runs": {RUN: "open"}}
    return Known(**{**usual, **changes})


def decide(letters=(), about=None, whole=True):
    """(kind, action, reason) of everything that is found."""
    look = Look(tuple(letters), {("gpu", 0): len(letters)}, 0, 0, whole, visibility=60.0)
    found = find(look, about or known(unit()), CLUSTER)
    return [(one.kind, one.action, one.reason) for one in found]


def test_healthy_queues_are_left_alone():
    """A waiting message of an open unit, and one with a worker that renews it, are as they should be."""
    assert decide([letter(), letter(place=HELD, since=NOW - 10)]) == []


@pytest.mark.parametrize("place", [WAITING, HELD, ASIDE])
def test_poison_is_put_aside_wherever_it_is(place):
    """A message with a fault becomes a dead letter with that fault as the reason."""
    assert decide([letter(place=place, fault="it is no JSON")]) == [
        ("poison", "set aside", "it is no JSON")
    ]


def test_what_is_of_no_run_of_this_ledger_is_poison():
    """A run or match that the ledger does not know can be worked on by nobody."""
    about = known(runs={})
    match = letter(task="gpu.play_beside", kwargs={"match": "m" * 64})
    assert [(k, a) for k, a, _ in decide([letter(), match], about)] == [
        ("poison", "set aside"),
        ("poison", "set aside"),
    ]


def test_an_expired_message_is_dropped():
    """A worker would drop it; so does maintenance, at the very second, and not before."""
    tick = {"task": "control.tick", "kwargs": {"fence": 1}}
    assert decide([letter(**tick, expires=NOW + 0.1)]) == []
    assert decide([letter(**tick, expires=NOW)]) == [
        ("expired", "drop", "its time ran out 0 s ago")
    ]


@pytest.mark.parametrize("state", [DONE, ABANDONED])
def test_a_message_of_a_settled_unit_is_an_orphan(state):
    """Nothing is left to be done for it."""
    assert decide([letter()], known(unit(state=state))) == [
        ("orphaned", "drop", f"its unit of selfplay is {state}")
    ]


def test_a_message_of_a_closed_run_is_an_orphan():
    """Whatever its unit says: nothing is done in a closed run."""
    about = known(unit(), runs={RUN: "closed"})
    assert [(k, a) for k, a, _ in decide([letter()], about)] == [("orphaned", "drop")]


def test_a_played_match_needs_no_message():
    """A match beside the runs with games missing is left, one that is played is an orphan."""
    match = letter(task="gpu.play_beside", kwargs={"match": "m"})
    assert decide([match], known(matches={"m": 1})) == []
    assert [(k, a) for k, a, _ in decide([match], known(matches={"m": 0}))] == [
        ("orphaned", "drop")
    ]


@pytest.mark.parametrize(
    ("since", "action"),
    [
        (NOW - 29, None),
        (NOW - 31, "wait"),
        (NOW - 64, "wait"),
        (NOW - 66, "give back"),
        (None, "give back"),
    ],
)
def test_a_held_message_whose_worker_is_gone_comes_back(since, action):
    """Silence is explained after half the visibility timeout, and dealt with when no worker did."""
    found = decide([letter(place=HELD, since=since)])
    assert [(k, a) for k, a, _ in found] == ([("orphaned", action)] if action else [])


def test_a_unit_without_a_message_is_lost():
    """Handed over long ago, claimed by nobody, and nowhere in the broker: issued again."""
    waiting = unit(issued_at=NOW - 130)
    about = known(waiting, handed_over=[waiting])
    assert [(k, a) for k, a, _ in decide([], about)] == [("lost", "issue again")]
    assert decide([letter()], about) == []
    assert decide([letter(place=HELD, since=NOW)], about) == []
    assert decide([], about, whole=False) == []


def test_a_message_that_was_put_aside_does_not_carry_its_unit():
    """The unit of a message that is on its way to the dead letters has no message any more."""
    waiting = unit(issued_at=NOW - 130)
    found = decide([letter(place=ASIDE, fault="x")], known(waiting, handed_over=[waiting]))
    assert [kind for kind, _, _ in found] == ["poison", "lost"]


@pytest.mark.parametrize(
    ("changes", "like", "expected"),
    [
        ({}, (5, 20.0), None),
        ({"lease_until": NOW - 1}, (5, 20.0), "wait"),
        ({"progress": {"still_seconds": 1799.0}}, None, None),
        ({"progress": {"still_seconds": 1800.0, "games": 3}}, None, "take back"),
        ({"claimed_at": NOW - 1801}, (5, 20.0), "tell"),
        ({"claimed_at": NOW - 1801}, (2, 20.0), None),
        ({"claimed_at": NOW - 1801}, (5, 181.0), None),
        ({"claimed_at": NOW - 1811}, (5, 181.0), "tell"),
    ],
)
def test_stuck_work(changes, like, expected):
    """Work whose figures stand still is taken back; slow work is told, if enough of its like is known."""
    at_work = unit(state=RUNNING, **changes)
    about = known(at_work, at_work=[at_work], like={("hex8:2", "selfplay"): like} if like else {})
    found = [(kind, action) for kind, action, _ in decide([], about)]
    assert found == ([("stuck", expected)] if expected else [])
