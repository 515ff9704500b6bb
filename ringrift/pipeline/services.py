"""The work itself, as the pipeline calls it: one function per service, over files.

The pipeline sees these signatures only; `real_services` binds them to selfplay, data, training and
evaluation, which are imported when first called (torch and numba stay out of light commands and of
forking parents). Tests bind small real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from ringrift.configs import Config
from ringrift.pipeline.plan import RunPlan


class Progress(Protocol):
    """Told how far a service is; raises when the work must stop."""

    def __call__(self, **figures: Any) -> None:
        """Figures of the service, plain JSON."""


@dataclass(frozen=True, slots=True)
class ShardWork:
    """A shard to be played: fixed when its run was opened."""

    id: str
    run_id: str
    config: Config
    #: sha256 of the weights that play.
    model: str
    seed: int
    number: int
    games: int
    plan: RunPlan
    #: Files of the plan's archive, by sha256.
    archive: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ShardFile:
    """A played shard, named by its content."""

    path: Path
    sha256: str
    games: int
    #: Decisions with a policy target.
    positions: int
    plies: int
    seconds: float
    #: Ending -> games.
    victories: Mapping[str, int]
    #: How games were called decided (`ringrift.data.decided`); empty where none was.
    decided: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckedGame:
    """One game of a shard that may be learned from."""

    id: str
    #: Line among the games of the shard, from 0.
    number: int
    seed: int
    winner: int
    victory: str
    plies: int
    turns: int
    positions: int


class BadShard(Exception):
    """A shard that must not be used; it has been moved away. The message is the reason."""

    def __init__(self, reason: str, path: Path, moved_to: Path) -> None:
        """Where it was and is."""
        super().__init__(reason)
        self.path = path
        self.moved_to = moved_to


@dataclass(frozen=True, slots=True)
class ParityWork:
    """Games to be compared with the oracle."""

    config: Config
    #: Shard files with the ids of the games in them that are compared.
    games: Sequence[tuple[Path, Sequence[str]]]
    #: Folder for what is kept of games that differ.
    quarantine: Path


@dataclass(frozen=True, slots=True)
class FailedGame:
    """A game that differs from the oracle, or from what its own record says."""

    id: str
    #: File that it lies in.
    shard: Path
    #: Where it differs and how, in one line.
    reason: str
    #: Decisions with a policy target that are lost with it.
    positions: int
    #: Its record alone, kept in quarantine.
    record: Path
    #: The same as a trace, which `ringrift parity gate` reads; None where the oracle has nothing
    #: to say of it, and `ringrift record validate` on the record shows the fault.
    reproduction: Path | None


@dataclass(frozen=True, slots=True)
class ParityReport:
    """What the comparison found."""

    #: Games and moves compared; a game counts up to its first difference.
    games: int
    moves: int
    seconds: float
    failed: Sequence[FailedGame]


@dataclass(frozen=True, slots=True)
class ExportWork:
    """A dataset to be made."""

    config: Config
    #: Shard files with their rows, oldest first.
    shards: Sequence[tuple[Path, int]]
    #: Ids of games in them that must not be in it.
    without: frozenset[str]
    #: Folder for what is kept of games that are not what they say.
    quarantine: Path
    seed: int
    plan: RunPlan


@dataclass(frozen=True, slots=True)
class DatasetFile:
    """A dataset, named by its content."""

    path: Path
    sha256: str
    rows: int
    games: int
    heldout_rows: int
    #: Files of the shards that are in it.
    shards: Sequence[Path]
    #: Games of theirs that are not what they say, and are not in it.
    failed: Sequence[FailedGame] = ()


@dataclass(frozen=True, slots=True)
class TrainWork:
    """A training to be done."""

    run_id: str
    config: Config
    dataset: Path
    #: Weights to begin with.
    start: Path
    #: Checkpoints and logs of this training; a second start goes on from what lies here.
    folder: Path
    seed: int
    plan: RunPlan
    #: Compute threads.
    threads: int = 1


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A trained network, named by its content."""

    path: Path
    sha256: str
    #: Steps, losses before and after, seconds; plain JSON.
    metrics: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that the stages call."""

    #: (config, plan, folder) -> file of an untrained network, the same on every machine.
    init_model: Callable[[Config, RunPlan, Path], Path]
    #: (work, file of the weights, folder, progress) -> the shard.
    play_shard: Callable[[ShardWork, Path, Path, Progress], ShardFile]
    #: (file, home, config, games to replay) -> its games; BadShard when it was moved away.
    check_shard: Callable[[Path, Path, Config, int], Sequence[CheckedGame]]
    #: (work, progress) -> which games differ from the oracle.
    check_parity: Callable[[ParityWork, Progress], ParityReport]
    #: (work, folder, progress) -> the dataset.
    export: Callable[[ExportWork, Path, Progress], DatasetFile]
    #: (work, progress) -> the model.
    train: Callable[[TrainWork, Progress], TrainedModel]
    #: (match spec, first block, blocks, file of a model by sha256, progress) -> games of the blocks.
    play_blocks: Callable[
        [Mapping[str, Any], int, int, Callable[[str], Path], Progress], Sequence[Mapping[str, Any]]
    ]


def real_services(train_in_child: bool = False) -> Services:
    """The services of RingRift.

    Training in a child cannot take its worker down with it, and its deadline can be kept.
    """
    from ringrift.pipeline.adapters import (
        check_parity,
        check_shard,
        export,
        init_model,
        play_blocks,
        play_shard,
        train,
    )

    return Services(
        init_model=init_model,
        play_shard=play_shard,
        check_shard=check_shard,
        check_parity=check_parity,
        export=export,
        train=partial(train, in_child=train_in_child),
        play_blocks=play_blocks,
    )
