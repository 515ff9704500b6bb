"""Working beside others of the same state directory: whose broker, whose workers, whose settings.

The process that has broker and workers notes its settings in a file beside its lock. Who joins it
must have the same ones: what beat only asks for is decided by those workers, with their settings.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ringrift.broker.address import broker_address, check_reachable
from ringrift.broker.server import write_private
from ringrift.errors import BadInput, shown
from ringrift.settings.settings import Settings
from ringrift.store.ids import digest

#: Holds the settings of the process that holds the lock.
NOTE: Final = "up.json"

#: Keys that say only what one process starts: they may differ.
OWN: Final = ("loop.profile", "cluster.flower_port", "storage.min_free_mib")

#: Differing keys that are named.
NAMED: Final = 3

#: Seconds between two looks at a process that starts or ends.
LOOK_SECONDS: Final = 0.1

#: Seconds that workers have to say which queues they take.
ANSWER_SECONDS: Final = 1.0


def note_settings(home: Path, settings: Settings) -> None:
    """Write down what the workers of this process are told."""
    write_private(home / NOTE, json.dumps(_comparable(settings), indent=1) + "\n")


def check_settings(home: Path, holder: int, settings: Settings) -> None:
    """Raise BadInput, which names the keys, if the workers of another process have other settings."""
    try:
        theirs = dict(_keys(json.loads((home / NOTE).read_text(encoding="utf-8"))))
    except (OSError, ValueError):
        return  # not noted: nothing to compare
    ours = dict(_keys(_comparable(settings)))
    differ = [
        f"{key} is {shown(theirs.get(key))} there and {shown(ours.get(key))} here"
        for key in {**theirs, **ours}
        if key not in OWN and theirs.get(key) != ours.get(key)
    ]
    if differ:
        more = f" and {len(differ) - NAMED} more" if len(differ) > NAMED else ""
        raise BadInput(
            f"process {holder} runs the workers of {home} with other settings, by which they would"
            f" decide: {', '.join(differ[:NAMED])}{more}; give both the same settings file"
        )


def await_broker(
    home: Path, environ: Mapping[str, str], alive: Callable[[], bool], say: Callable[[str], None]
) -> None:
    """Wait until the broker that another process starts answers; it may have to compile first.

    Raises BadInput when there is none and nobody starts one.
    """
    said = False
    while True:
        try:
            check_reachable(broker_address(home, environ))
        except BadInput:
            if not alive():
                raise
        else:
            return
        if not said:
            say("waiting for the broker that another process starts …")
            said = True
        time.sleep(LOOK_SECONDS)


def served_here() -> frozenset[str]:
    """The queues that workers of this machine take by now; asks them, which takes a second."""
    from ringrift.celery import loaded

    answers = loaded().control.inspect(timeout=ANSWER_SECONDS).active_queues() or {}
    return frozenset(
        str(queue["name"])
        for node, queues in answers.items()
        if node.partition("@")[2] == socket.gethostname()
        for queue in queues
    )


def _comparable(settings: Settings) -> dict[str, Any]:
    """The settings as plain JSON; of hooks, which may hold secrets, only what tells them apart."""
    values = settings.model_dump(mode="json")
    hooks = values["events"]["hooks"]
    hooks.update({kind: f"hooks {digest(commands)[:12]}" for kind, commands in hooks.items()})
    return values


def _keys(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield place and value of each key."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _keys(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value
