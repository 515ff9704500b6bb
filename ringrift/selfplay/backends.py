"""Which backend computes the network of a shard.

Three rules, in this order:

1. A shard that was begun goes on with what it was begun with: its checkpoint names the backend, and bits depend on it.
2. A backend that the settings name (`selfplay.backend`) is taken.
3. Else all that can run here are timed at the first start with a network of this size, and the fastest is taken, with
   the reserve that `ringrift.nets.choice` explains. The log says what was tried, at every start, and the state
   directory keeps it, in `backends/`: delete that to time again. A network that says the same of every position is
   never computed, so nothing is timed for it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import structlog
from filelock import FileLock
from numpy.typing import NDArray

from ringrift.errors import BadInput
from ringrift.nets.backend import Backend
from ringrift.nets.choice import choose_backend, default_backend, named_backend
from ringrift.nets.cpu import cpu_flags
from ringrift.nets.files import write_aside
from ringrift.nets.network import Network, knows_nothing
from ringrift.nets.presence import present, require, version_of
from ringrift.selfplay import checkpoint
from ringrift.settings.home import home
from ringrift.store.ids import digest

log = structlog.get_logger(__name__)

#: Seconds of timing for each candidate, beside the second or so that each takes to be made.
SECONDS: Final = 0.4

#: Folder of what was found, in the state directory.
FOLDER: Final = "backends"

_chosen: dict[str, Backend] = {}


def begun_backend(at: Path) -> tuple[Backend, int] | None:
    """Backend and lanes of the shard whose checkpoint this is; None where this machine cannot go on with it."""
    header = checkpoint.begun_with(at)
    named, lanes = header.get("backend"), header.get("lanes", 1)
    if not isinstance(named, dict) or not isinstance(lanes, int):
        return None
    try:
        backend = Backend.from_dict(named)
        require(backend.kind)
    except (BadInput, TypeError) as error:
        log.warning("a shard cannot go on as it was begun", path=str(at), reason=str(error))
        return None
    return backend, lanes


def backend_for(
    wish: str, net: Network, batch: int, opening: NDArray[np.uint16], threads: int = 1
) -> Backend:
    """The backend for batches of so many positions of a network.

    wish: one of `ringrift.nets.choice.WISHES`. opening: uint16[1, 6, N], what is timed: the work does not depend on
    the position. Raises BadInput where a backend that is named cannot run here.
    """
    if wish != "auto":
        return named_backend(wish, batch, threads)
    if knows_nothing(net):
        return default_backend(batch, threads)
    return dataclasses.replace(chosen_for(net, batch, opening), threads=threads)


def chosen_for(net: Network, batch: int, opening: NDArray[np.uint16]) -> Backend:
    """What timing says of networks of this size; timed by the first process of a state directory that asks.

    The others wait for it and read what it found, later starts too: two timings could differ, and then the same
    command would play other games. Other libraries or another processor are timed anew.
    """
    circumstances = _circumstances(net, batch)
    key = digest(circumstances)
    if key in _chosen:
        return _chosen[key]
    folder = home() / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{key}.lock"):
            _chosen[key] = _kept(folder / f"{key}.json") or _timed(
                net, batch, opening, circumstances, folder / f"{key}.json"
            )
    except OSError as error:
        raise BadInput(f"cannot write to {folder}: {error.strerror}") from error
    return _chosen[key]


def _circumstances(net: Network, batch: int) -> dict[str, Any]:
    """All that decides how fast the backends are, as JSON values."""
    return {
        "config": str(net.config),
        "network": dataclasses.asdict(net.arch),
        "batch": batch,
        "processor": hashlib.sha256(" ".join(sorted(cpu_flags())).encode()).hexdigest()[:16],
        "libraries": {name: version_of(name) for name in ("torch", "openvino", "onnxruntime")},
        "present": present(),
    }


def _kept(path: Path) -> Backend | None:
    """What an earlier start has found; None where there was none, or it cannot be read."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        backend = Backend.from_dict(kept["backend"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    log.info("backend as timed before", file=str(path), **_figures(backend, kept))
    return backend


def _timed(
    net: Network,
    batch: int,
    opening: NDArray[np.uint16],
    circumstances: Mapping[str, Any],
    path: Path,
) -> Backend:
    """Time what is here, say and keep what was found."""
    choice = choose_backend(net, opening, (batch,), seconds=SECONDS)
    found = {
        "backend": choice.backend.to_dict(),
        "evaluations_per_second": round(choice.evaluations_per_second),
        "tried": [str(timing) for timing in choice.timings],
        "missing": dict(choice.missing),
    }
    write_aside(path, json.dumps({**found, "for": circumstances}, indent=1).encode())
    log.info("backend chosen", config=str(net.config), **_figures(choice.backend, found))
    return choice.backend


def _figures(backend: Backend, found: Mapping[str, Any]) -> dict[str, Any]:
    """What the log says."""
    said = {key: found.get(key) for key in ("evaluations_per_second", "tried", "missing")}
    own = backend.to_dict()
    return {"backend": own.pop("kind"), **own, **said}
