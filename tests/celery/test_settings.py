"""The app, its queues and its clock, without any process."""

import subprocess
import sys
import textwrap

import pytest

import beat_schedule
from ringrift.broker.address import BrokerAddress
from ringrift.celery_settings import CLOCK_SECONDS, beat_entries, celery_settings, period_of
from ringrift.errors import BadInput
from ringrift.pipeline.queues import QUEUES
from ringrift.settings.settings import Settings

URL = "redis://localhost:6379/0"


@pytest.fixture(scope="module")
def settings():
    """The packaged settings."""
    return Settings.load("unified_loop", {})


@pytest.mark.parametrize("row", beat_schedule.SCHEDULE, ids=lambda row: row.task)
def test_schedule_rows_are_sound(celery_app, settings, row):
    """Each entry's task is registered, its queue exists and serves the task, and it expires.

    Within its period, by a clock that is as far ahead of beat's as one may be, and not before it was sent.
    """
    assert row.task in celery_app.tasks
    assert row.queue in QUEUES
    assert row.task.startswith(f"{row.queue}.")
    assert len(row.why) > 20
    entry = beat_entries(settings)[row.task]
    assert 0 < entry["options"]["expires"] - CLOCK_SECONDS < entry["schedule"]
    assert CLOCK_SECONDS < 60
    assert entry["schedule"] == period_of(settings, row.period)


def test_beat_does_what_its_profile_names(settings):
    """minimal: what a run needs; standard: all but tournaments; full: everything."""

    def tasks(profile):
        return set(beat_entries(settings.replace(loop=settings.loop.replace(profile=profile))))

    assert tasks("minimal") == {"control.tick", "control.relay", "control.reconcile"}
    assert tasks("full") == {row.task for row in beat_schedule.SCHEDULE}
    assert tasks("full") - tasks("standard") == {"control.tournament"}
    assert tasks("minimal") < tasks("standard")


def test_schedule_names_real_settings(settings):
    """A period that names no setting is refused by name."""
    with pytest.raises(BadInput, match=r"cluster\.tick"):
        period_of(settings, "cluster.tick")


def test_every_task_has_a_queue(celery_app):
    """The first word of a task's name is its queue, and the router sends it there."""
    ours = [name for name in celery_app.tasks if not name.startswith("celery.")]
    assert len(ours) >= 10
    for name in ours:
        route = celery_app.amqp.router.route({}, name)
        assert route["queue"].name == name.partition(".")[0]
        assert route["queue"].name in QUEUES


def test_settings_hold_what_survives_kills(settings):
    """The settings that were measured to lose nothing and repeat nothing are in force."""
    conf = celery_settings(settings, BrokerAddress(URL, URL, "test"))
    assert conf["accept_content"] == conf["result_accept_content"] == ["json"]
    assert conf["task_acks_late"]
    assert conf["worker_prefetch_multiplier"] == 1
    assert conf["task_retry_on_worker_lost"]
    assert not conf["task_reject_on_worker_lost"]
    assert conf["result_backend_always_retry"]
    assert not conf["task_create_missing_queues"]
    options = conf["broker_transport_options"]
    assert options["visibility_timeout"] == settings.cluster.visibility_timeout_seconds
    assert options["unacked_restore_interval"] * options["unacked_restore_throttle"] == 1
    # A worker killed in its sweep keeps the others from theirs for no longer than a lease of work.
    assert options["unacked_mutex_expire"] < settings.cluster.stage_stale_seconds
    # What was claimed is given up with its own reason before its message is.
    assert options["max_deliveries"] > settings.cluster.max_attempts


def test_unknown_queue_is_refused(celery_app):
    """A misspelt queue is an error, not a queue that nobody reads."""
    from celery.exceptions import QueueNotFound

    with pytest.raises(QueueNotFound):
        celery_app.amqp.router.route({"queue": "gpus"}, "gpu.train")


def test_light_imports():
    """App, all workers and the commands load neither torch nor numba: they do not survive forks."""
    program = textwrap.dedent("""
        import importlib, pathlib, sys
        import ringrift.cli.main
        import ringrift.cli.up, ringrift.cli.down, ringrift.cli.stack, ringrift.cli.broker
        from ringrift.celery import loaded
        loaded()
        heavy = {"torch", "numba", "openvino", "onnxruntime"} & set(sys.modules)
        assert not heavy, heavy
    """)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"CELERY_BROKER_URL": URL, "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_dispatcher_is_registered_with_the_app(celery_app):
    """Loading the app makes the queue the way that the pipeline's work travels."""
    from ringrift.pipeline.dispatcher import current_dispatcher
    from workers.flows import CeleryDispatcher

    assert isinstance(current_dispatcher(), CeleryDispatcher)
