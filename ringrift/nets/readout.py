"""What stands on both sides of a network, whoever computes it: features on the one, logits and values on the other.

Legend of shapes: B rows of a batch, N cells, L legal actions of all rows, P seats, S side of the grid, F planes, K scalars, Q policy
planes.

::

    states uint16[B, 6, N] ─ write ─▶ planes float32[B, S, S, F], scalars float32[B, K] ─ a network ─▶
        policy [B, S, S, Q], tail float32[B, 2], value float32[B, P] ─ read ─▶ logits float32[L], values float32[B, P]

All of it lies in buffers of a fixed number of rows. A smaller batch leaves in the other rows what was there: the
fixed shape keeps the sums, and so the bits, of a row independent of how full the batch is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ringrift.configs import Config
from ringrift.nets import features
from ringrift.nets.kernels.features import (
    policy_places,
    read_policy,
    read_policy_bf16,
    read_values,
    write_features,
)
from ringrift.rules.boards import board, tables
from ringrift.rules.kernels.constants import F_SCALAR, NUM_FIELDS
from ringrift.rules.legal import Legal


def input_shapes(config: Config, rows: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shapes [B, S, S, F] of the planes and [B, K] of the scalars."""
    side, players = board(config.board).side, config.players
    return (rows, side, side, features.num_planes(players)), (rows, features.num_scalars(players))


def output_shapes(config: Config, rows: int) -> tuple[tuple[int, ...], ...]:
    """Shapes of what a network says: policy [B, S, S, Q], tail [B, 2], value [B, P]."""
    b, players = board(config.board), config.players
    return (rows, b.side, b.side, b.planes(players)), (rows, 2), (rows, players)


class Readout:
    """The buffers of one evaluator, and the kernels that fill and read them."""

    def __init__(
        self,
        config: Config,
        planes: NDArray[np.float32],
        scalars: NDArray[np.float32],
    ) -> None:
        """planes [B, S, S, F] and scalars [B, K], zeroed: the memory that the network reads."""
        b, rows = board(config.board), len(planes)
        assert (planes.shape, scalars.shape) == input_shapes(config, rows)
        self.planes, self.scalars = planes, scalars
        self._players, self._cells, self._tables = config.players, b.n, tables(config.board)
        self._logits = np.zeros(rows * 64, np.float32)
        self._values = np.zeros((rows, config.players), np.float32)
        self._planes_of_policy = b.planes(config.players)
        #: The scalars of the states written last, uint16[B, 6, N] of which only that row is kept: whose view it is.
        self._states = np.zeros((rows, NUM_FIELDS, b.n), np.uint16)
        self._count = 0
        self._legal = Legal(np.zeros(1, np.int32), np.zeros(0, np.int32))

    @classmethod
    def allocate(cls, config: Config, rows: int) -> Readout:
        """One with memory of its own."""
        planes, scalars = input_shapes(config, rows)
        return cls(config, np.zeros(planes, np.float32), np.zeros(scalars, np.float32))

    def write(self, states: NDArray[np.uint16], legal: Legal) -> None:
        """Write the features of states uint16[count, 6, N], count at most the rows; legal: what `read` will ask."""
        count = len(states)
        assert count <= len(self.planes)
        assert states.shape[1:] == (NUM_FIELDS, self._cells)
        states = np.ascontiguousarray(states, dtype=np.uint16)
        write_features(states, count, self._tables, self._players, self.planes, self.scalars)
        self._states[:count, F_SCALAR] = states[:, F_SCALAR]
        self._count = count
        self._legal = legal

    def read(
        self, policy: NDArray[Any], tail: NDArray[np.float32], value: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Logits float32[L] of the legal actions and values float32[count, P] of the states written last.

        policy [B, S, S, Q] is float32, or uint16 with the bits of bfloat16; tail float32[B, 2]; value float32[B, P],
        mover first. What is returned holds until the next call.
        """
        count = self._count
        start, actions = self._legal
        if len(actions) > len(self._logits):
            self._logits = np.zeros(2 * len(actions), np.float32)
        logits = self._logits[: len(actions)]
        if policy.dtype == np.uint16:
            bits = logits.view(np.uint32)
            read_policy_bf16(policy, tail, count, self._tables, start, actions, bits)
        else:
            read_policy(policy, tail, count, self._tables, start, actions, logits)
        return logits, self.read_values(value)

    def read_values(self, value: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values float32[count, P] of absolute seats from the network's float32[B, P], mover first."""
        values = self._values[: self._count]
        read_values(value, self._states, self._count, values)
        return values

    @property
    def asked(self) -> int:
        """L, the number of logits that `read` returns."""
        return len(self._legal.actions)

    def places(self, out: NDArray[np.int64]) -> None:
        """Write where the logits of the legal actions lie: int64[L] into the flattened policy and tail, side by side."""
        start, actions = self._legal
        rows = len(self.planes)
        policy_places(self._planes_of_policy, rows, self._count, self._tables, start, actions, out)
