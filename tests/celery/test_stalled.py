"""A broker that stands still: programs that send say so, and go on."""

import os
import signal

import pytest

from ringrift.broker.embedded import EmbeddedBroker
from ringrift.celery import SEND_SECONDS
from ringrift.celery_queues import BrokerTrouble, broker_queues
from ringrift.pipeline.dispatcher import Issue
from workers.flows import BrokerAway, CeleryDispatcher


@pytest.fixture
def stalled(tmp_path, celery_app):
    """The app with a broker of its own that was stopped; a second is patience enough here."""
    conf = celery_app.conf
    url, options, retry = conf.broker_url, conf.broker_transport_options, conf.task_publish_retry
    assert options["socket_timeout"] == SEND_SECONDS
    patience = {"socket_timeout": 1.0, "socket_connect_timeout": 1.0}
    with EmbeddedBroker(tmp_path) as broker:
        conf.broker_transport_options = {**options, **patience}
        conf.broker_url, conf.task_publish_retry = broker.url, False
        os.kill(broker.pid, signal.SIGSTOP)
        yield celery_app
        os.kill(broker.pid, signal.SIGCONT)
        conf.broker_url, conf.broker_transport_options = url, options
        conf.task_publish_retry = retry


def test_looking_at_queues_ends(stalled):
    """Maintenance is told that the broker does not answer; it does not wait until it does."""
    with pytest.raises(BrokerTrouble), broker_queues(stalled) as queues:
        queues.look()


def test_sending_ends(stalled):
    """What cannot be handed over is an error of ours, and is handed over again later."""
    with pytest.raises(BrokerAway):
        CeleryDispatcher().dispatch(Issue("r" * 64, "export", ("",)))
