"""The embedded broker as a real child process."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import textwrap

import psutil
import pytest
import redis

from ringrift.broker import embedded
from ringrift.broker.address import broker_address, client_of
from ringrift.broker.embedded import EmbeddedBroker, running_url, unanswering
from ringrift.broker.place import SOCKET_PATH_LIMIT, Place
from ringrift.errors import BadInput
from ringrift.pipeline.deferral import is_unified_loop_running

pytestmark = pytest.mark.processes


@pytest.fixture
def broker(tmp_path):
    """A running broker of a fresh home."""
    with EmbeddedBroker(tmp_path / "home") as started:
        yield started


def test_answers_and_keeps_its_secret(broker):
    """A started broker answers at its URL; its password is in no argument and in no open file."""
    assert client_of(broker.url).ping()
    password = broker.url.split(":")[2].split("@")[0]
    server = psutil.Process(broker.pid)
    assert password not in " ".join(server.cmdline())
    assert password not in " ".join(server.environ().values())
    for path in (broker.place.config, broker.place.password):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(broker.place.socket_folder.stat().st_mode) == 0o700
    assert not server.net_connections("inet")


def test_refuses_strangers(broker):
    """Without the password nothing is served."""
    stranger = redis.Redis(unix_socket_path=str(broker.place.socket))
    with pytest.raises(redis.AuthenticationError):
        stranger.get("key")


def test_running_url_tells_whether_it_runs(tmp_path):
    """The URL of a home is known to other processes while its broker runs, and at no other time."""
    home = tmp_path / "home"
    assert running_url(home) is None
    with EmbeddedBroker(home) as broker:
        assert running_url(home) == broker.url
    assert running_url(home) is None
    assert not broker.place.socket.exists()


def test_one_that_does_not_answer_is_no_missing_one(tmp_path, monkeypatch):
    """Of a broker that runs and is deaf it is said who runs it, and nobody knows whether a master is at work."""
    monkeypatch.setenv("RINGRIFT_HOME", str(tmp_path))
    monkeypatch.delenv("CELERY_BROKER_URL", raising=False)
    assert unanswering(tmp_path) is None
    assert not is_unified_loop_running()
    with EmbeddedBroker(tmp_path) as broker:
        assert not is_unified_loop_running()
        assert broker.pid is not None
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            for asked in (lambda: broker_address(tmp_path), is_unified_loop_running):
                with pytest.raises(
                    BadInput, match=f"does not answer; process {os.getpid()}, which runs it"
                ):
                    asked()
        finally:
            os.kill(broker.pid, signal.SIGCONT)


def test_one_owner(broker):
    """A second owner of the same home is refused with a line that says what to do."""
    with pytest.raises(BadInput, match=f"process {os.getpid()} runs its broker.*ringrift down"):
        EmbeddedBroker(broker.place.home).start()
    assert client_of(broker.url).ping()


def test_data_outlives_a_restart_and_a_kill(tmp_path):
    """What was queued is there after a stop and after kill -9, under the same URL."""
    with EmbeddedBroker(tmp_path) as broker:
        first = broker.url
        client_of(first).lpush("queue", "a")
    with EmbeddedBroker(tmp_path) as broker:
        assert broker.url == first
        client_of(first).lpush("queue", "b")
        assert client_of(first).config_get("appendonly") == {"appendonly": "yes"}
        assert client_of(first).config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        server = psutil.Process(broker.pid)
        server.kill()
        server.wait()
        assert broker.ensure()
        assert not broker.ensure()
        assert client_of(first).lrange("queue", 0, -1) == [b"b", b"a"]


def test_dies_with_its_owner(tmp_path):
    """When the owner is killed with -9, the server is gone too, and the home can be owned again."""
    program = textwrap.dedent(f"""
        import sys, time
        from pathlib import Path
        from ringrift.broker.embedded import EmbeddedBroker
        broker = EmbeddedBroker(Path({str(tmp_path)!r}))
        broker.start()
        print(broker.pid, flush=True)
        time.sleep(600)
    """)
    owner = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    server = psutil.Process(int(owner.stdout.readline()))
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    server.wait(20)
    with EmbeddedBroker(tmp_path) as again:
        assert client_of(again.url).ping()


def test_says_what_is_wrong(tmp_path):
    """A home that cannot be written, and a server that cannot start, are one clear line each."""
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(BadInput, match=r"state directory .*file"):
        EmbeddedBroker(blocked).start()
    home = tmp_path / "home"
    with EmbeddedBroker(home) as broker:
        client_of(broker.url).lpush("queue", "a")
        kept = sorted(path.name for path in broker.place.data.iterdir())
    in_the_way = broker.place.socket / "in the way"
    broker.place.socket_folder.mkdir(mode=0o700)
    in_the_way.mkdir(parents=True)
    try:
        with pytest.raises(BadInput, match=r"the embedded broker ended with 1: .*Unix socket"):
            EmbeddedBroker(home).start()
    finally:
        shutil.rmtree(broker.place.socket_folder)
    # What it wrote is not to blame, so it stays where it is.
    assert sorted(path.name for path in broker.place.data.iterdir()) == kept
    assert not broker.place.quarantine.exists()
    with EmbeddedBroker(home) as broker:
        assert client_of(broker.url).llen("queue") == 1


@pytest.mark.parametrize("part", ["*.manifest", "*.incr.aof"])
def test_what_it_cannot_read_is_put_away(tmp_path, part):
    """A damaged append-only file goes to quarantine with its reason, and the server begins without it."""
    with EmbeddedBroker(tmp_path) as broker:
        client_of(broker.url).lpush("queue", *map(str, range(50)))
        assert (broker.unread, broker.state) == (None, "nothing is lost")
    damaged = next(broker.place.data.glob(part))
    damaged.write_bytes(bytes(100))
    with EmbeddedBroker(tmp_path) as broker:
        assert client_of(broker.url).llen("queue") == 0
        assert (broker.unread / damaged.name).read_bytes() == bytes(100)
        assert broker.unread.parent == tmp_path / "quarantine"
        reason = broker.unread.with_name(f"{broker.unread.name}.reason.txt").read_text()
        assert "the embedded broker ended with 1" in reason
        assert str(broker.unread) in broker.state
        client_of(broker.url).lpush("queue", "a")
    with EmbeddedBroker(tmp_path) as broker:
        assert client_of(broker.url).llen("queue") == 1
        assert broker.unread is None


def test_one_that_cannot_be_reached_is_started_again(broker):
    """Without its socket, or when it is deaf for long, the server is replaced, and has what was queued."""
    client_of(broker.url).lpush("queue", "a")
    assert broker.ensure() is None
    shutil.rmtree(broker.place.socket_folder)
    first = broker.pid
    assert "broker.sock was gone" in broker.ensure()
    assert broker.pid != first
    assert broker.ensure() is None
    assert client_of(broker.url).llen("queue") == 1


def test_one_that_is_deaf_for_long_is_started_again(broker, monkeypatch):
    """A server that hangs is given some time, and then replaced; what was queued is there."""
    client_of(broker.url).lpush("queue", "a")
    monkeypatch.setattr(embedded, "ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(embedded, "DEAF_AFTER", 5)
    os.kill(broker.pid, signal.SIGSTOP)
    first = broker.pid
    for _ in range(embedded.DEAF_AFTER - 1):
        assert broker.ensure() is None
    assert "did not answer" in broker.ensure()
    assert broker.pid != first
    assert client_of(broker.url).llen("queue") == 1


def test_clients_find_the_way_in_again(broker):
    """The password and the configuration, which were removed while the server runs, are written again."""
    for path in (broker.place.password, broker.place.config):
        path.unlink()
        assert "was written again" in broker.ensure()
        assert running_url(broker.place.home) == broker.url
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert broker.ensure() is None


def test_a_copy_has_a_broker_of_its_own(broker, tmp_path):
    """A copied state directory neither finds nor ends the broker of the first one."""
    copy = tmp_path / "copy"
    shutil.copytree(broker.place.home, copy)
    assert running_url(copy) is None
    with EmbeddedBroker(copy) as second:
        assert second.url != broker.url
        client_of(second.url).lpush("queue", "a")
        assert client_of(broker.url).llen("queue") == 0


def test_socket_path_fits(tmp_path):
    """However deep the home lies, the socket's path is one that the kernel takes."""
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    place = Place.of(deep, {"XDG_RUNTIME_DIR": str(tmp_path)})
    assert len(os.fsencode(place.socket)) <= SOCKET_PATH_LIMIT
    assert place.socket != Place.of(deep / "f", {}).socket
