"""The Celery app: ``celery -A ringrift worker -Q gpu``, ``celery -A ringrift beat``.

    celery_settings.py    every setting that is not Celery's own, with its reason
    celery_scheduler.py   beat that holds the master lease; its table is beat_schedule.py
    celery_deliveries.py  what keeps running work from being delivered twice
    celery_transport.py   what keeps bad messages from killing a worker, and from being lost
    celery_queues.py      what is in the broker, for maintenance
    celery_results.py     what is not done with results
    celery_flower.py      for whom the web page is

The tasks are in the package `workers`, loaded by name: this layer lies below them.

Importing this module reads no setting and connects to nothing, except when the program is
``celery`` itself: then whatever is wrong with the settings or the broker ends it with one line and
exit code 2, before Celery would begin to retry for ever.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, ClassVar

import redis
from celery import Celery, signals
from celery.loaders.app import AppLoader
from celery.utils.nodenames import default_nodename

from ringrift.broker.address import broker_address, check_reachable, client_of
from ringrift.broker.embedded import running_url, unanswering
from ringrift.celery_deliveries import DeliveryKeeper
from ringrift.celery_flower import USER, left_open, password_file
from ringrift.celery_settings import SCHEDULE_MODULE, TASK_MODULES, celery_settings
from ringrift.celery_transport import Guard
from ringrift.errors import BadInput, RingRiftError, nearest
from ringrift.pipeline.context import open_context
from ringrift.pipeline.lease import Holder, read_lease
from ringrift.pipeline.queues import GPU, QUEUES
from ringrift.settings.home import home, prepare_home
from ringrift.settings.secrets import BROKER_URL, masked, secret
from ringrift.settings.settings import Settings
from ringrift.settings.switches import DISABLE_LOCAL_TASKS, refuse_local_work, switched_on

__all__ = ["app", "loaded", "master_holder"]

#: Seconds that a program which sends waits for one answer of the broker; a message takes milliseconds.
SEND_SECONDS = 10.0


class Loader(AppLoader):
    """Gives the app its configuration when it is first asked for, not when it is imported."""

    override_backends: ClassVar[dict[str, str]] = dict.fromkeys(
        ("redis", "rediss"), "ringrift.celery_results:Results"
    )

    def read_configuration(self, env: str = "") -> dict[str, Any]:  # noqa: ARG002 - Celery's
        """Read our settings and find the broker. Raises BadInput."""
        return celery_settings(Settings.load(), broker_address(home()))


app = Celery(
    "ringrift",
    loader=Loader,
    amqp="ringrift.celery_transport:AMQP",
    include=[*TASK_MODULES, SCHEDULE_MODULE],
)
app.steps["consumer"].add(DeliveryKeeper)
app.steps["consumer"].add(Guard)


@signals.celeryd_init.connect
def _name_node(instance: Any, options: dict[str, Any], **_: Any) -> None:
    """Name a worker that was started without -n by its queues and its process.

    Celery calls all of a machine celery@HOST, and two of one name look like one that was started again.
    """
    if instance.hostname == default_nodename(None):
        queues = options.get("queues") or []
        served = queues.split(",") if isinstance(queues, str) else queues
        name = "-".join([*served, str(os.getpid())]) if served else f"celery-{os.getpid()}"
        instance.hostname = default_nodename(f"{name}@")


@signals.celeryd_after_setup.connect
def _leave_gpu(instance: Any, **_: Any) -> None:
    """A node that only coordinates takes nothing from the gpu queue, though it may send to it."""
    if switched_on(DISABLE_LOCAL_TASKS):
        instance.app.amqp.queues.deselect(GPU)


def loaded() -> Celery:
    """Return the app with its tasks, for a program that sends them.

    Raises BadInput where a setting is wrong or no broker is known. Connects to none.

    Loading `workers.flows` also registers the dispatcher that works through the queue.
    """
    app.loader.import_default_modules()
    app.finalize()
    # A program at somebody's console must not wait for ever for a broker that stands still, as kombu would: it could
    # neither say so nor hear Ctrl-C. Workers do wait: they have nothing else to do.
    patience = {"socket_timeout": SEND_SECONDS, "socket_connect_timeout": SEND_SECONDS}
    app.conf.broker_transport_options = {**app.conf.broker_transport_options, **patience}
    app.conf.redis_socket_timeout = app.conf.redis_socket_connect_timeout = SEND_SECONDS
    return app


def master_holder() -> Holder | None:
    """Return who holds the master lease, None if nobody does or if there is no broker at all.

    Raises BadInput when there is a broker and it does not answer: then nobody can know.
    """
    if not secret(BROKER_URL) and running_url(home()) is None:
        silent = unanswering(home())
        if silent is None:
            return None
        raise BadInput(f"the master lease cannot be read: {silent}")
    address = broker_address(home())
    client = client_of(address.url)
    try:
        return read_lease(client)
    except redis.RedisError as error:
        raise BadInput(f"the master lease cannot be read: {error}") from error
    finally:
        client.close()


def _is_celery_command(argv: list[str]) -> bool:
    """Tell whether this process is Celery's own program, about to do something with a broker."""
    program = Path(argv[0])
    named = program.name == "celery" or program.parts[-2:] == ("celery", "__main__.py")
    return named and "--help" not in argv


def _check_queues(argv: list[str]) -> None:
    """Raise BadInput at a queue that is none of ours; Celery would end with its whole traceback."""
    for before, word in zip(argv, [*argv[1:], ""], strict=True):
        names = ""
        if before in ("-Q", "--queues", "-X", "--exclude-queues"):
            names = word
        elif before.startswith(("--queues=", "--exclude-queues=")):
            names = before.partition("=")[2]
        elif before.startswith(("-Q", "-X")):
            names = before[2:]
        for name in filter(None, (name.strip() for name in names.split(","))):
            if name not in QUEUES:
                raise BadInput(f"unknown queue {name!r}: {nearest(name, QUEUES)}")
            if name == GPU and not before.startswith(("-X", "--exclude")):
                refuse_local_work(f"queue {GPU}")


def _refuse_early(argv: list[str]) -> None:
    """Check all that can be wrong; end the process with one line and exit code 2 if it is."""
    try:
        if "worker" in argv:
            _check_queues(argv)
        settings = Settings.load()
        check_reachable(broker_address(home()))
        if {"worker", "beat"} & set(argv):
            open_context().ledger.close()
        if "flower" in argv:
            folder = prepare_home(settings.storage.min_free_mib, home())
            ours = left_open(folder, settings.cluster.flower_port, argv, os.environ)
            if "FLOWER_BASIC_AUTH" in ours:
                where = f"Flower asks for user {USER}, password: cat {password_file(folder)}"
                print(where, file=sys.stderr)  # noqa: T201 - this is the command's output
            os.environ |= ours
    except RingRiftError as error:
        print(f"error: {masked(str(error))}", file=sys.stderr)  # noqa: T201 - this is the command's output
        sys.exit(error.exit_code)


if _is_celery_command(sys.argv):
    _refuse_early(sys.argv)
