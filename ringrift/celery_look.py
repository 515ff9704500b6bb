"""What the broker knows, for whoever looks on: who holds the lease, how much is queued.

Never raises and never hangs: a broker that is away, or does not answer in time, is told as such.
Neither Celery nor kombu is loaded, so that a status takes no second to start.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import redis

from ringrift.broker.address import broker_address, client_of, shown
from ringrift.broker.embedded import running_url, unanswering
from ringrift.errors import RingRiftError
from ringrift.pipeline.lease import read_lease
from ringrift.pipeline.overview import BrokerLook
from ringrift.pipeline.queues import QUEUES
from ringrift.settings.secrets import BROKER_URL, masked, secret
from ringrift.store.ledger import MASTER

#: Seconds for one answer, and for all of them with the way there.
ANSWER_SECONDS, LOOK_SECONDS = 2.0, 6.0

#: kombu keeps a queue as one list per priority, the first by the queue's own name, the others with
#: their priority after these two control characters; tests/celery/test_look.py holds it to that.
PRIORITIES, SEPARATOR = (0, 3, 6, 9), "\x06\x16"

#: Leases that loops hold.
LEASES = (MASTER, "continuous")


def look(home: Path) -> BrokerLook:
    """Ask the broker of a state directory once."""
    found: list[BrokerLook] = []
    asking = threading.Thread(
        target=lambda: found.append(_look(home)), name="broker look", daemon=True
    )
    asking.start()
    asking.join(LOOK_SECONDS)
    return found[0] if found else away(f"does not answer within {LOOK_SECONDS:g} s")


def away(why: str, *, expected: bool = True) -> BrokerLook:
    """Nothing could be learned from the broker. `expected`: there is one, as far as can be told."""
    return BrokerLook(answers=False, expected=expected, said=masked(why))


def lists_of(queue: str) -> list[str]:
    """The lists in Redis that one queue is kept as."""
    return [queue if not one else f"{queue}{SEPARATOR}{one}" for one in PRIORITIES]


def _look(home: Path) -> BrokerLook:
    if not secret(BROKER_URL) and running_url(home) is None:
        silent = unanswering(home)
        if silent is None:
            return away("no broker runs here; `ringrift up` starts one", expected=False)
        return away(silent)
    client = None
    try:
        address = broker_address(home)
        client = client_of(
            address.url,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            retry=None,
        )
        held = {name: read_lease(client, name) for name in LEASES}
        return BrokerLook(
            answers=True,
            expected=True,
            said=shown(address.url),
            leases={name: holder for name, holder in held.items() if holder is not None},
            waiting=_lengths(client),
        )
    except (redis.RedisError, OSError, RingRiftError) as error:
        return away(" ".join(str(error).split()) or type(error).__name__)
    finally:
        if client is not None:
            client.close()


def _lengths(client: redis.Redis) -> Mapping[str, int]:
    """Messages that wait, by queue."""
    with client.pipeline(transaction=False) as pipe:
        for queue in QUEUES:
            for name in lists_of(queue):
                pipe.llen(name)
        found = pipe.execute()
    step = len(PRIORITIES)
    return {
        queue: sum(found[number * step : (number + 1) * step])
        for number, queue in enumerate(QUEUES)
    }
