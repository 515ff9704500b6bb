"""Beat as a person starts it."""

import os
import subprocess
import sys

import pytest

from ringrift.broker.address import client_of
from ringrift.broker.embedded import EmbeddedBroker
from ringrift.pipeline.lease import Lease
from ringrift.store.ledger import open_ledger

pytestmark = pytest.mark.processes


def test_a_second_beat_says_that_it_stands_by(tmp_path):
    """At Celery's own log level, too, which shows no more than warnings."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("CELERY_", "RINGRIFT_"))}
    with EmbeddedBroker(tmp_path) as broker:
        lease = Lease(
            client_of(broker.url), open_ledger(tmp_path), seconds=600.0, renew_seconds=60.0
        )
        assert lease.acquire()
        beat = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "ringrift", "beat"],
            env={**plain, "RINGRIFT_HOME": str(tmp_path)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert beat.stderr is not None
        try:
            assert any("standing by: another beat holds the master lease" in x for x in beat.stderr)
        finally:
            beat.kill()
            beat.wait()
            lease.release()
