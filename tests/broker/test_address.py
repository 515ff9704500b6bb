"""Which broker a process uses."""

import socket

import pytest

from ringrift.broker.address import broker_address, check_reachable, client_of, is_local, shown
from ringrift.errors import BadInput


def test_none_names_both_ways(tmp_path):
    """Without a URL and without a running embedded broker, the error names both cures."""
    with pytest.raises(BadInput, match=r"CELERY_BROKER_URL.*ringrift up"):
        broker_address(tmp_path, {})


def test_configured_url_wins_and_carries_the_results(tmp_path):
    """CELERY_BROKER_URL is used, for the results too unless they have a URL of their own."""
    url, other = "redis://localhost:6379/0", "redis://localhost:6379/1"
    assert broker_address(tmp_path, {"CELERY_BROKER_URL": url}).results == url
    both = {"CELERY_BROKER_URL": url, "CELERY_RESULT_BACKEND": other}
    assert broker_address(tmp_path, both).results == other


@pytest.mark.parametrize("url", ["amqp://guest@localhost//", "localhost:6379", "redis://h:port/0"])
def test_only_redis(tmp_path, url):
    """A URL of another kind, or no URL, is refused by name."""
    with pytest.raises(BadInput, match="CELERY_BROKER_URL="):
        broker_address(tmp_path, {"CELERY_BROKER_URL": url})


def test_broker_elsewhere_owes_a_shared_ledger(tmp_path):
    """With a broker on another machine, a ledger in a local file is refused."""
    environ = {"CELERY_BROKER_URL": "redis://:secret@192.0.2.7:6379/0"}
    with pytest.raises(BadInput, match=r"RINGRIFT_DATABASE_URL") as refused:
        broker_address(tmp_path, environ)
    assert "secret" not in str(refused.value)
    environ["RINGRIFT_DATABASE_URL"] = "sqlite:////srv/ringrift.db"
    with pytest.raises(BadInput, match=r"another machine"):
        broker_address(tmp_path, environ)
    environ["RINGRIFT_DATABASE_URL"] = "postgresql+psycopg://user@host/ringrift"
    assert broker_address(tmp_path, environ).url == environ["CELERY_BROKER_URL"]


def test_this_machine_is_local():
    """Loopback, socket files and own addresses are this machine; documentation addresses are not."""
    assert is_local("redis://localhost:6379")
    assert is_local("redis://127.0.0.1")
    assert is_local("redis+socket:///run/x.sock")
    assert not is_local("redis://192.0.2.7")
    assert not is_local("redis://no-such-host.invalid")


def test_unreachable_is_one_line(tmp_path):
    """A port where nobody listens gives one line, without the password, that says what to do."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"redis://:secret@127.0.0.1:{free.getsockname()[1]}/0"
        address = broker_address(tmp_path, {"CELERY_BROKER_URL": url})
        with pytest.raises(BadInput, match=r"^broker redis://:\*\*\*@127.*ringrift up") as refused:
            check_reachable(address)
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_clients_of_sockets():
    """kombu's spelling of a socket, database number included, is understood."""
    client = client_of("redis+socket://:pw@/run/my%20dir/b.sock?virtual_host=3")
    where = client.connection_pool.connection_kwargs
    assert (where["path"], where["db"], where["password"]) == ("/run/my dir/b.sock", 3, "pw")
    assert shown("redis+socket://:pw@/run/b.sock?x=1") == "redis+socket://:***@/run/b.sock"
