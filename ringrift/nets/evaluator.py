"""What all evaluators with a network have in common, whatever computes the network.

An evaluator is given states and says logits and values of them (`ringrift.search.evaluator` is the interface that
searches know). It can be asked in one call, or in two: `submit` starts the network, `wait` has the answer. Where the
network runs beside us, on a GPU, the time between the two is free for other work; on a CPU `submit` has computed it.
"""

from __future__ import annotations

import abc
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.nets.backend import Backend
from ringrift.nets.readout import Readout
from ringrift.rules.legal import Legal

#: policy [B, S, S, Q], float32 or the bits of bfloat16 as uint16; tail float32[B, 2]; value float32[B, P].
Answer = tuple[NDArray[Any], NDArray[np.float32], NDArray[np.float32]]


class NetworkEvaluator(abc.ABC):
    """Evaluates positions of one configuration with one network on one backend, a batch at a time."""

    def __init__(self, config: Config, backend: Backend, readout: Readout) -> None:
        self.config = config
        self.backend = backend
        #: Rows computed per call; a call may bring fewer.
        self.batch_size = backend.batch
        self.readout = readout
        self._busy = False

    @abc.abstractmethod
    def start(self) -> None:
        """Give the planes and scalars of the readout to the network."""

    @abc.abstractmethod
    def read(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Logits of the legal actions and values, as `wait` returns them."""

    def submit(self, states: NDArray[np.uint16], legal: Legal) -> None:
        """Start on states uint16[B, 6, N], none over, and their legal actions; B is at most `batch_size`.

        `wait` must follow. The states are copied or done with when this returns, the actions are kept until `wait`; at
        most one batch is under way.
        """
        assert not self._busy, "the last batch was not waited for"
        self.readout.write(states, legal)
        self.start()
        self._busy = True

    def wait(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits float32[L] of the legal actions and values float32[B, P] of what was submitted.

        Values are win probabilities of absolute seats and sum to 1. The arrays hold until the next `wait`. Raises
        BadInput where a number is none: a search that compares NaN with NaN finds no best move, and never ends.
        """
        assert self._busy, "nothing was submitted"
        self._busy = False
        logits, values = self.read()
        if not (np.isfinite(logits).all() and np.isfinite(values).all()):
            raise BadInput(
                f"the network for {self.config} says NaN or infinity, computed by {self.backend}: its weights are "
                "broken, or too large for that number format"
            )
        return logits, values

    def evaluate(
        self, states: NDArray[np.uint16], legal: Legal
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """`submit` and `wait` in one."""
        self.submit(states, legal)
        return self.wait()

    def __repr__(self) -> str:
        """Return what it is."""
        return f"{type(self).__name__}({self.config}, {self.backend})"


class HostEvaluator(NetworkEvaluator):
    """One whose network leaves its answer in the memory of the processor."""

    @abc.abstractmethod
    def _answer(self) -> Answer:
        """What the network made of the readout's planes and scalars."""

    def read(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Pick both out of the answer; see `NetworkEvaluator.read`."""
        return self.readout.read(*self._answer())
