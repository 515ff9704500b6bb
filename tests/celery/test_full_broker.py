"""A broker that answers and refuses every change, as one does whose disk or memory is full."""

import os
import subprocess
import sys

import pytest

from ringrift.broker.address import client_of
from ringrift.broker.embedded import EmbeddedBroker

pytestmark = pytest.mark.processes

WORKER = "-m celery -A ringrift worker -Q control --loglevel INFO"


def test_a_worker_outlives_it(tmp_path):
    """It tries until it takes messages again, as with one that is away; Celery's own way is to end at the first refusal."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("CELERY_", "RINGRIFT_"))}
    with EmbeddedBroker(tmp_path) as broker:
        client = client_of(broker.url)
        worker = subprocess.Popen(
            [sys.executable, *WORKER.split()],
            env={**plain, "RINGRIFT_HOME": str(tmp_path)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert worker.stderr is not None

        def says(words):
            """Wait until the worker says so."""
            assert any(words in line for line in worker.stderr), f"it ended before: {words}"

        try:
            says(" ready.")
            client.config_set("min-replicas-to-write", 1)  # there is none
            says("NOREPLICAS")
            says("Trying to reconnect")
            client.config_set("min-replicas-to-write", 0)
            says("mingle: all alone")
            worker.terminate()
            worker.communicate(timeout=60)
            assert worker.returncode == 0
        finally:
            worker.kill()
            worker.communicate()
            client.close()
