"""Names of workers that are started as the manual writes it: without -n."""

import os
import subprocess
import sys

import pytest

from ringrift.broker.embedded import EmbeddedBroker
from ringrift.pipeline import nodes
from ringrift.store.ledger import open_ledger

pytestmark = pytest.mark.processes


def test_two_workers_of_a_machine_are_two_nodes(tmp_path):
    """Each is up with its own queue and slots; neither is taken for the other one started again."""
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
                    env={**plain, "RINGRIFT_HOME": str(tmp_path)},
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                )
                started.append(worker)
            for worker in started:
                assert worker.stderr is not None
                assert any(" ready." in line for line in worker.stderr)
            for worker in started:
                worker.kill()
            ledger = open_ledger(tmp_path)
            with ledger.read() as tx:
                found = nodes.up(tx)
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
