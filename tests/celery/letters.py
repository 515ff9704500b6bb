"""Messages in a real broker: good ones, as the app sends them, and bad ones, as they may come."""

import base64
import json
from contextlib import contextmanager
from functools import partial

from ringrift.celery_queues import BrokerQueues, fault_of
from ringrift.celery_transport import Connection

RUN = "a" * 64

#: name -> bytes with which no worker can do anything, and a word of the reason.
BAD = {
    "no JSON": (b"\x80\x04\x95 pickled", "is no JSON"),
    "too deep": (b"[" * 100_000, "too deep"),
    "no object": (b"[1, 2]", "no JSON object"),
    "nothing in it": (b"{}", "it has no headers"),
    "half a character": (rb'{"headers": {"task": "\ud800"}}', "half a character"),
    "NUL": (rb'["gpu.train", "\u0000"]', "NUL"),
}


def options(**more):
    """Transport options as the app's."""
    usual = {"visibility_timeout": 60, "unacked_restore_throttle": 1, "max_deliveries": 3}
    return {**usual, **more}


@contextmanager
def connected(url, app, **more):
    """A connection of ours, whose channel knows the app's tasks."""
    with Connection(url, transport_options=options(**more)) as connection:
        connection.default_channel.judge = partial(fault_of, app.tasks)
        yield connection


def send(app, connection, name, *args, queue=None, **more):
    """Send a task as the app does."""
    queue = queue or name.partition(".")[0]
    return app.send_task(name, args, connection=connection, queue=queue, **more).id


def sound(app, connection, client, **changes):
    """A message of `gpu.train` as the app writes it, with some of it changed; not sent.

    Changes by path: headers__task="...", or body=[args, kwargs, embed].
    """
    send(app, connection, "gpu.train", RUN)
    message = json.loads(client.lpop("gpu"))
    for path, value in changes.items():
        if path == "body":
            message["body"] = base64.b64encode(json.dumps(value).encode()).decode()
            continue
        *way, last = path.split("__")
        place = message
        for step in way:
            place = place[step]
        place[last] = value
    return json.dumps(message).encode()


def queues(connection, app, limit=1000):
    """What maintenance sees of it."""
    return BrokerQueues(connection.default_channel, app.tasks, limit)
