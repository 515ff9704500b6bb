"""Maintenance with a real broker and a real ledger: found, told, dealt with, and once."""

import dataclasses
import json
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from kombu.utils.json import dumps

from ringrift.celery_queues import BrokerTrouble
from ringrift.pipeline.dispatcher import registered
from ringrift.pipeline.heartbeat import Work
from ringrift.pipeline.maintenance import maintain
from ringrift.pipeline.queues import BESIDE
from ringrift.pipeline.upkeep import kept_up
from ringrift.store import dead_letters, runs, stages
from ringrift.store.events import list_events
from ringrift.store.ids import task_id
from ringrift.store.ledger import Fence, StaleFence, take_fence
from ringrift.store.matches import MatchRow, add_match
from ringrift.store.schema import matches as match_table
from ringrift.store.schema import stages as table
from tests.celery.letters import BAD, queues, send, sound
from tests.pipeline.tiny import context
from tests.store.builders import claim, make_run, units

pytestmark = pytest.mark.processes


@pytest.fixture
def seen(connection, celery_app):
    """The broker as maintenance sees it."""
    return queues(connection, celery_app)


@pytest.fixture
def ctx(tmp_path):
    """A state directory."""
    return context(tmp_path / "state")


def events(ctx, kind=None):
    """Payloads of the events that were told."""
    with ctx.ledger.read() as tx:
        return [row.payload for row in list_events(tx, kind=kind)]


def issue(ctx, run, ago=0.0):
    """Mark the run's shards as handed over so long ago; their names."""
    names = units(ctx.ledger, run)
    with ctx.ledger.write() as tx:
        stages.mark_issued(tx, run.id, "selfplay", names)
        tx.conn.execute(
            table.update().where(table.c.issued_at.is_not(None)).values(issued_at=tx.now - ago)
        )
    return names


def post(app, connection, run, unit, **more):
    """Send the message of a shard."""
    task = task_id(run.id, "selfplay", unit)
    return send(app, connection, "gpu.selfplay_shard", run.id, unit, task_id=task, **more)


@contextmanager
def taken(connection, app):
    """Take one message as a worker does, for the length of a block."""
    got = []
    with connection.Consumer(app.amqp.queues["gpu"], on_message=got.append):
        connection.drain_events(timeout=5)
        yield got[0]


def test_poison_becomes_dead_letters(ctx, seen, client, connection, celery_app):
    """Whatever is bad in a queue is kept with its reason, told once, and gone from the queue."""
    for raw, _ in BAD.values():
        client.lpush("gpu", raw)
    client.lpush("cpu", sound(celery_app, connection, client, headers__task="cpu.snyc"))
    report = maintain(ctx, seen)
    assert dict(report.done) == {"set aside": len(BAD) + 1}
    assert seen.look().letters == ()
    with ctx.ledger.read() as tx:
        kept = {letter.message[:10]: letter for letter in dead_letters.newest(tx)}
    assert len(kept) == len(BAD) + 1
    named = [letter for letter in kept.values() if letter.task is not None]
    assert [(letter.queue, letter.task) for letter in named] == [("cpu", "cpu.snyc")]
    assert "did you mean 'cpu.sync'" in named[0].reason
    assert len(events(ctx, "MESSAGE_SET_ASIDE")) == len(BAD) + 1
    assert maintain(ctx, seen).findings == ()


def test_a_pass_that_died_is_done_again_and_told_once(ctx, seen, client, connection, celery_app):
    """Killed between ledger and broker, the next pass finds the letter kept and only removes it."""
    run = make_run(ctx.ledger)
    first, _ = issue(ctx, run)
    post(celery_app, connection, run, first)
    raw = client.lpop("gpu").replace(b'"application/json"', b'"application/x-yaml"')
    client.lpush("gpu", raw)

    class Killed(Exception):
        """The end of the process."""

    class Dying:
        look = staticmethod(seen.look)

        def remove(self, _letter):
            raise Killed

    with pytest.raises(Killed):
        maintain(ctx, Dying())
    assert client.llen("gpu") == 1
    maintain(ctx, seen)
    assert client.llen("gpu") == 0
    assert len(events(ctx, "MESSAGE_SET_ASIDE")) == 1
    with ctx.ledger.read() as tx:
        row = stages.stage_row(tx, run.id, "selfplay", first)
    assert row.failures == 1


def test_a_dry_run_changes_nothing(ctx, seen, client):
    """It says what would be done."""
    client.lpush("gpu", b"rubbish")
    report = maintain(ctx, seen, dry_run=True)
    assert [one.action for one in report.findings] == ["set aside"]
    assert (report.left, dict(report.done), client.llen("gpu"), events(ctx)) == (1, {}, 1, [])


def test_a_pass_is_bounded(ctx, seen, client):
    """More than the limit is left for the next pass."""
    for number in range(5):
        client.lpush("gpu", b"rubbish %d" % number)
    assert [maintain(ctx, seen, limit=2).left for _ in range(3)] == [3, 1, 0]
    assert client.llen("gpu") == 0


def test_expired_messages_are_dropped_in_one_event(ctx, seen, client, connection, celery_app):
    """Ticks that nobody took in time are dropped, each counted; one that is in time stays."""
    past = datetime.now(UTC) - timedelta(seconds=5)
    for _ in range(3):
        send(celery_app, connection, "control.tick", 1, expires=past)
    send(celery_app, connection, "control.tick", 1, expires=3600)
    maintain(ctx, seen)
    assert client.llen("control") == 1
    (told,) = events(ctx)
    assert (told["why"], told["queue"], told["tasks"]) == (
        "expired",
        "control",
        {"control.tick": 3},
    )


def test_messages_of_settled_units_and_closed_runs_are_dropped(
    ctx, seen, client, connection, celery_app
):
    """What is done already, or will never be, needs no message; what is to be done keeps its own."""
    run = make_run(ctx.ledger)
    first, second = issue(ctx, run)
    post(celery_app, connection, run, first, priority=6)
    post(celery_app, connection, run, second, priority=6)
    stages.complete_stage(ctx.ledger, claim(ctx.ledger, run, unit=first), {})
    maintain(ctx, seen)
    assert [letter.unit for letter in seen.look().letters] == [second]
    with ctx.ledger.write() as tx:
        runs.close_run(tx, run.id, runs.FAILED, "test")
    maintain(ctx, seen)
    assert seen.look().letters == ()
    assert [told["reason"].split(" is ")[1] for told in events(ctx, "MESSAGES_DROPPED")] == [
        "done",
        "closed",
    ]


def test_a_run_of_another_ledger_is_poison(ctx, seen, connection, celery_app):
    """A message of a run that this ledger never had is kept, with what it names."""
    send(celery_app, connection, "gpu.train", "b" * 64)
    maintain(ctx, seen)
    with ctx.ledger.read() as tx:
        (letter,) = dead_letters.newest(tx)
    assert letter.reason == "no run bbbbbbbbbbbb in this ledger"
    assert (letter.task, letter.run_id) == ("gpu.train", None)


def test_work_whose_messages_were_lost_is_issued_again(ctx, seen, client, connection, celery_app):
    """After the broker forgot everything, what was handed over long enough ago is due at once."""
    run = make_run(ctx.ledger)
    first, second = issue(ctx, run, ago=119)
    post(celery_app, connection, run, first)
    assert maintain(ctx, seen).findings == ()
    issue(ctx, run, ago=121)
    assert dict(maintain(ctx, seen).done) == {"issue again": 1}
    with ctx.ledger.read() as tx:
        issued = {row.unit: row.issued_at for row in stages.stages_of(tx, run.id)}
    assert issued[second] is None
    assert issued[first] is not None
    (told,) = events(ctx, "TASKS_LOST")
    assert (told["stage"], told["units"]) == ("selfplay", 1)


def test_silent_work_whose_message_was_lost_is_issued_again(ctx, seen):
    """A claim went silent, its unit was handed over once more, and the broker forgot that: due at once, again."""
    run = make_run(ctx.ledger)
    held = claim(ctx.ledger, run, lease=-1.0)
    values = {"claimed_at": time.time() - 300, "lease_until": time.time() - 240}
    for issued_ago, done in ((250, {}), (119, {}), (121, {"issue again": 1})):
        with ctx.ledger.write() as tx:
            row = table.update().where(table.c.id == held.id)
            tx.conn.execute(row.values(issued_at=tx.now - issued_ago, **values))
        assert dict(maintain(ctx, seen).done) == done
    with ctx.ledger.read() as tx:
        assert stages.stage_row(tx, run.id, held.stage, held.unit).issued_at is None


def test_stuck_work_is_taken_back(ctx, seen):
    """A claim whose figures stand still is over: its worker is refused, and the unit is due again."""
    ctx = ctx.with_(
        settings=ctx.settings.replace(
            cluster={**ctx.settings.cluster.model_dump(), "stuck_seconds": 10.0}
        )
    )
    run = make_run(ctx.ledger)
    held = claim(ctx.ledger, run)
    stages.heartbeat(ctx.ledger, held, {"games": 2, "still_seconds": 9.0})
    assert maintain(ctx, seen).findings == ()
    stages.heartbeat(ctx.ledger, held, {"games": 2, "still_seconds": 11.0})
    assert dict(maintain(ctx, seen).done) == {"take back": 1}
    with pytest.raises(stages.Superseded):
        stages.heartbeat(ctx.ledger, held, {})
    with ctx.ledger.read() as tx:
        row = stages.stage_row(tx, run.id, "selfplay", held.unit)
    assert (row.state, row.failures, row.issued_at) == (stages.PENDING, 1, None)
    assert "nothing has changed for 11 s" in row.error
    assert [told["action"] for told in events(ctx, "TASK_STUCK")] == ["taken back"]
    assert len(events(ctx, "STAGE_FAILED")) == 1
    assert maintain(ctx, seen).findings == ()


def test_stuck_for_the_last_time_is_given_up(ctx, seen):
    """The failure counts as any other: after the last allowed one the unit is abandoned."""
    ctx = ctx.with_(
        settings=ctx.settings.replace(
            cluster={**ctx.settings.cluster.model_dump(), "stuck_seconds": 10.0}
        )
    )
    run = make_run(ctx.ledger, max_failures=1)
    held = claim(ctx.ledger, run)
    stages.heartbeat(ctx.ledger, held, {"still_seconds": 11.0})
    maintain(ctx, seen)
    with ctx.ledger.read() as tx:
        row = stages.stage_row(tx, run.id, "selfplay", held.unit)
    assert row.state == stages.ABANDONED
    assert len(events(ctx, "STAGE_ABANDONED")) == 1


def test_work_tells_how_long_its_figures_stand_still(ctx):
    """A heartbeat carries the seconds since a figure last changed: saying the same again is no change."""
    run = make_run(ctx.ledger)
    now = 100.0
    beats = []
    made = ctx.with_(
        clock=lambda: now, pulses=lambda _name, _seconds, beat: beats.append(beat) or NoPulse()
    )

    def still():
        assert beats[0]()
        with ctx.ledger.read() as tx:
            return stages.stage_row(tx, run.id, "selfplay", held.unit).progress["still_seconds"]

    held = claim(ctx.ledger, run)
    with Work(made, held, "hex8:2") as work:
        now = 107.0
        assert still() == 7.0
        work.progress(games=1)
        now = 110.0
        work.progress(games=1)
        assert still() == 3.0
        work.progress(games=2)
        assert still() == 0.0


class NoPulse:
    """Beats when it is told to."""

    def stop(self):
        """Nothing runs."""


def test_poison_of_a_unit_counts_as_its_failure(ctx, seen, client, connection, celery_app):
    """A unit whose messages take worker after worker with them is given up after its last failure."""
    run = make_run(ctx.ledger, max_failures=2)
    first, _ = issue(ctx, run)
    states = []
    for _ in range(2):
        post(celery_app, connection, run, first)
        with taken(connection, celery_app) as message:
            reason = "delivered 3 times, and each time its worker went away with it"
            raw = dumps(message._raw).encode()
            connection.default_channel.put_aside("gpu", raw, reason)
            message.ack()
        maintain(ctx, seen)
        with ctx.ledger.read() as tx:
            row = stages.stage_row(tx, run.id, "selfplay", first)
        states.append((row.state, row.failures, row.issued_at is None))
    assert states == [(stages.PENDING, 1, True), (stages.ABANDONED, 2, True)]


def test_a_message_whose_worker_is_gone_is_given_back(ctx, seen, client, connection, celery_app):
    """Where no other worker puts it back, maintenance does, and says so."""
    run = make_run(ctx.ledger)
    first, _ = issue(ctx, run)
    post(celery_app, connection, run, first)
    with taken(connection, celery_app) as message:
        client.zadd("unacked_index", {message.delivery_tag: time.time() - 70})
        assert dict(maintain(ctx, seen).done) == {"give back": 1}
        connection.default_channel.qos._delivered.clear()
    assert client.llen("gpu") == 1
    assert client.hlen("unacked") == 0
    (told,) = events(ctx, "MESSAGES_GIVEN_BACK")
    assert told["tasks"] == {"gpu.selfplay_shard": 1}


def test_a_loop_without_a_beat_keeps_its_queues(ctx, seen, client):
    """After its own work, each interval and not more often; a broker that is away is no error of it."""
    now, carried = 1000.0, []

    @contextmanager
    def there():
        if now == 1060.0:
            raise BrokerTrouble("it is away")
        yield seen

    made = ctx.with_(clock=lambda: now)
    carry = kept_up(lambda _ctx, runs: carried.append(runs), there)
    left = []
    for now in (1000.0, 1059.0, 1060.0, 1120.0):
        client.lpush("gpu", b"rubbish at %d" % now)
        carry(made, ["r"])
        left.append(client.llen("gpu"))
    assert left == [0, 1, 2, 0]
    assert carried == [["r"]] * 4


def test_an_outdated_master_may_not_maintain(ctx, seen, client):
    """What it would do is refused in SQL before it touches the broker."""
    with ctx.ledger.write() as tx:
        take_fence(tx, "master", "first")
        take_fence(tx, "master", "second")
    client.lpush("gpu", b"rubbish")
    with pytest.raises(StaleFence):
        maintain(dataclasses.replace(ctx, fence=Fence("master", 1)), seen)
    assert client.llen("gpu") == 1


class Players:
    """Sends matches as `workers.flows` does, into the broker of the test."""

    def __init__(self, app, connection):
        self.send = partial(send, app, connection, "gpu.play_beside")

    def play_beside(self, match):
        """Send the message of a match."""
        self.send(match, task_id=match, priority=BESIDE)


def plan(ctx, ago):
    """Plan a shadow match so long ago; its id."""
    row = MatchRow("e" * 64, "hex8:2", "shadow", "a", "b", "7", 2, {})
    with ctx.ledger.write() as tx:
        add_match(tx, row)
        tx.conn.execute(match_table.update().values(created_at=tx.now - ago))
    return row.id


def test_a_match_whose_message_was_lost_is_sent_again(ctx, seen, client, connection, celery_app):
    """Once in an hour, for nothing counts its failures; not while its message is there, nor after six hours."""
    with registered(Players(celery_app, connection)):
        for ago, sent in ((119, 0), (121, 1), (3000, 0), (3700, 1), (7300, 1), (6.1 * 3600, 0)):
            match = plan(ctx, ago)
            report = maintain(ctx, seen)
            assert dict(report.done) == ({"issue again": sent} if sent else {}), ago
            assert [letter.task_id for letter in seen.look().letters] == [match] * sent
            assert maintain(ctx, seen).findings == ()
            client.flushall()
    told = events(ctx, "TASKS_LOST")
    assert [(event["stage"], event["units"]) for event in told] == [("shadow", 1)] * 3


def test_a_match_that_was_put_aside_is_not_sent_again(ctx, seen, client, connection, celery_app):
    """One that takes worker after worker with it would do so for hours."""
    match = plan(ctx, 121)
    players = Players(celery_app, connection)
    players.play_beside(match)
    [raw] = client.lrange("gpu\x06\x166", 0, -1)
    client.delete("gpu\x06\x166")
    message = json.loads(raw)
    message["headers"]["task"] = "gpu.play_besides"
    client.lpush("gpu", json.dumps(message))
    with registered(players):
        assert dict(maintain(ctx, seen).done) == {"set aside": 1}
        with ctx.ledger.read() as tx:
            assert [letter.unit for letter in dead_letters.newest(tx)] == [match]
        assert maintain(ctx, seen).findings == ()
