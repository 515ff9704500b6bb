"""The folder of one training: who may use it, and the state to go on from.

::

    lock               held while a trainer runs: a second one is refused
    state.safetensors  weights, averages, optimizer and history after some step
    result.json        written at the end; a finished training is not run again

All files are written aside and renamed. Nothing is pickled.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ringrift.errors import BadInput, NotReached
from ringrift.nets.files import write_aside
from ringrift.training.averages import WeightAverage

#: Grows when the meaning of the state file changes; an older one is not gone on from.
STATE_VERSION: Final = 1
STATE: Final = "state.safetensors"
RESULT: Final = "result.json"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder. Raises NotReached when another trainer does, BadInput when it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "lock")
        lock.acquire(timeout=0)
    except Timeout as error:
        raise NotReached(f"training folder {folder}: another trainer is at work in it") from error
    except OSError as error:
        raise BadInput(f"training folder {folder}: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()


@dataclass(slots=True)
class TrainState:
    """Everything that changes while training."""

    net: nn.Module
    average: WeightAverage
    optimizer: torch.optim.Optimizer
    #: Steps done.
    step: int
    #: float32[steps, 1 + parts]: the total and each loss of every step.
    history: Tensor
    #: Losses on held-out games before the first step, by name.
    heldout_before: dict[str, float]
    #: Seconds spent in earlier runs.
    seconds: float


def save_state(folder: Path, state: TrainState, identity: dict[str, Any]) -> None:
    """Write the state; `identity` is what a training must share to go on from it."""
    tensors: dict[str, Tensor] = {"history": state.history}
    tensors |= {f"net/{name}": value for name, value in state.net.state_dict().items()}
    tensors |= {f"average/{name}": value for name, value in state.average.tensors.items()}
    for i, entry in state.optimizer.state_dict()["state"].items():
        tensors |= {
            f"optimizer/{i}/{key}": torch.as_tensor(value)
            for key, value in entry.items()
            if value is not None
        }
    about = {
        "version": STATE_VERSION,
        "identity": identity,
        "step": state.step,
        "heldout_before": state.heldout_before,
        "seconds": state.seconds,
    }
    content = save(
        {name: value.detach().cpu().contiguous() for name, value in tensors.items()},
        metadata={"training": json.dumps(about, sort_keys=True)},
    )
    write_aside(folder / STATE, content)


def load_state(folder: Path, state: TrainState, identity: dict[str, Any]) -> bool:
    """Go on from a state file into `state`, in place; False where there is none.

    A state of another training (other settings, dataset or start) is BadInput naming what differs. An unreadable
    or older file is set aside as ``state.broken`` and the training begins anew: nothing but time is lost.
    """
    path = folder / STATE
    if not path.exists():
        return False
    try:
        with safe_open(str(path), framework="pt") as file:
            about = json.loads((file.metadata() or {}).get("training", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError):
        about = {}
    if about.get("version") != STATE_VERSION:
        path.replace(path.with_suffix(".broken"))
        return False
    for key in sorted(identity.keys() | about["identity"].keys()):
        if identity.get(key) != about["identity"].get(key):
            raise BadInput(
                f"training folder {folder} holds another training: {key} was "
                f"{about['identity'].get(key)!r}, now {identity.get(key)!r}"
            )
    _restore(state, about, tensors)
    return True


def _restore(state: TrainState, about: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    def part(prefix: str) -> dict[str, Tensor]:
        return {
            name.removeprefix(prefix): value
            for name, value in tensors.items()
            if name.startswith(prefix)
        }

    state.net.load_state_dict(part("net/"))
    for name, value in part("average/").items():
        state.average.tensors[name].copy_(value)
    entries: dict[int, dict[str, Tensor]] = {}
    for name, value in part("optimizer/").items():
        number, key = name.split("/")
        entries.setdefault(int(number), {})[key] = value
    groups = state.optimizer.state_dict()["param_groups"]
    state.optimizer.load_state_dict({"state": entries, "param_groups": groups})
    state.history.copy_(tensors["history"])
    state.step = about["step"]
    state.heldout_before = about["heldout_before"]
    state.seconds = about["seconds"]
