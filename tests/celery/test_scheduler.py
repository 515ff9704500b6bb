"""Beat as a person starts it, and what its scheduler sends."""

import os
import subprocess
import sys
from collections import Counter
from datetime import timedelta

import pytest

from beat_schedule import SCHEDULE
from ringrift.broker.address import client_of
from ringrift.broker.embedded import EmbeddedBroker
from ringrift.celery_look import lists_of
from ringrift.celery_scheduler import MOST_WAITING, LeasedScheduler
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


@pytest.fixture
def scheduler(url, client, celery_app, tmp_path):
    """A scheduler that may become master."""
    conf, ledger = celery_app.conf, open_ledger(tmp_path)
    before, conf.broker_url = conf.broker_url, url
    made = LeasedScheduler(celery_app, schedule={})
    made._lease = Lease(client, ledger, seconds=600.0, renew_seconds=60.0)
    yield made
    made.close()
    ledger.close()
    conf.broker_url = before


def sent(scheduler, client):
    """Messages by queue that one look after the other adds, until none is due."""

    def waiting():
        return Counter({q: sum(map(client.llen, lists_of(q))) for q in ("control", "cpu")})

    before = waiting()
    while scheduler.tick() == 0:
        pass
    return waiting() - before


#: A message of each entry.
EACH = Counter(entry.queue for entry in SCHEDULE)


def test_a_new_master_does_everything_at_once(scheduler, client):
    """What has a period of an hour is done though no beat lives for an hour; then each waits for its time."""
    assert sent(scheduler, client) == EACH
    assert sent(scheduler, client) == Counter()
    scheduler._lease.release()
    assert sent(scheduler, client) == EACH


def test_a_clock_that_is_set_back_stops_no_clock(scheduler, client):
    """Celery would send nothing until the time of the last message comes again: no tick for an hour, or a day."""
    assert sent(scheduler, client) == EACH
    for entry in scheduler.schedule.values():
        entry.last_run_at += timedelta(days=1)
    scheduler.populate_heap()
    assert sent(scheduler, client) == EACH
    assert sent(scheduler, client) == Counter()


def test_what_the_clock_asks_for_yields_to_the_work_of_runs(scheduler, client):
    """A promotion overtakes the ticks that have gathered where a worker does not keep up: they lie in the last list."""
    assert sent(scheduler, client) == EACH
    assert {q: client.llen(lists_of(q)[-1]) for q in ("control", "cpu")} == dict(EACH)


def test_nothing_is_added_to_a_queue_that_nobody_empties(scheduler, client):
    """A week without a control worker fills no broker; the other queue has its own messages all the same."""
    client.rpush("control", *["look now"] * MOST_WAITING)
    assert sent(scheduler, client) == Counter({"cpu": EACH["cpu"]})
