"""`ringrift master-loop` as a person runs it: alone, beside workers that are there, in a terminal."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from ringrift.broker.lock import lock_holder
from ringrift.cli.stack import LOCK, MASTER_LOCK
from tests.cluster.conftest import PATIENCE, family
from tests.cluster.test_up import RINGRIFT, environ

pytestmark = pytest.mark.processes

#: A lease that is over soon after its holder was killed, and ticks that one need not wait for.
SOON = {
    "RINGRIFT__CLUSTER__LEASE_SECONDS": "3.0",
    "RINGRIFT__CLUSTER__LEASE_RENEW_SECONDS": "0.5",
    "RINGRIFT__CLUSTER__TICK_INTERVAL_SECONDS": "1.0",
}


#: Celery's own command line with our app.
CELERY = (sys.executable, "-m", "celery", "-A", "ringrift")


def surroundings(home):
    """As of `ringrift up` in these tests."""
    return {**environ(home), **SOON}


def ringrift(home, *arguments):
    """Run a command to its end."""
    return subprocess.run(
        [*RINGRIFT, *arguments],
        env=surroundings(home),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def standing(home):
    """What `ringrift status` says of the master."""
    return json.loads(ringrift(home, "status", "--json").stdout)["master"]


class Running:
    """A command that goes on until it is told to end, and what it has said."""

    def __init__(self, home, *arguments, program=RINGRIFT):
        self.process = subprocess.Popen(
            [*program, *arguments],
            env=surroundings(home),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.said.append(line)

    def until(self, pattern, after=0):
        """Wait for a line; return it."""
        end = time.monotonic() + PATIENCE
        while True:
            found = [line for line in self.said[after:] if re.search(pattern, line)]
            if found:
                return found[0]
            assert self.process.poll() is None, "".join(self.said)
            assert time.monotonic() < end, f"{pattern} was not said:\n{''.join(self.said)}"
            time.sleep(0.05)

    def children(self):
        """Return the names of the processes that it said it started."""
        return [line.split()[0] for line in self.said if re.match(r"\w+ +process \d+, log", line)]

    def end(self, signum):
        """Send a signal; return the exit code and the last line."""
        self.process.send_signal(signum)
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code, self.said[-1] if self.said else ""


def test_it_joins_workers_and_its_death_does_not_touch_them(home):
    """Beside `up --no-beat` only beat is started; kill -9 ends only that, and the next one takes over."""
    up = Running(home, "up", "--no-beat", "--profile", "minimal")
    up.until("no beat: `ringrift master-loop`")
    up.until("Ctrl-C stops everything")
    workers = {p.pid for p in family(home) if p.pid != up.process.pid}
    first = Running(home, "master-loop")
    first.until(rf"workers    those of process {up.process.pid}")
    first.until(r"LEASE_TAKEN .*fence=1")
    refused = ringrift(home, "master-loop")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert f"process {first.process.pid} runs it" in refused.stderr
    other = ringrift(home, "master-loop", "--dry-run")
    assert f"process {first.process.pid} runs the master loop already" in other.stdout

    watch = Running(home, "master-loop", "--watch", "--json")
    status = json.loads(watch.until('"status"'))["status"]
    assert status["master"]["state"] == "held"
    assert status["master"]["fence"] == 1
    beat = psutil.Process(int(status["master"]["owner"].split(":")[1]))
    first.process.kill()
    first.process.wait()
    beat.wait(PATIENCE)
    assert lock_holder(home / MASTER_LOCK) is None
    assert workers <= {p.pid for p in family(home)}
    assert up.process.poll() is None

    refused = ringrift(home, "master-loop", "--config", "laptop")
    assert refused.returncode == 2
    assert "loop.configs" in refused.stderr
    second = Running(home, "master-loop")
    second.until(r"LEASE_TAKEN .*fence=2")
    watch.until(r'"fence": 2.*"LEASE_TAKEN"')

    up.process.kill()
    up.process.wait()
    second.until("is gone: waiting for another")
    up = Running(home, "up", "--no-beat", "--profile", "minimal")
    second.until(f"process {up.process.pid} runs broker and workers")
    # Its lease outlived the broker, or was taken anew: that is a matter of moments.
    end = time.monotonic() + PATIENCE
    while (master := standing(home))["state"] != "held":
        assert time.monotonic() < end, master
    assert master["fence"] in (2, 3)
    code, last = watch.end(signal.SIGINT)
    assert (code, "nothing was stopped" in last) == (130, True)
    down = ringrift(home, "down")
    assert down.stdout.splitlines() == [
        f"stopped process {second.process.pid}, the master loop",
        f"stopped process {up.process.pid}",
    ]
    assert second.process.wait(PATIENCE) == 130
    assert up.process.wait(PATIENCE) == 130
    assert not family(home)


def test_it_leaves_queues_to_workers_that_somebody_started(home, monkeypatch):
    """A broker and a worker of hand are used and live on; only what is missing is started."""
    monkeypatch.setitem(SOON, "RINGRIFT_DISABLE_LOCAL_TASKS", "1")
    broker = Running(home, "broker", "start")
    broker.until("broker at")
    worker = Running(home, "worker", "-Q", "cpu", "-n", "mine@%h", "-l", "INFO", program=CELERY)
    worker.until(r"mine@\S+ ready\.")
    foreseen = json.loads(ringrift(home, "master-loop", "--dry-run", "--json").stdout)
    assert (foreseen["served"], foreseen["starts"]) == (["cpu"], ["control", "beat", "flower"])
    loop = Running(home, "master-loop", "--no-flower")
    loop.until("others of this machine take cpu")
    loop.until("LEASE_TAKEN .*fence=1")
    assert loop.children() == ["control", "beat"]
    assert loop.end(signal.SIGTERM)[0] == 130
    assert (broker.process.poll(), worker.process.poll()) == (None, None)
    assert worker.end(signal.SIGTERM)[0] == 0
    assert broker.end(signal.SIGINT)[0] == 0
    assert not family(home)


def test_up_with_the_continuous_loop_in_place_of_beat(home, monkeypatch):
    """It is a child like the others, works where nobody is master, and ends with them."""
    monkeypatch.setitem(SOON, "RINGRIFT_DISABLE_LOCAL_TASKS", "1")  # its run stays where it is
    up = Running(home, "up", "--continuous", "--no-flower")
    up.until("Ctrl-C stops everything")
    assert up.children() == ["cpu", "control", "continuous"]
    log = home / "logs" / "continuous.log"
    end = time.monotonic() + PATIENCE
    while "works on iteration 1 of hex8:2" not in (log.read_text() if log.exists() else ""):
        time.sleep(0.05)
        assert time.monotonic() < end, log.read_text()
    status = json.loads(ringrift(home, "master-loop", "--status", "--json").stdout)
    assert status["master"]["state"] == "free"
    assert [(loop["name"], loop["alive"]) for loop in status["loops"]] == [("continuous", True)]
    assert ringrift(home, "down").stdout == f"stopped process {up.process.pid}\n"
    assert up.process.wait(PATIENCE) == 130
    assert not family(home)


class Terminal(Running):
    """A command in a terminal of 100 columns and 30 lines."""

    def __init__(self, home, *arguments):
        self.screen, inside = pty.openpty()
        self.process = subprocess.Popen(
            [*RINGRIFT, *arguments],
            env={**surroundings(home), "TERM": "xterm", "COLUMNS": "100", "LINES": "30"},
            stdin=inside,
            stdout=inside,
            stderr=inside,
        )
        os.close(inside)
        self.said = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        rest = ""
        while True:
            try:
                data = os.read(self.screen, 4096)
            except OSError:  # its other end is closed
                os.close(self.screen)
                return
            *lines, rest = (rest + data.decode(errors="replace")).split("\n")
            self.said += [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line).strip("\r") for line in lines]


def test_alone_it_has_everything_and_takes_it_along(home):
    """In a terminal the screen names processes, master and configs; Ctrl-C ends all, in order."""
    loop = Terminal(home, "master-loop", "--profile", "minimal")
    loop.until(r"master     at work: process \d+ on .*, fence 1")
    loop.until(r"processes  broker · gpu1 · cpu · control · beat$")
    loop.until(r"^hex8:2 ")
    assert lock_holder(home / LOCK) == lock_holder(home / MASTER_LOCK) == loop.process.pid
    names = {re.sub(r"@.*", "", name) for name in up_nodes(home)}
    assert names <= {"gpu1", "cpu", "control"}
    after = len(loop.said)
    [killed] = [
        p for p in family(home) if "control@%h" in p.cmdline() and p.ppid() == loop.process.pid
    ]
    killed.kill()
    loop.until(r"control ended with -9; starting it again in [12] s", after)
    loop.until(r"control \(started again 1×\)", after)
    code, _ = loop.end(signal.SIGINT)
    assert code == 130
    assert not family(home)


def up_nodes(home):
    """Names of the workers that said that they are up."""
    status = json.loads(ringrift(home, "master-loop", "--status", "--json").stdout)
    return [node["name"] for node in status["nodes"]]
