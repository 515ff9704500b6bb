"""The app of this process, with a broker that nobody connects to."""

import pytest

from ringrift.celery import app, loaded

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
