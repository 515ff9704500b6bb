import pytest

from ringrift.store.ledger import open_ledger
from tests.store.builders import make_run


@pytest.fixture
def ledger(tmp_path):
    """A fresh ledger in a file."""
    opened = open_ledger(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def run(ledger):
    """An open run with two selfplay units and the stages after them."""
    return make_run(ledger)
