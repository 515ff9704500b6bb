"""Which backend computes the network of a shard.

Three rules, in this order:

1. A shard that was begun goes on with what it was begun with: its checkpoint names the backend, and bits depend on it.
2. A backend that the settings name (`selfplay.backend`) is taken.
3. Else all that can run here are timed, once in a process for each size of network, and the fastest is taken, with the
   reserve that `ringrift.nets.choice` explains; the log says what was tried. A network that says the same of every
   position is never computed, so nothing is timed for it.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Final

import numpy as np
import structlog
from numpy.typing import NDArray

from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.nets.arch import Arch
from ringrift.nets.backend import Backend
from ringrift.nets.choice import Choice, choose_backend, default_backend, named_backend
from ringrift.nets.network import Network, knows_nothing
from ringrift.nets.presence import require
from ringrift.selfplay import checkpoint

log = structlog.get_logger(__name__)

#: Seconds of timing for each candidate, beside the second or so that each takes to be made.
SECONDS: Final = 0.2

_chosen: dict[tuple[Config, Arch, int], Choice] = {}


def begun_backend(at: Path) -> tuple[Backend, int] | None:
    """Backend and lanes of the shard whose checkpoint this is; None where there is none that this machine can go on with."""
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
    return dataclasses.replace(
        chosen_for(net, batch, opening).backend, batch=batch, threads=threads
    )


def chosen_for(net: Network, batch: int, opening: NDArray[np.uint16]) -> Choice:
    """What timing says, of this process's first shard with a network of this size."""
    key = (net.config, net.arch, batch)
    if key not in _chosen:
        choice = choose_backend(net, opening, (batch,), seconds=SECONDS)
        _chosen[key] = choice
        log.info(
            "backend chosen",
            config=str(net.config),
            backend=choice.backend.kind,
            dtype=choice.backend.dtype,
            batch=choice.backend.batch,
            threads=choice.backend.threads,
            evaluations_per_second=round(choice.evaluations_per_second),
            tried=[str(timing) for timing in choice.timings],
            missing=dict(choice.missing),
        )
    return _chosen[key]
