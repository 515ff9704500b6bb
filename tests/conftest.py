"""What all tests share: no test sees the settings, state or broker of the person who runs it."""

import os
import signal

import pytest
import structlog

# A shell starts what it runs in the background with Ctrl-C ignored, and the children of the tests would
# inherit that: those that are sent a Ctrl-C would never end.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

#: Variables of a person's own installation that would change what tests see.
PERSONAL = (
    "RINGRIFT_HOME",
    "RINGRIFT_CONFIG_PATH",
    "RINGRIFT_DATABASE_URL",
    "RINGRIFT_SKIP_SHADOW_CONTRACTS",
    "CELERY_BROKER_URL",
    "CELERY_RESULT_BACKEND",
)


@pytest.fixture(autouse=True)
def _own_surroundings(monkeypatch, tmp_path):
    """Give each test a state directory of its own and no settings from outside, nor from the test before it."""
    before = set(os.environ)
    for name in list(os.environ):
        if name in PERSONAL or name.startswith("RINGRIFT__"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("RINGRIFT_HOME", str(tmp_path / "ringrift-home"))
    # Timing would choose now this and now that for the small networks of the tests, and takes seconds in each process.
    monkeypatch.setenv("RINGRIFT__SELFPLAY__BACKEND", "torch")
    yield
    for name in set(os.environ) - before:  # a command in this process tells its children by them
        if name.startswith("RINGRIFT"):
            del os.environ[name]
    structlog.reset_defaults()  # a command in this process may have bound it to a captured stderr
