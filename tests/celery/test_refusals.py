"""What is wrong with the surroundings ends Celery's own commands at once, with one line."""

import os
import subprocess
import sys

import pytest

from ringrift.broker.embedded import EmbeddedBroker

pytestmark = pytest.mark.processes


def celery(home, *arguments, **environ):
    """Run Celery's command line as a person would."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("CELERY_", "RINGRIFT_"))}
    return subprocess.run(
        [sys.executable, "-m", "celery", "-A", "ringrift", *arguments],
        env={**plain, "RINGRIFT_HOME": str(home), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "set CELERY_BROKER_URL"),
        ({"CELERY_BROKER_URL": "redis://127.0.0.1:1/0"}, "Connection refused"),
        ({"CELERY_BROKER_URL": "redis://192.0.2.1/0"}, "set RINGRIFT_DATABASE_URL"),
        ({"CELERY_BROKER_URL": "amqp://guest@localhost//"}, "expected a Redis"),
        ({"RINGRIFT__CLUSTER__TICK_INTERVAL_SECOND": "5"}, "tick_interval_seconds"),
        ({"RINGRIFT_CONFIG_PATH": "/no/such/file.yaml"}, "/no/such/file.yaml"),
    ],
    ids=["none", "unreachable", "elsewhere", "not-redis", "bad-key", "no-file"],
)
def test_one_line_and_exit_2(tmp_path, environ, said):
    """No broker, no answer, no shared ledger, no such key: exit 2, one line that names the cure."""
    done = celery(tmp_path, "worker", "-Q", "gpu", **environ)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("arguments", [["-Q", "gpuu"], ["-Qcpu,gpuu"], ["--queues=gpuu"]])
def test_a_queue_that_nobody_has(tmp_path, arguments):
    """A misspelt queue is one line with the nearest one."""
    done = celery(tmp_path, "worker", *arguments)
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip() == "error: unknown queue 'gpuu': did you mean 'gpu'?"


@pytest.mark.parametrize("command", ["worker", "beat"])
def test_state_that_cannot_be_used(tmp_path, command):
    """A state directory that is a file, and a ledger that nobody knows, are refused as well."""
    with EmbeddedBroker(tmp_path / "broker") as broker:
        url = {"CELERY_BROKER_URL": broker.url}
        home = tmp_path / "file"
        home.write_text("no folder")
        done = celery(home, command, **url)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
        assert str(home) in done.stderr
        done = celery(tmp_path, command, **url, RINGRIFT_DATABASE_URL="nonsense")
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
        assert "RINGRIFT_DATABASE_URL" in done.stderr


def test_beat_too(tmp_path):
    """The clock is refused as the workers are."""
    done = celery(tmp_path, "beat")
    assert done.returncode == 2
    assert "ringrift up" in done.stderr


def test_help_needs_no_broker(tmp_path):
    """Help is there without a broker."""
    done = celery(tmp_path, "worker", "--help")
    assert done.returncode == 0, done.stderr
    assert "--queues" in done.stdout
