"""A real broker for those who ask for it, one for all tests of a file."""

import pytest

from ringrift.broker.address import client_of
from ringrift.broker.embedded import EmbeddedBroker


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """One broker for all tests of the file."""
    with EmbeddedBroker(tmp_path_factory.mktemp("home")) as started:
        yield started


@pytest.fixture
def client(broker):
    """A client of an empty broker, which a test before may have killed."""
    broker.ensure()
    client = client_of(broker.url)
    client.flushall()
    return client
