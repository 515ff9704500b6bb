"""RINGRIFT_DISABLE_LOCAL_TASKS: a node that plays, trains and evaluates nothing, and coordinates as ever."""

import pytest

from ringrift import celery as app_module
from ringrift.cli.main import run
from ringrift.cli.stack import Stack
from ringrift.errors import BadInput
from ringrift.pipeline.queues import CONTROL, CPU, GPU
from ringrift.settings import Settings, home
from ringrift.settings.switches import DISABLE_LOCAL_TASKS

VALUES = pytest.mark.parametrize(
    ("value", "coordinates"), [("1", True), ("yes", True), ("0", False)]
)


@VALUES
def test_the_stack_has_no_gpu_worker(tmp_path, value, coordinates):
    """Every other child is there."""
    settings = Settings.load("unified_loop", {})
    roles = Stack(tmp_path, settings, environ={DISABLE_LOCAL_TASKS: value}).roles()
    names = {role.name for role in roles}
    assert {"cpu", "control", "beat", "flower"} <= names
    assert any(name.startswith("gpu") for name in names) is not coordinates
    assert any(GPU in role.arguments for role in roles) is not coordinates


@pytest.mark.parametrize(
    "command",
    [
        ["training-loop", "--in-process"],
        ["run"],
    ],
    ids=" ".join,
)
def test_loops_in_this_process_are_refused(monkeypatch, capsys, command):
    """What would play and train here ends with one line that names the variable."""
    monkeypatch.setenv(DISABLE_LOCAL_TASKS, "1")
    assert run(command) == 2
    assert f"{DISABLE_LOCAL_TASKS} is set" in capsys.readouterr().err
    assert not home().exists()


@pytest.mark.parametrize(
    "arguments", [["-Q", "gpu"], ["-Qcpu,gpu"], ["--queues=gpu"], ["-Q", "control,gpu"]]
)
def test_a_worker_for_the_gpu_queue_is_refused(monkeypatch, arguments):
    """Asked for by name, the queue is refused rather than left empty; other queues are not."""
    check = app_module._check_queues
    argv = ["celery", "-A", "ringrift", "worker", *arguments]
    check(argv)
    monkeypatch.setenv(DISABLE_LOCAL_TASKS, "1")
    with pytest.raises(BadInput, match=DISABLE_LOCAL_TASKS):
        check(argv)
    check(["celery", "-A", "ringrift", "worker", "-Q", "cpu,control"])
    check(["celery", "-A", "ringrift", "worker", "-X", "gpu"])


@VALUES
def test_a_bare_worker_leaves_the_queue_to_others(monkeypatch, value, coordinates):
    """A worker of all queues takes nothing from gpu, though this node may still send to it."""
    from celery import Celery
    from celery.signals import celeryd_after_setup

    from ringrift.broker.address import BrokerAddress
    from ringrift.celery_settings import celery_settings

    monkeypatch.setenv(DISABLE_LOCAL_TASKS, value)
    url = "redis://127.0.0.1:1/0"
    app = Celery("ringrift", set_as_current=False)
    app.conf.update(
        celery_settings(Settings.load("unified_loop", {}), BrokerAddress(url, url, "test"))
    )

    class Instance:
        """As much of a worker as its signal shows."""

    Instance.app = app
    celeryd_after_setup.send(sender="worker@here", instance=Instance, conf=app.conf)
    taken = set(app.amqp.queues.consume_from)
    assert taken == ({CPU, CONTROL} if coordinates else {CPU, CONTROL, GPU})
    assert app.amqp.router.route({}, "gpu.train")["queue"].name == GPU
