"""Rows of a dataset file in memory, and the batches that are made of them.

Legend of shapes: n rows, B rows of a batch, N cells, P seats, C planes, K widest legal list, S side of the grid.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ringrift.configs import Config
from ringrift.data.npz import read_npz
from ringrift.errors import BadInput
from ringrift.nets.features import num_planes, num_scalars
from ringrift.nets.kernels.features import write_features
from ringrift.rules.boards import board, tables
from ringrift.rules.kernels.constants import NUM_FIELDS
from ringrift.rules.symmetry import symmetries
from ringrift.training.kernels.batch import policy_rows, value_rows


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step learns from, all relative to the mover."""

    planes: Tensor  # float32[B, C, S, S], channels-last in memory
    scalars: Tensor  # float32[B, K']
    legal: Tensor  # int64[B, K] places of the legal actions among the flattened policy outputs
    target: Tensor  # float32[B, K] policy, 0 beyond the legal ones
    count: Tensor  # int64[B] legal actions; 0 where there is no policy target
    value: Tensor  # float32[B, P] shares of seats, sum 1
    eliminated: Tensor  # float32[B, P] final eliminated rings / VT
    territory: Tensor  # int64[B, S, S] final owner, -100 off board
    weight: Tensor  # float32[B]

    def to(self, device: torch.device) -> Batch:
        """The batch on a device; itself on the CPU."""
        if device.type == "cpu":
            return self
        return Batch(*(getattr(self, field.name).to(device) for field in fields(self)))


def _shape(path: Path, arrays: dict[str, NDArray[Any]], config: Config) -> int:
    """Check that the arrays belong together and to `config`; returns n."""
    rows, cells, players = len(arrays["states"]), board(config.board).n, config.players
    shapes: dict[str, tuple[int, ...]] = {
        "states": (rows, NUM_FIELDS, cells),
        "policy_index": (rows + 1,),
        "policy_prob": arrays["policy_action"].shape,
        "value": (rows, players),
        "root_value": (rows, players),
        "final_territory": (rows, cells),
        "final_elim": (rows, players),
        "game": (rows,),
        "heldout": (rows,),
        "full": (rows,),
        "weight": (rows,),
    }
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise BadInput(
                f"dataset {path}: {name} is {arrays[name].shape}, expected {shape} for {config}"
            )
    index, actions = arrays["policy_index"], arrays["policy_action"]
    if rows and (index[0] != 0 or index[-1] != len(actions) or (np.diff(index) < 0).any()):
        raise BadInput(f"dataset {path}: policy_index does not divide policy_action")
    most = board(config.board).num_actions(players)
    if len(actions) and not (actions.min() >= 0 and actions.max() < most):
        raise BadInput(f"dataset {path}: an action is outside 0..{most - 1}")
    if not np.isfinite(arrays["value"]).all():
        raise BadInput(f"dataset {path}: a value target is not a number")
    return rows


class Dataset:
    """A dataset file, checked, with its rows divided into training and held-out games."""

    def __init__(self, path: Path, config: Config) -> None:
        """Read everything; BadInput when the file is broken or belongs to another config."""
        arrays = read_npz(path)
        _shape(path, arrays, config)
        self.config = config
        self.arrays = arrays
        # A search may leave a root value out; not-a-number says so.
        arrays["root_value"] = np.nan_to_num(arrays["root_value"], nan=0.0)
        heldout = arrays["heldout"]
        #: Numbers of the rows, int64.
        self.training_rows = np.flatnonzero(~heldout).astype(np.int64)
        self.heldout_rows = np.flatnonzero(heldout).astype(np.int64)
        if not len(self.training_rows):
            raise BadInput(f"dataset {path}: no row to train on")
        full = arrays["full"][self.training_rows]
        #: Part of the training rows that have a policy target.
        self.full_share = float(full.mean())


class Batcher:
    """Makes batches by kernels, in buffers of its own: a batch holds until the next one is made."""

    def __init__(self, dataset: Dataset, size: int, root_value_share: float) -> None:
        """Prepare buffers for batches of up to `size` rows."""
        self.dataset = dataset
        self.root_value_share = root_value_share
        b, config = board(dataset.config.board), dataset.config
        players, side = config.players, b.side
        self._tables, self._sym = tables(config.board), symmetries(config)
        self.symmetries = len(self._sym.cell)
        self._moved = np.zeros((size, NUM_FIELDS, b.n), np.uint16)
        self._planes = np.zeros((size, side, side, num_planes(players)), np.float32)
        self._scalars = np.zeros((size, num_scalars(players)), np.float32)
        # no position has more legal actions than the action space
        actions = b.num_actions(players)
        self._legal = np.zeros((size, actions), np.int64)
        self._target = np.zeros((size, actions), np.float32)
        self._count = np.zeros(size, np.int64)
        self._value = np.zeros((size, players), np.float32)
        self._eliminated = np.zeros((size, players), np.float32)
        self._territory = np.zeros((size, side, side), np.int64)

    def make(self, rows: NDArray[np.int64], which: NDArray[np.int64]) -> Batch:
        """The batch of `rows` int64[B], each under the symmetry with its number in `which` int64[B]."""
        a, t, sym, count = self.dataset.arrays, self._tables, self._sym, len(rows)
        players = self.dataset.config.players
        index, target, counts = self._legal[:count], self._target[:count], self._count[:count]
        widest = policy_rows(
            a["states"], t, sym, rows, which,
            a["policy_index"], a["policy_action"], a["policy_prob"], a["full"],
            self._moved[:count], index, target, counts,
        )  # fmt: skip
        write_features(self._moved, count, t, players, self._planes, self._scalars)
        value_rows(
            a["states"], t, sym, rows, which,
            a["value"], a["root_value"], self.root_value_share,
            a["final_territory"], a["final_elim"],
            self._value[:count], self._eliminated[:count], self._territory[:count],
        )  # fmt: skip
        return Batch(
            planes=torch.from_numpy(self._planes[:count]).permute(0, 3, 1, 2),
            scalars=torch.from_numpy(self._scalars[:count]),
            legal=torch.from_numpy(index[:, :widest].copy()),
            target=torch.from_numpy(target[:, :widest].copy()),
            count=torch.from_numpy(counts),
            value=torch.from_numpy(self._value[:count]),
            eliminated=torch.from_numpy(self._eliminated[:count]),
            territory=torch.from_numpy(self._territory[:count]),
            weight=torch.from_numpy(a["weight"][rows]),
        )


class Sampler:
    """Which rows, under which symmetries, step number s learns from: a function of seed and s alone.

    Rows are taken without repetition until all have been used, then in a new order. Nothing is carried from step
    to step, so a training that goes on from a checkpoint sees what an undisturbed one would have seen.
    """

    def __init__(
        self, rows: NDArray[np.int64], batch_size: int, symmetry_count: int, seed: int
    ) -> None:
        """Sample from `rows` int64[n]."""
        self._rows, self._size, self._symmetries, self._seed = (
            rows,
            batch_size,
            symmetry_count,
            seed,
        )
        self._epoch = -1
        self._order = rows

    def _row_order(self, epoch: int) -> NDArray[np.int64]:
        if epoch != self._epoch:
            random = np.random.default_rng((self._seed, 1, epoch))
            self._epoch, self._order = epoch, random.permutation(self._rows)
        return self._order

    def step(self, step: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and symmetries, both int64[B], of step number `step`."""
        at, parts, left = step * self._size, [], self._size
        while left:
            epoch, offset = divmod(at, len(self._rows))
            part = self._row_order(epoch)[offset : offset + left]
            parts.append(part)
            at += len(part)
            left -= len(part)
        random = np.random.default_rng((self._seed, 2, step))
        return np.concatenate(parts), random.integers(self._symmetries, size=self._size)
