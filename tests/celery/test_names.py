"""Workers that are started as the manual writes it, as nodes: their names without -n, and their signs of life."""

import os
import signal
import subprocess
import sys
import time

import pytest

from ringrift.broker.embedded import EmbeddedBroker
from ringrift.pipeline import nodes
from ringrift.store import events
from ringrift.store.ledger import open_ledger

pytestmark = pytest.mark.processes

#: Seconds that a test waits for what must happen.
PATIENCE = 60.0

#: As short as the settings allow.
QUICK = {"RINGRIFT__CLUSTER__STAGE_STALE_SECONDS": "5", "RINGRIFT__CLUSTER__HEARTBEAT_SECONDS": "1"}


def reach(ledger, queues):
    """Wait until just the workers of these queues count."""
    end = time.monotonic() + PATIENCE
    while True:
        with ledger.read() as tx:
            found = [queue for node in nodes.standing(tx) for queue in node.queues]
        if sorted(found) == queues:
            return
        assert time.monotonic() < end, f"{found} count, not {queues}"
        time.sleep(0.05)


def test_two_workers_of_a_machine_are_two_nodes_that_count_while_they_are_heard(tmp_path):
    """Each is up with its own queue and slots; one that is held still is down, and up again when it goes on."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("CELERY_", "RINGRIFT_"))}
    started = []
    with EmbeddedBroker(tmp_path):
        try:
            for queue in ("cpu", "control"):
                worker = subprocess.Popen(
                    [
                        sys.executable,
                        "-m",
                        "celery",
                        "-A",
                        "ringrift",
                        "worker",
                        "-Q",
                        queue,
                        "-l",
                        "INFO",
                    ],
                    env={**plain, **QUICK, "RINGRIFT_HOME": str(tmp_path)},
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                )
                started.append(worker)
            for worker in started:
                assert worker.stderr is not None
                assert any(" ready." in line for line in worker.stderr)
            ledger = open_ledger(tmp_path)
            with ledger.read() as tx:
                found = nodes.up(tx)
            started[0].send_signal(signal.SIGSTOP)  # as if its machine were away
            reach(ledger, ["control"])
            assert [name.partition("-")[0] for name in nodes.sweep_now(ledger)] == ["cpu"]
            assert nodes.sweep_now(ledger) == []
            started[0].send_signal(signal.SIGCONT)
            reach(ledger, ["control", "cpu"])
            with ledger.read() as tx:
                told = events.last_events(tx, 10, kinds=("NODE_UP", "NODE_DOWN"))
            ledger.close()
        finally:
            for worker in started:
                worker.kill()
                worker.wait()
    assert {(one.queues, one.slots > 0) for one in found.values()} == {
        (("cpu",), True),
        (("control",), True),
    }
    assert {name.partition("-")[0] for name in found} == {"cpu", "control"}
    (cpu,) = (name for name in found if name.startswith("cpu"))
    said = [
        (event.kind, event.payload.get("reason")) for event in told if event.payload["node"] == cpu
    ]
    assert said == [("NODE_UP", None), ("NODE_DOWN", "silent"), ("NODE_UP", None)]
