"""The folder of one training: who may use it, and the state to go on from.

::

    lock               held while a trainer runs: a second one is refused
    state.safetensors  weights, averages, optimizer and history after some step, with a sha256 of all that
    result.json        written at the end; a finished training is not run again
    state.broken       a state that could not be gone on from, and beside it state.broken.reason.txt

All files are written aside and renamed. Nothing is pickled.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ringrift.errors import BadInput
from ringrift.nets.files import write_aside
from ringrift.store.folder_lock import only_one
from ringrift.training.averages import WeightAverage
from ringrift.training.result import FolderInUse

log = structlog.get_logger(__name__)

#: Grows when the meaning of the state file changes; an older one is not gone on from.
STATE_VERSION: Final = 2
STATE: Final = "state.safetensors"
RESULT: Final = "result.json"


def locked(folder: Path) -> AbstractContextManager[None]:
    """Hold the folder. Raises FolderInUse when another trainer does, BadInput when it cannot be made."""
    return only_one(
        folder,
        "lock",
        FolderInUse(f"training folder {folder}: another trainer is at work in it"),
    )


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
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    text = json.dumps(about, sort_keys=True)
    content = save(plain, metadata={"training": text, "sha256": _digest(text, plain)})
    write_aside(folder / STATE, content)


def load_state(folder: Path, state: TrainState, identity: dict[str, Any]) -> bool:
    """Go on from a state file into `state`, in place; False where there is none.

    A state of another training (other settings, dataset or start) is BadInput naming what differs. A damaged
    or older file is set aside as ``state.broken`` and the training begins anew: nothing but time is lost.
    """
    path = folder / STATE
    if not path.exists():
        return False
    try:
        about, tensors = _read(path)
    except (SafetensorError, OSError, ValueError) as error:
        _set_aside(path, str(error))
        return False
    for key in sorted(identity.keys() | about["identity"].keys()):
        if identity.get(key) != about["identity"].get(key):
            raise BadInput(
                f"training folder {folder} holds another training: {key} was "
                f"{about['identity'].get(key)!r}, now {identity.get(key)!r}"
            )
    _restore(state, about, tensors)
    return True


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What a state file says of itself, and its tensors. ValueError where it is older, or not what was written."""
    with safe_open(str(path), framework="pt") as file:
        said = file.metadata() or {}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    text = said.get("training", "{}")
    # One wrong bit would not be noticed while training, and be in every model that follows.
    if said.get("sha256") not in (None, _digest(text, tensors)):
        raise ValueError("its content does not have the sha256 that it says")
    about: dict[str, Any] = json.loads(text)
    if about.get("version") != STATE_VERSION:
        raise ValueError(f"version {about.get('version')}, expected {STATE_VERSION}")
    return about, tensors


def _digest(about: str, tensors: Mapping[str, Tensor]) -> str:
    """sha256 (hex) of all that a state file holds."""
    hashed = hashlib.sha256(about.encode())
    for name in sorted(tensors):
        hashed.update(f"{name} {tensors[name].dtype} {list(tensors[name].shape)}\n".encode())
        hashed.update(tensors[name].reshape(-1).view(torch.uint8).numpy())
    return hashed.hexdigest()


def _set_aside(path: Path, reason: str) -> None:
    """Keep one bad state, the newest, with why it is not gone on from."""
    target = path.with_suffix(".broken")
    if target.is_dir():  # whatever it was that came in the way of an earlier one
        shutil.rmtree(target)
    path.replace(target)
    target.with_name(f"{target.name}.reason.txt").write_text(f"{reason}\n", encoding="utf-8")
    log.warning("training begins anew", state=str(target), reason=reason)


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
