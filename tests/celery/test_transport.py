"""Bad messages on a real broker: put aside with their reason, and the good ones go on."""

import json
import time
from copy import copy
from types import SimpleNamespace

import pytest
from celery.worker.consumer.connection import Connection as ConnectionStep
from kombu import Connection as PlainConnection

from ringrift.celery_transport import Connection, Transport
from ringrift.pipeline.letters import ASIDE_LIST, DELIVERIES
from tests.celery.letters import BAD, RUN, connected, send, sound

pytestmark = pytest.mark.processes

#: What is wrong with a message that looks like one -> changes, and a word of the reason.
WRONG = {
    "no delivery tag": ({"properties__delivery_tag": None}, "delivery_tag"),
    "no task": ({"headers__task": None}, "names no task"),
    "no id": ({"headers__id": None}, "has no id"),
    "pickle": ({"content-type": "application/x-python-serialize"}, "not application/json"),
    "coded": ({"properties__body_encoding": "rot13"}, "not base64"),
    "no base64": ({"properties__body_encoding": "base64", "body": None}, ""),
    "no lists": ({"body": {"args": []}}, "not [args, kwargs, embed]"),
    "unknown task": ({"headers__task": "gpu.trian"}, "did you mean 'gpu.train'"),
    "too few arguments": ({"body": [[], {}, None]}, "missing a required argument: 'run_id'"),
    "wrong type": ({"body": [[7], {}, None]}, "run_id of gpu.train is 7, not of type str"),
    "no time": ({"headers__expires": "tomorrow"}, "no time in ISO 8601"),
}


def aside(client):
    """(queue, reason) of each message that was put aside."""
    found = [json.loads(raw) for raw in client.lrange(ASIDE_LIST, 0, -1)]
    return [(one["queue"], one["reason"]) for one in found]


def taken(connection, app, number):
    """Take so many messages of the gpu queue as a worker does; their task ids."""
    got = []
    consumer = connection.Consumer(
        app.amqp.queues["gpu"],
        on_message=lambda message: (got.append(message.headers["id"]), message.ack()),
    )
    with consumer:
        consumer.channel.judge = connection.default_channel.judge
        end = time.monotonic() + 20
        while len(got) < number and time.monotonic() < end:
            try:
                connection.drain_events(timeout=1)
            except TimeoutError:
                continue
    return got


def test_the_app_connects_by_our_transport(celery_app):
    """Whatever the app sends or takes goes through channels that judge."""
    assert celery_app.connection_for_write().get_transport_cls() is Transport
    assert celery_app.connection_for_read().clone().get_transport_cls() is Transport


@pytest.mark.parametrize(
    "url", ["redis+socket://:geheim@/run/broker.sock", "redis://me:geheim@host:6379/0"]
)
def test_a_worker_tells_no_password_of_its_broker(url):
    """`celery inspect stats` and Flower show what this step answers; a copied connection keeps the password."""
    made = Connection(url)
    told = ConnectionStep.info(None, SimpleNamespace(connection=made))
    assert "geheim" not in str(told)
    assert told["broker"]["transport"] == "redis"
    other = copy(made)
    assert (other.hostname, other.password) == (made.hostname, made.password)
    assert "geheim" in (other.password or other.hostname)


def test_what_no_worker_can_read_is_put_aside(url, client, celery_app):
    """Bytes that are no message are neither delivered nor lost, and the message behind them is taken."""
    for raw, _ in BAD.values():
        client.lpush("gpu", raw)
    with connected(url, celery_app) as connection:
        task = send(celery_app, connection, "gpu.train", RUN)
        assert taken(connection, celery_app, 1) == [task]
    found = aside(client)
    assert [queue for queue, _ in found] == ["gpu"] * len(BAD)
    for (_, reason), (_, word) in zip(found, BAD.values(), strict=True):
        assert word in reason
    assert client.hlen("unacked") == 0


@pytest.mark.parametrize("what", WRONG)
def test_what_no_worker_can_do_is_put_aside(url, client, celery_app, what):
    """A message whose task, body or arguments are wrong is put aside with the reason, byte by byte."""
    changes, word = WRONG[what]
    with connected(url, celery_app) as connection:
        raw = sound(celery_app, connection, client, **changes)
        if what == "no base64":
            raw = raw.replace(b'"body": "', b'"body": "!')
            word = "its body is no"
        client.lpush("gpu", raw)
        task = send(celery_app, connection, "gpu.train", RUN)
        assert taken(connection, celery_app, 1) == [task]
    ((queue, reason),) = aside(client)
    assert queue == "gpu"
    assert word in reason


def test_replies_are_not_judged(url, client, celery_app):
    """Queues that are not ours hold what `celery inspect` is answered with: that names no task."""
    with connected(url, celery_app) as connection:
        queue = connection.SimpleQueue("replies")
        queue.put({"ok": "pong"})
        message = queue.get(timeout=5)
        assert message.payload == {"ok": "pong"}
        message.ack()
        queue.close()
    assert aside(client) == []


def test_kombu_itself_loses_what_is_no_json(url, client, celery_app):
    """The reason for all this: kombu's own channel raises, and the message is gone."""
    client.lpush("gpu", b"no JSON")
    with (
        PlainConnection(url) as connection,
        connection.Consumer(celery_app.amqp.queues["gpu"], on_message=print),
        pytest.raises(ValueError, match="Expecting value"),
    ):
        connection.drain_events(timeout=5)
    assert client.llen("gpu") == 0


def test_an_emptied_broker_costs_nothing_that_is_sent_later(url, client, celery_app):
    """Who is connected already goes on sending to the queues that workers read, not to kombu's for lost messages."""
    with connected(url, celery_app) as connection:
        send(celery_app, connection, "gpu.train", RUN)
        client.flushall()
        sent = send(celery_app, connection, "gpu.train", RUN, priority=3)
        assert taken(connection, celery_app, 1) == [sent]


def leave(url, app, client):
    """Take the message of the gpu queue and go away with it, as a killed worker does; long ago."""
    with connected(url, app) as connection:
        got = []
        with connection.Consumer(app.amqp.queues["gpu"], on_message=got.append) as consumer:
            connection.drain_events(timeout=5)
            consumer.channel.qos._delivered.clear()  # what it holds is forgotten, not put back
    (message,) = got
    client.zadd("unacked_index", {message.delivery_tag: time.time() - 61})


def sweep(url, app):
    """Put back what workers went away with, as any other worker does each second."""
    with connected(url, app) as connection:
        connection.default_channel.qos.restore_visible(interval=1)


def test_a_message_that_takes_worker_after_worker_is_put_aside(url, client, celery_app):
    """It comes back with its count, and at the bound (here 3) it is put aside instead."""
    with connected(url, celery_app) as connection:
        send(celery_app, connection, "gpu.train", RUN)
    for returns in (1, 2):
        leave(url, celery_app, client)
        sweep(url, celery_app)
        (raw,) = client.lrange("gpu", 0, -1)
        assert json.loads(raw)["headers"][DELIVERIES] == returns
    leave(url, celery_app, client)
    sweep(url, celery_app)
    assert (client.llen("gpu"), client.hlen("unacked"), client.zcard("unacked_index")) == (0, 0, 0)
    assert aside(client) == [
        ("gpu", "delivered 3 times, and each time its worker went away with it")
    ]


def test_an_orderly_return_is_not_counted(url, client, celery_app):
    """A worker that is asked to end puts its message back, however often, and nobody blames the message."""
    with connected(url, celery_app) as connection:
        send(celery_app, connection, "gpu.train", RUN)
    for _ in range(4):
        with connected(url, celery_app) as connection:
            got = []
            with connection.Consumer(celery_app.amqp.queues["gpu"], on_message=got.append):
                connection.drain_events(timeout=5)
                got[0].reject(requeue=True)
    (raw,) = client.lrange("gpu", 0, -1)
    assert DELIVERIES not in json.loads(raw)["headers"]
    assert aside(client) == []


def test_a_delivery_that_cannot_be_read_does_not_end_the_sweep(url, client, celery_app):
    """Garbage among the deliveries is put aside; what lies behind it is put back."""
    with connected(url, celery_app) as connection:
        send(celery_app, connection, "gpu.train", RUN)
    leave(url, celery_app, client)
    for name, raw in {
        "garbage": b"\xff",
        "shapeless": b'["x"]',
        "empty": b'[{}, "gpu", "gpu"]',
    }.items():
        client.hset("unacked", name, raw)
        client.zadd("unacked_index", {name: 1.0})
    sweep(url, celery_app)
    assert (client.llen("gpu"), client.hlen("unacked"), client.zcard("unacked_index")) == (1, 0, 0)
    assert sorted(reason.split(":")[0] for _, reason in aside(client)) == [
        "it has no headers",
        "its delivery cannot be read",
        "its delivery cannot be read",
    ]


def test_a_message_without_a_queue_is_put_aside(url, client, celery_app):
    """What comes back for an exchange to which no queue is bound would be dropped by kombu."""
    with connected(url, celery_app) as connection:
        raw = sound(celery_app, connection, client)
    client.hset("unacked", "t", json.dumps([json.loads(raw), "nowhere", "nobody"]))
    client.zadd("unacked_index", {"t": 1.0})
    sweep(url, celery_app)
    assert aside(client) == [
        ("nobody", "no queue is bound to exchange 'nowhere' with key 'nobody'")
    ]
