"""`ringrift up` as a person runs it: no work to do, everything real."""

import base64
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import psutil
import pytest

from tests.cluster.conftest import PATIENCE, family

pytestmark = pytest.mark.processes

#: `ringrift` as the installed script calls it.
RINGRIFT = (sys.executable, "-c", "from ringrift.cli.main import main; main()")


def environ(home):
    """Return an environment in which the master opens no run."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("CELERY_", "RINGRIFT_"))}
    return {**plain, "RINGRIFT_HOME": str(home), "RINGRIFT__TRAINING__AUTO_TRIGGER": "false"}


class Up:
    """A running `ringrift up` and what it has said."""

    def __init__(self, home, *options):
        self.home = home
        # what an earlier `up` logged is no sign of this one
        self._earlier = {log.name: log.stat().st_size for log in (home / "logs").glob("*.log")}
        self.process = subprocess.Popen(
            [*RINGRIFT, "up", *options],
            env=environ(home),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = ""
        while "Ctrl-C stops everything" not in self.said:
            line = self.process.stdout.readline()
            self.said += line
            assert line, self.said

    def ready(self, name="control"):
        """Wait until a worker takes work."""
        log = self.home / "logs" / f"{name}.log"
        earlier = self._earlier.get(log.name, 0)
        end = time.monotonic() + PATIENCE
        while not log.exists() or b"ready." not in log.read_bytes()[earlier:]:
            time.sleep(0.05)
            assert time.monotonic() < end, log.read_text()


def test_flower_asks_for_its_password(home):
    """Flower answers on this machine only, with a password that no argument shows; down ends all."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        os.environ["RINGRIFT__CLUSTER__FLOWER_PORT"] = port
        try:
            up = Up(home)
        finally:
            del os.environ["RINGRIFT__CLUSTER__FLOWER_PORT"]
    url = re.search(r"Flower +(http://127\.0\.0\.1:\d+)", up.said)[1]
    assert port not in url  # that one was taken
    assert answer(url) == 401
    password = (home / "flower.password").read_text().strip()
    assert answer(url, "wrong") == 401
    assert answer(url, password) == 200
    assert answer(f"{url}/api/workers") == 401
    for process in family(home):
        assert password not in " ".join(process.cmdline())
    done = subprocess.run(
        [*RINGRIFT, "down"], env=environ(home), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"stopped process {up.process.pid}\n")
    assert up.process.wait(30) == 130
    assert "goes on from here" in up.process.stdout.read()
    assert not family(home)


def answer(url, password=None):
    """Return the status of a page, waiting for Flower to come up."""
    request = urllib.request.Request(url)
    if password is not None:
        secret = base64.b64encode(f"ringrift:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {secret}")
    end = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as page:
                return page.status
        except urllib.error.HTTPError as refused:
            return refused.code
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.1)


def test_ctrl_c_and_kill_leave_nothing(home):
    """Ctrl-C stops all in order; after kill -9 of `up` itself nothing is left either; both restart."""
    up = Up(home, "--no-flower")
    up.ready()
    refused = subprocess.run(
        [*RINGRIFT, "up"], env=environ(home), capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2
    assert f"process {up.process.pid} runs" in refused.stderr
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(30) == 130
    assert not family(home)

    up = Up(home, "--no-flower")
    for name in ("control", "cpu", "gpu1"):
        up.ready(name)
    assert len(family(home)) > 5
    up.process.kill()
    up.process.wait()
    end = time.monotonic() + PATIENCE
    while family(home) and time.monotonic() < end:
        time.sleep(0.05)
    assert not family(home)

    up = Up(home, "--no-flower")
    up.process.terminate()
    assert up.process.wait(30) == 130


def test_a_lost_ledger_ends_all(home):
    """Where its file is gone the command ends with one line, and with it all that would write for nothing."""
    up = Up(home, "--no-flower")
    up.ready()
    (home / "ringrift.db").rename(home / "elsewhere")
    assert up.process.wait(40) == 2
    assert "ringrift.db was removed or replaced" in up.process.stdout.read()
    assert not family(home)


def test_bare_commands_with_only_a_broker_url(home):
    """`celery -A ringrift worker -Q …`, beat and flower work with nothing but CELERY_BROKER_URL.

    Flower is for this machine only, and asks for the password of the state directory, as that of `ringrift up` does.
    """
    from ringrift.broker.embedded import EmbeddedBroker

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with EmbeddedBroker(home.with_name("elsewhere")) as broker:
        bare = {**environ(home), "CELERY_BROKER_URL": broker.url, "FLOWER_PORT": str(port)}
        celery = (sys.executable, "-m", "celery", "-A", "ringrift")
        started = [
            subprocess.Popen(
                [*celery, *arguments, "--loglevel", "INFO"],
                env=bare,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for arguments in (
                ("worker", "-Q", "gpu", "-n", "a@%h"),
                ("worker", "-Q", "cpu", "-n", "b@%h"),
                ("worker", "-Q", "control", "-n", "c@%h"),
                ("beat",),
                ("flower",),
            )
        ]
        try:
            expected_lines = (*[r"@\S+ ready\."] * 3, "master: fence 1", "flower.password")
            for process, expected in zip(started, expected_lines, strict=True):
                said = ""
                while not re.search(expected, said):
                    line = process.stdout.readline()
                    said += line
                    assert line, said
            page = f"http://127.0.0.1:{port}"
            assert answer(page) == 401
            assert answer(page, (home / "flower.password").read_text().strip()) == 200
            listens = psutil.Process(started[-1].pid).net_connections("tcp")
            assert {one.laddr.ip for one in listens if one.status == "LISTEN"} == {"127.0.0.1"}
            asked = subprocess.run(
                [*celery, "inspect", "active_queues", "--timeout", "4"],
                env=bare,
                capture_output=True,
                text=True,
                check=False,
            )
            for queue in ("gpu", "cpu", "control"):
                assert f"'name': '{queue}'" in asked.stdout
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.communicate(timeout=30)
    assert [process.returncode for process in started] == [0, 0, 0, 0, 0]
