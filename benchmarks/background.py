"""An evaluator beside the caller: what a GPU is to selfplay, where there is none."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from ringrift.rules.legal import Legal
from ringrift.search.evaluator import Evaluator

Said = tuple[NDArray[np.float32], NDArray[np.float32]]


class Background:
    """Asks another evaluator in a thread of its own; `submit` returns at once."""

    def __init__(self, inner: Evaluator, device: ThreadPoolExecutor) -> None:
        """device: a single thread, shared by the evaluators that take turns on it."""
        self.inner = inner
        self.config = inner.config
        self.batch_size = inner.batch_size
        self._device = device
        self._said: Future[Said] | None = None

    def submit(self, states: NDArray[np.uint16], legal: Legal) -> None:
        """As `Evaluator.submit`."""
        assert self._said is None, "an evaluation is under way"
        self._said = self._device.submit(self.inner.evaluate, states, legal)

    def wait(self) -> Said:
        """As `Evaluator.wait`."""
        assert self._said is not None, "nothing was submitted"
        said, self._said = self._said, None
        return said.result()

    def evaluate(self, states: NDArray[np.uint16], legal: Legal) -> Said:
        """As `Evaluator.evaluate`."""
        self.submit(states, legal)
        return self.wait()
