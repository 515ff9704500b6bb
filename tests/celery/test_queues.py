"""What maintenance sees of a real broker, and what it can do there."""

import time

import pytest

from ringrift.pipeline.letters import ASIDE, ASIDE_LIST, HELD, WAITING
from tests.celery.letters import BAD, RUN, queues, send

pytestmark = pytest.mark.processes


def test_each_priority_is_a_list_that_is_seen(celery_app, connection):
    """Messages of every priority are seen in the order in which workers take them, with all they say."""
    sent = {
        priority: send(
            celery_app, connection, "gpu.selfplay_shard", RUN, f"s{priority}", priority=priority
        )
        for priority in (9, 6, 3, 0)
    }
    look = queues(connection, celery_app).look()
    assert [(m.priority, m.task_id, m.unit) for m in look.letters] == [
        (priority, sent[priority], f"s{priority}") for priority in (0, 3, 6, 9)
    ]
    assert {m.run_id for m in look.letters} == {RUN}
    assert {m.place for m in look.letters} == {WAITING}
    assert look.lengths["gpu", 3] == 1
    assert look.lengths["cpu", 0] == 0
    assert look.whole


def test_a_message_is_removed_once_and_alone(celery_app, connection, client):
    """Removing takes one message out of its list, leaves its neighbours, and says when it is gone."""
    for unit in ("s1", "s2", "s3"):
        send(celery_app, connection, "gpu.selfplay_shard", RUN, unit, priority=6)
    seen = queues(connection, celery_app)
    letter = seen.look().letters[1]
    assert letter.unit == "s2"
    assert seen.remove(letter)
    assert not seen.remove(letter)
    assert [m.unit for m in seen.look().letters] == ["s1", "s3"]


def test_a_long_queue_is_seen_from_its_next_message(celery_app, connection):
    """Of more messages than the limit those that go next are seen, and the look says that it is not whole."""
    for number in range(5):
        send(celery_app, connection, "gpu.selfplay_shard", RUN, f"s{number}")
    look = queues(connection, celery_app, limit=2).look()
    assert [m.unit for m in look.letters] == ["s0", "s1"]
    assert look.lengths["gpu", 0] == 5
    assert not look.whole


def test_held_messages_have_the_last_sign_of_their_worker(celery_app, connection, client):
    """What a worker has taken is seen with the time it was renewed; nobody's delivery has none."""
    send(celery_app, connection, "gpu.train", RUN)
    with connection.Consumer(celery_app.amqp.queues["gpu"], on_message=lambda _: None):
        connection.drain_events(timeout=5)
        seen = queues(connection, celery_app)
        (letter,) = seen.look().letters
        assert (letter.place, letter.task, letter.run_id) == (HELD, "gpu.train", RUN)
        assert abs(time.time() - letter.since) < 60
        client.zrem("unacked_index", letter.key)
        (letter,) = seen.look().letters
        assert letter.since is None
        assert seen.give_back([letter]) == 1
        (letter,) = seen.look().letters
        assert (letter.place, letter.queue) == (WAITING, "gpu")
        connection.default_channel.qos._delivered.clear()


def test_a_delivery_between_two_looks_is_watched_over(celery_app, connection, client):
    """Taken, or acknowledged, after one of two keys was read: it is seen as it is, or not at all."""

    class Early:
        """A client that read the index before anything was delivered."""

        zrange = staticmethod(lambda *_, **__: [])

        def __getattr__(self, name):
            return getattr(client, name)

    class Slow(Early):
        """And then was slow: meanwhile the message was acknowledged."""

        def hscan_iter(self, key):
            found = list(client.hscan_iter(key))
            client.delete("unacked", "unacked_index")
            return found

    send(celery_app, connection, "gpu.train", RUN)
    with connection.Consumer(celery_app.amqp.queues["gpu"], on_message=lambda _: None):
        connection.drain_events(timeout=5)
        seen = queues(connection, celery_app)
        (letter,) = seen._held(Early())
        assert letter.since is not None
        assert list(seen._held(Slow())) == []
        connection.default_channel.qos._delivered.clear()


def test_rubbish_is_seen_and_can_be_removed(celery_app, connection, client):
    """Whatever bytes lie in the lists, looking never raises, and each can be taken out."""
    for raw, _ in BAD.values():
        client.lpush("cpu", raw)
        client.hset("unacked", raw[:20], raw)
        client.rpush(ASIDE_LIST, raw)
    seen = queues(connection, celery_app)
    look = seen.look()
    assert len(look.letters) == 3 * len(BAD)
    assert {m.place for m in look.letters} == {WAITING, HELD, ASIDE}
    assert all(m.fault for m in look.letters)
    assert all(seen.remove(m) for m in look.letters)
    assert seen.look().letters == ()
    assert client.keys("*unacked*") == []
