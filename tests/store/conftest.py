import os

import pytest
import sqlalchemy as sa

from ringrift.store.engine import open_engine
from ringrift.store.ledger import open_ledger
from tests.store.builders import make_run

#: An empty PostgreSQL database that tests may wipe, if there is one.
POSTGRES = os.environ.get("RINGRIFT_TEST_POSTGRES")


@pytest.fixture(params=["sqlite", "postgresql"] if POSTGRES else ["sqlite"])
def ledger(request, tmp_path):
    """A fresh ledger: a file, or the database that RINGRIFT_TEST_POSTGRES names."""
    url = None
    if request.param == "postgresql":
        url = POSTGRES
        engine = open_engine(url)
        with engine.begin() as conn:
            conn.execute(sa.text("DROP SCHEMA public CASCADE"))
            conn.execute(sa.text("CREATE SCHEMA public"))
        engine.dispose()
    opened = open_ledger(tmp_path, url)
    yield opened
    opened.close()


@pytest.fixture
def run(ledger):
    """An open run with two selfplay units and the stages after them."""
    return make_run(ledger)
