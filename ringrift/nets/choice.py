"""Which backend is the fastest here: those that can run are timed, on the network and the positions at hand."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ringrift.nets.backend import Backend
from ringrift.nets.cpu import cpu_has_bf16
from ringrift.nets.evaluators import make_evaluator
from ringrift.nets.network import Network


@dataclass(frozen=True, slots=True)
class Timing:
    """A backend and how fast it ran."""

    backend: Backend
    #: Whole way: states in, logits and values out.
    evaluations_per_second: float


@dataclass(frozen=True, slots=True)
class Choice:
    """What `choose_backend` found."""

    backend: Backend
    #: All candidates, fastest first.
    timings: tuple[Timing, ...]

    def __str__(self) -> str:
        """Return the sentence that is said at start."""
        tried = ", ".join(
            f"{t.backend.dtype}/{t.backend.batch} {t.evaluations_per_second:,.0f}"
            for t in self.timings
        )
        best = self.timings[0].evaluations_per_second
        return f"evaluator: {self.backend}, {best:,.0f} evaluations/s (tried: {tried})"


def time_backend(
    net: Network, backend: Backend, states: NDArray[np.uint16], seconds: float = 0.25
) -> Timing:
    """Measure a backend on full batches of `states` (repeated or cut to its size)."""
    evaluator = make_evaluator(net, backend)
    rows = np.ascontiguousarray(np.resize(states, (backend.batch, *states.shape[1:])))
    evaluator.evaluate(rows)
    best = float("inf")
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        evaluator.evaluate(rows)
        # The fastest call is the least disturbed one: other workers share the machine.
        best = min(best, time.perf_counter() - start)
    return Timing(backend, backend.batch / best)


def candidates(batches: Sequence[int] = (64, 128), threads: int = 1) -> list[Backend]:
    """Backends that this machine can run and that may be its fastest."""
    if torch.cuda.is_available():
        return [Backend("torch-cuda", "float16", batch, threads) for batch in batches]
    dtypes = ["bfloat16", "float32"] if cpu_has_bf16() else ["float32"]
    return [Backend("torch-cpu", dtype, batch, threads) for dtype in dtypes for batch in batches]


def default_backend(batch: int = 64, threads: int = 1) -> Backend:
    """The backend that is fastest on most machines of this kind, without timing anything."""
    return candidates([batch], threads)[0]


def choose_backend(
    net: Network,
    states: NDArray[np.uint16],
    batches: Sequence[int] = (64, 128),
    threads: int = 1,
    seconds: float = 0.25,
) -> Choice:
    """Time the candidates on this machine and take the fastest.

    A larger batch must be worth it: among those within 5% of the fastest the smallest batch wins, since it
    needs fewer games at once to fill.
    """
    timings = sorted(
        (time_backend(net, backend, states, seconds) for backend in candidates(batches, threads)),
        key=lambda timing: -timing.evaluations_per_second,
    )
    enough = 0.95 * timings[0].evaluations_per_second
    chosen = min(
        (t for t in timings if t.evaluations_per_second >= enough), key=lambda t: t.backend.batch
    )
    return Choice(chosen.backend, tuple(timings))
