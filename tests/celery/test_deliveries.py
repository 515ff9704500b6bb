"""What ringrift/celery_deliveries.py knows of kombu, on a real broker: fails when that changes."""

import time

import pytest
from kombu import Connection, Queue

from ringrift.broker.address import client_of
from ringrift.celery_deliveries import renew

pytestmark = pytest.mark.processes

QUEUE = Queue("work", routing_key="work")


@pytest.fixture
def channel(url):
    """A channel of an empty broker, with one message delivered to it and not acknowledged."""
    client_of(url).flushall()
    with Connection(url, transport_options={"visibility_timeout": 60}) as connection:
        connection.SimpleQueue(QUEUE).put({"n": 1})
        consumer = connection.Consumer(QUEUE, callbacks=[lambda *_: None])
        with consumer:
            connection.drain_events(timeout=5)
            yield consumer.channel


def age(url, seconds):
    """Make every delivery look as old as that; the index must be where we think it is."""
    client = client_of(url)
    tags = client.zrange("unacked_index", 0, -1)
    assert len(tags) == 1
    client.zadd("unacked_index", dict.fromkeys(tags, time.time() - seconds))


def sweep(url):
    """Put old deliveries back, as any other worker does, and count what waits then."""
    options = {"visibility_timeout": 60, "unacked_restore_throttle": 1}
    with Connection(url, transport_options=options) as connection:
        connection.default_channel.qos.restore_visible(interval=1)
    return client_of(url).llen("work")


def test_a_delivery_that_is_not_renewed_comes_back(url, channel):
    """Beyond the visibility timeout another worker puts the message back into its queue."""
    age(url, 59)
    assert sweep(url) == 0
    age(url, 61)
    assert sweep(url) == 1


def test_a_renewed_delivery_stays(url, channel):
    """Renewing makes an old delivery young again."""
    age(url, 61)
    assert renew(channel) == 1
    assert sweep(url) == 0


def test_an_acknowledged_one_is_not_raised(url, channel):
    """What was acknowledged meanwhile is not put into the index again."""
    (tag,) = channel.qos._delivered
    client_of(url).zrem("unacked_index", tag)
    assert renew(channel) == 1
    assert client_of(url).zcard("unacked_index") == 0
    channel.basic_ack(tag)
    channel.qos._flush()
    assert renew(channel) == 0
