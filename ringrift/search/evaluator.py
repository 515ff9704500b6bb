"""What a search asks about positions: the one interface between search and networks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ringrift.configs import Config
from ringrift.rules.boards import board
from ringrift.rules.legal import Legal


@runtime_checkable
class Evaluator(Protocol):
    """Turns a batch of states into priors and values.

    One batch at a time is under way: `submit` hands it over, `wait` returns what is said of it. On a device of
    its own the evaluation goes on between the two, and the caller has the processor; elsewhere `submit` computes.
    `evaluate` does both. An evaluator may be used by any thread, by one at a time.
    """

    #: Board and players of all states that it is given.
    config: Config
    #: Rows computed per call; a call may bring fewer.
    batch_size: int

    def submit(self, states: NDArray[np.uint16], legal: Legal) -> None:
        """Begin to evaluate states, as given to `evaluate`; they must not change before `wait`."""
        ...

    def wait(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return what `evaluate` would for the states that were submitted, once it is known."""
        ...

    def evaluate(
        self, states: NDArray[np.uint16], legal: Legal
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Evaluate states uint16[B, 6, N] in which a decision is due.

        legal: their legal actions, L in all; nothing is said of others, which are a hundred times as many. Returns
        logits float32[L] in the order of those, and values float32[B, P], the probability that each absolute seat
        wins (sum 1). Both hold until the next call.
        """
        ...


class AtOnce(ABC):
    """`submit` and `wait` of an evaluator that has nobody else to compute for it."""

    _said: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None

    @abstractmethod
    def evaluate(
        self, states: NDArray[np.uint16], legal: Legal
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """As `Evaluator.evaluate`."""

    def submit(self, states: NDArray[np.uint16], legal: Legal) -> None:
        """Evaluate; as `Evaluator.submit`."""
        assert self._said is None, "an evaluation is under way"
        self._said = self.evaluate(states, legal)

    def wait(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return what was found; as `Evaluator.wait`."""
        assert self._said is not None, "nothing was submitted"
        said, self._said = self._said, None
        return said


class UniformEvaluator(AtOnce):
    """Knows nothing: equal priors, equal chances. The floor that every network must beat."""

    def __init__(self, config: Config, batch_size: int = 64) -> None:
        """Serve states of one configuration."""
        self.config = config
        self.batch_size = batch_size
        self._logits = np.zeros(
            batch_size * board(config.board).num_actions(config.players), np.float32
        )
        self._values = np.full((batch_size, config.players), 1 / config.players, np.float32)

    def evaluate(
        self, states: NDArray[np.uint16], legal: Legal
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return zeros and equal chances; shapes as in `Evaluator.evaluate`."""
        return self._logits[: len(legal.actions)], self._values[: len(states)]
