"""What a training reports, while it runs and at its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ringrift.errors import NotReached, RingRiftError


class LossDiverged(RingRiftError):
    """The loss is no longer a number; the message names the step. The run folder keeps the state before it."""


class FolderInUse(NotReached):
    """Another trainer is at work in the folder of the training."""


@dataclass(frozen=True, slots=True)
class TrainProgress:
    """How far a training is."""

    #: Steps done, of so many.
    step: int
    steps: int
    #: name -> mean over the last steps; ``total`` among them.
    losses: dict[str, float]
    learning_rate: float
    samples_per_second: float
    eta_seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainProgress:
        """Read the output of `to_dict`."""
        return cls(**values)


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What a training made."""

    #: Of the saved network, the averaged weights; the path is named by the hash.
    path: Path
    sha256: str
    steps: int
    #: Mean total loss over the first and the last twentieth of the steps.
    loss_before: float
    loss_after: float
    #: name -> loss on held-out games, before the first step and of the averaged weights; empty without such games.
    heldout_before: dict[str, float]
    heldout_after: dict[str, float]
    #: What the value's logits were divided by.
    temperature: float
    #: Rows and steps of the dataset's use.
    samples: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON values; the path by its name only."""
        return {**asdict(self), "path": self.path.name}

    @classmethod
    def from_dict(cls, folder: Path, values: dict[str, Any]) -> TrainResult:
        """Read the output of `to_dict`, the network lying in `folder`."""
        return cls(**{**values, "path": folder / values["path"]})


#: Who wants to know how far a training is.
Progress = Callable[[TrainProgress], None]
