"""Which broker this process uses, and how to reach it.

(each may lie in a file instead: `ringrift.settings.secrets`)

CELERY_BROKER_URL       a Redis or Valkey server; else the embedded broker of RINGRIFT_HOME
CELERY_RESULT_BACKEND   where results lie; else the broker itself
RINGRIFT_DATABASE_URL   the ledger, owed when the broker is on another machine: a file of this
                        machine cannot be the truth for others
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlencode, urlsplit, urlunsplit

import redis

from ringrift.broker.embedded import running_url, unanswering
from ringrift.errors import BadInput
from ringrift.settings.secrets import BROKER_URL, DATABASE_URL, RESULT_BACKEND, secret

#: The kinds of URL that are one Redis server. Leases, sweeps and the lease thread speak Redis.
SCHEMES = ("redis", "rediss", "redis+socket", "unix")

#: Seconds a broker has to take a connection and to answer a PING.
REACH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where messages and results go."""

    #: Broker, in kombu's form.
    url: str
    #: Results, in Celery's form.
    results: str
    #: Where the address comes from, for messages to people.
    origin: str


def broker_address(home: Path, environ: Mapping[str, str] = os.environ) -> BrokerAddress:
    """Find the broker of this process. Connects to none but the home's own socket.

    Raises BadInput when there is none, when the home's own does not answer, when it is no Redis, or
    when it is on another machine and the ledger is not.
    """
    url = secret(BROKER_URL, environ)
    origin = BROKER_URL
    if not url:
        url = running_url(home) or ""
        origin = f"the embedded broker of {home}"
    if not url:
        raise BadInput(
            unanswering(home)
            or f"no broker: set CELERY_BROKER_URL (such as redis://localhost:6379/0), or start"
            f" `ringrift up`, whose broker is found by RINGRIFT_HOME (here {home})"
        )
    _check(url, BROKER_URL)
    results = secret(RESULT_BACKEND, environ) or url
    _check(results, RESULT_BACKEND)
    database = secret(DATABASE_URL, environ)
    if not is_local(url) and (not database or database.startswith("sqlite")):
        raise BadInput(
            f"the broker {shown(url)} is on another machine: set RINGRIFT_DATABASE_URL to a"
            " PostgreSQL that all nodes share (postgresql+psycopg://user@host/name)"
        )
    return BrokerAddress(_for_kombu(url), _for_kombu(results), origin)


def client_of(url: str, **options: object) -> redis.Redis:
    """Return a client for a broker's URL, in kombu's form or redis-py's. Connects at first use."""
    if url.startswith("redis+socket://"):
        parts = urlsplit(url)
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        if "virtual_host" in query:
            query["db"] = query.pop("virtual_host").strip("/")
        url = urlunsplit(("unix", parts.netloc, parts.path, urlencode(query), ""))
    client: redis.Redis = redis.Redis.from_url(url, **options)
    return client


def check_reachable(address: BrokerAddress) -> None:
    """Ask the broker for a sign of life. Raises BadInput with what is wrong and what to do."""
    for url in dict.fromkeys((address.url, address.results)):
        client = client_of(
            url, socket_timeout=REACH_SECONDS, socket_connect_timeout=REACH_SECONDS, retry=None
        )
        try:
            client.ping()
        except redis.RedisError as error:
            raise BadInput(
                f"broker {shown(url)} ({address.origin}): {_plain(error)};"
                " start it, correct the URL, or unset CELERY_BROKER_URL and run `ringrift up`"
            ) from error
        finally:
            client.close()


def shown(url: str) -> str:
    """Return the URL as it may be printed: without its password."""
    parts = urlsplit(url)
    user, at, place = parts.netloc.rpartition("@")
    hidden = user.partition(":")[0] + ":***" if ":" in user else user
    return urlunsplit((parts.scheme, hidden + at + place, parts.path, "", ""))


def is_local(url: str) -> bool:
    """Tell whether a broker's URL means this machine: a socket file or an address of its own."""
    parts = urlsplit(url)
    if parts.scheme in {"redis+socket", "unix"}:
        return True
    try:
        found = socket.getaddrinfo(parts.hostname or "localhost", None)
    except OSError:
        return False
    return all(_is_own(family, str(place[0])) for family, _, _, _, place in found)


def _is_own(family: int, address: str) -> bool:
    """Tell whether an address is this machine's: only then a socket may be bound to it."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def _check(url: str, name: str) -> None:
    """Refuse what is no Redis."""
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        raise BadInput(
            f"{name}={shown(url)}: expected a Redis or Valkey server, redis://HOST:PORT/DB or"
            " redis+socket:///PATH"
        )
    try:
        _ = parts.port
    except ValueError as error:
        raise BadInput(f"{name}={shown(url)}: {error}") from error


def _for_kombu(url: str) -> str:
    """Return a unix:// URL in the spelling that Celery knows; others as they are."""
    return "redis+socket" + unquote(url[4:]) if url.startswith("unix://") else url


def _plain(error: redis.RedisError) -> str:
    """Return a client's error as one line."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
