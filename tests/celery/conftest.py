"""The app of this process, with a broker that nobody connects to, and a real one for those who do."""

import pytest

from ringrift.broker.address import client_of
from ringrift.broker.embedded import EmbeddedBroker
from ringrift.celery import app, loaded
from tests.celery.letters import connected

#: A Redis that need not be there.
URL = "redis://127.0.0.1:1/0"


@pytest.fixture(scope="session", autouse=True)
def celery_app():
    """Return the app with its tasks; its configuration is read once in a process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CELERY_BROKER_URL", URL)
        loaded()
        assert app.conf.broker_url == URL
    return app


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """A broker's URL."""
    with EmbeddedBroker(tmp_path_factory.mktemp("home")) as broker:
        yield broker.url


@pytest.fixture
def client(url):
    """A client of the broker, emptied."""
    client = client_of(url)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def connection(url, client, celery_app):
    """A connection of ours."""
    with connected(url, celery_app) as connection:
        yield connection
