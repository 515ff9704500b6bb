"""Everything at one moment: who steers, who works, which loops stand where, what failed."""

import json
import os
import socket

import pytest

from ringrift.events.payloads import CircuitOpened
from ringrift.pipeline.events import lease_taken
from ringrift.pipeline.in_process import work_off
from ringrift.pipeline.lease import MASTER, Holder
from ringrift.pipeline.nodes import Node, came
from ringrift.pipeline.overview import MISSED_BEATS, BrokerLook, overview
from ringrift.pipeline.runs import open_or_resume
from ringrift.store import events, loops
from ringrift.store.ledger import take_fence
from ringrift.store.loops import LoopRow
from tests.pipeline import tiny
from tests.pipeline.tiny import HEX8

ME = f"{socket.gethostname()}:{os.getpid()}:abc"

THERE = BrokerLook(True, True, "here", {}, {"gpu": 3, "cpu": 0, "control": 1})
AWAY = BrokerLook(False, True, "connection refused")
NONE = BrokerLook(False, False, "no broker runs here")


@pytest.fixture
def ctx(tmp_path):
    """A fresh state directory."""
    made = tiny.context(tmp_path / "home")
    yield made
    made.ledger.close()


def held(ctx, owner=ME):
    """The master lease is taken, and the broker says so."""
    with ctx.ledger.write() as tx:
        fence = take_fence(tx, MASTER, owner)
        lease_taken(tx, fence, owner)
    return BrokerLook(True, True, "here", {MASTER: Holder(owner, fence.number, 20.0)}, {})


def say(ctx, state, age=0.0, **fields):
    """A continuous loop said so, some seconds ago."""
    with ctx.ledger.write() as tx:
        at = tx.now - age
        row = LoopRow(
            **{
                **dict.fromkeys(LoopRow.__dataclass_fields__),
                "name": "continuous",
                "owner": ME,
                "state": state,
                "since": at,
                "updated_at": at,
                "details": {"configs": ["hexagonal:3"]},
                **fields,
            }
        )
        loops.say(tx, row)


def test_the_master_is_held_free_or_unknown(ctx):
    """By the lease where the broker answers; unknown where it is away; free where there is none to hold one."""
    assert overview(ctx, AWAY).master.state == "unknown"
    assert overview(ctx, NONE).master.state == "free"
    there = held(ctx)
    found = overview(ctx, there)
    assert (found.master.state, found.master.fence, found.master.gone) == ("held", 1, False)
    assert found.configs[0].stage == "turn"
    assert "to open its next run" in found.configs[0].waits_for
    found = overview(ctx, AWAY)
    assert (found.master.state, found.master.owner) == ("unknown", ME)
    assert "the broker" in found.configs[0].waits_for
    dead = held(ctx, f"{socket.gethostname()}:{2**22 - 1}:x")
    assert overview(ctx, dead).master.gone


def test_a_loop_counts_while_it_gives_signs_of_life(ctx):
    """Deferred: alive, and its configs are known; silent for long, or stopped: not at work."""
    say(ctx, loops.DEFERRED, reason="a master loop is at work")
    found = overview(ctx, NONE)
    assert [(one.said.state, one.alive) for one in found.loops] == [("deferred", True)]
    assert [one.config for one in found.configs] == ["hex8:2", "hexagonal:3"]
    assert "stepped back" in found.configs[1].waits_for
    say(ctx, loops.DEFERRED, age=MISSED_BEATS * ctx.settings.cluster.heartbeat_seconds + 1)
    assert not overview(ctx, NONE).loops[0].alive
    say(ctx, loops.STOPPED)
    found = overview(ctx, NONE)
    assert not found.loops[0].alive
    assert found.configs[1].stage == "nobody"


def test_workers_and_queues(ctx):
    """Slots of those that are up, messages that wait; a worker of this machine whose process is gone is none."""
    with ctx.ledger.write() as tx:
        came(tx, Node("gpu1@a", "elsewhere:1", 1.0, ("gpu",), 2), 60.0)
        came(tx, Node("gpu2@b", f"{socket.gethostname()}:{2**22 - 1}", 1.0, ("gpu",), 1), 60.0)
    found = overview(ctx, THERE)
    assert [node.name for node in found.nodes] == ["gpu1@a"]
    told = {one.queue: (one.waiting, one.slots, one.busy) for one in found.queues}
    assert told == {"gpu": (3, 2, 0), "cpu": (0, 0, 0), "control": (1, 0, 0)}
    assert {one.waiting for one in overview(ctx, AWAY).queues} == {None}


def test_failures_are_the_newest_with_their_reason(ctx):
    """Three are shown, all of the last hour are counted, and what went well is none."""
    work_off(ctx, open_or_resume(ctx, HEX8).id)
    assert overview(ctx, NONE).failures == []
    for number in range(5):
        with ctx.ledger.write() as tx:
            about = CircuitOpened(
                breaker="continuous", opening=number, failures=5, reason=f"no {number}", until=1.0
            )
            events.append(tx, events.NewEvent.of(about, None, "breaker", str(number)))
    found = overview(ctx, NONE)
    assert found.failures_last_hour == 5
    assert [one.text.rpartition(": ")[2] for one in found.failures] == ["no 2", "no 3", "no 4"]


def test_it_is_plain_json_with_what_each_config_waits_for(ctx):
    """Every config has stage, waits_for, have, need, unit and eta_seconds."""
    open_or_resume(ctx, HEX8)
    plain = json.loads(json.dumps(overview(ctx, held(ctx)).as_dict()))
    about = plain["configs"]["hex8:2"]
    assert about["stage"] == "selfplay"
    assert (about["have"], about["need"], about["unit"]) == (0, tiny.GAMES, "games")
    assert {"waits_for", "eta_seconds", "training"} <= set(about)
    assert plain["master"]["state"] == "held"
    assert plain["broker"]["leases"]["master"]["owner"] == ME
