"""Which backend is the fastest here: those that can run are timed, on the network and the positions at hand."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ringrift.errors import BadInput, nearest
from ringrift.nets.backend import KINDS, Backend
from ringrift.nets.cpu import cpu_has_bf16
from ringrift.nets.evaluators import make_evaluator
from ringrift.nets.network import Network
from ringrift.nets.presence import lacking, present, require
from ringrift.rules.legal import legal_of

#: What a person asks for: the fastest by timing, or a kind by name; "torch" is on the GPU where there is one.
WISHES: Final = ("auto", "torch", "openvino", "onnx")

#: Another backend than the default must be so many times as fast to be chosen. The bits of games depend on the
#: backend: gains as small as the differences between two timings on a busy machine (up to 10%) would make the same
#: spec give other games from machine to machine. OpenVINO's gain over torch, measured with avx512_bf16: 1.06 to 1.14
#: with the networks of the default settings, 1.28 to 1.33 with those of `make run`.
MARGIN: Final = 1.2

#: Parts that the timing of each backend is cut into.
ROUNDS: Final = 4

#: A larger batch or more threads must be so many times as fast: a batch needs games to fill it, a thread a core.
WORTH: Final = 1.05


@dataclass(frozen=True, slots=True)
class Timing:
    """A backend and how fast it ran."""

    backend: Backend
    #: Whole way: states in, logits and values out.
    evaluations_per_second: float

    def __str__(self) -> str:
        """Return a short form for people."""
        return f"{self.backend}: {self.evaluations_per_second:,.0f} evaluations/s"


@dataclass(frozen=True, slots=True)
class Choice:
    """What `choose_backend` found."""

    backend: Backend
    #: All candidates, fastest first.
    timings: tuple[Timing, ...]
    #: (kind, reason) of those that cannot run here.
    missing: tuple[tuple[str, str], ...]

    @property
    def evaluations_per_second(self) -> float:
        """Of the chosen one."""
        return next(t.evaluations_per_second for t in self.timings if t.backend == self.backend)

    def __str__(self) -> str:
        """Return the sentence that is said at start."""
        others = [str(t) for t in self.timings if t.backend != self.backend]
        others += [f"{kind}: {reason}" for kind, reason in self.missing]
        chosen = f"{self.backend}: {self.evaluations_per_second:,.0f} evaluations/s"
        return f"{chosen} ({'; '.join(others) or 'nothing else to choose from'})"


def dtype_of(kind: str) -> str:
    """The number format in which a kind is fastest on this machine."""
    if kind == "torch-cuda":
        return "float16"
    return "bfloat16" if kind != "onnx" and cpu_has_bf16() else "float32"


def default_backend(batch: int = 64, threads: int = 1) -> Backend:
    """The backend that is taken without timing anything: torch, on a GPU where there is one."""
    kind = "torch-cpu" if lacking("torch-cuda") else "torch-cuda"
    return Backend(kind, dtype_of(kind), batch, threads)


def named_backend(wish: str, batch: int = 64, threads: int = 1) -> Backend:
    """The backend that one of WISHES but "auto" names; BadInput where it cannot run here."""
    if wish not in WISHES or wish == "auto":
        raise BadInput(f"unknown backend {wish!r}: {nearest(wish, WISHES[1:])}")
    if wish == "torch":
        return default_backend(batch, threads)
    require(wish)
    return Backend(wish, dtype_of(wish), batch, threads)


def candidates(batches: Sequence[int] = (64,), threads: Sequence[int] = (1,)) -> list[Backend]:
    """Backends that this machine can run and that may be its fastest; on a GPU no other is."""
    kinds = present()
    if "torch-cuda" in kinds:
        kinds, threads = ["torch-cuda"], (1,)
    return [
        Backend(kind, dtype_of(kind), batch, number)
        for kind in kinds
        for batch in batches
        for number in threads
    ]


class _Trial:
    """A backend that is being timed."""

    def __init__(self, net: Network, backend: Backend, states: NDArray[np.uint16]) -> None:
        """Make it ready, and let it settle."""
        self.backend = backend
        self._evaluator = make_evaluator(net, backend)
        self._rows = np.ascontiguousarray(np.resize(states, (backend.batch, *states.shape[1:])))
        self._legal = legal_of(net.config, self._rows)
        self._evaluator.evaluate(self._rows, self._legal)
        self._best = float("inf")

    def run(self, seconds: float) -> None:
        """Time full batches for so long, one at least."""
        end = time.perf_counter() + seconds
        while True:
            start = time.perf_counter()
            self._evaluator.evaluate(self._rows, self._legal)
            now = time.perf_counter()
            # The fastest call is the least disturbed one: other workers share the machine.
            self._best = min(self._best, now - start)
            if now >= end:
                return

    @property
    def timing(self) -> Timing:
        """What was found so far."""
        return Timing(self.backend, self.backend.batch / self._best)


def time_backend(
    net: Network, backend: Backend, states: NDArray[np.uint16], seconds: float = 0.25
) -> Timing:
    """Measure a backend on full batches of `states` uint16[n, 6, N], repeated or cut to its size."""
    trial = _Trial(net, backend, states)
    trial.run(seconds)
    return trial.timing


def choose_backend(
    net: Network,
    states: NDArray[np.uint16],
    batches: Sequence[int] = (64,),
    threads: Sequence[int] = (1,),
    seconds: float = 0.25,
) -> Choice:
    """Time what can run here, on full batches of `states` uint16[n, 6, N], and take what is fastest.

    With reserve: see MARGIN and WORTH. seconds: for each, in ROUNDS parts, one backend after the other, so that what
    else the machine does for a while disturbs them all. One that is installed and does not work counts as missing.
    """
    trials: list[_Trial] = []
    missing = {kind: reason for kind in KINDS if (reason := lacking(kind)) is not None}
    for backend in candidates(batches, threads):
        if backend.kind in missing:
            continue
        try:
            trials.append(_Trial(net, backend, states))
        except (ImportError, OSError, RuntimeError) as error:
            if backend.kind == default_backend().kind:
                raise
            missing[backend.kind] = f"does not work here: {_first_line(error)}"
    for _ in range(ROUNDS):
        for trial in trials:
            trial.run(seconds / ROUNDS)
    timings = sorted((t.timing for t in trials), key=lambda t: -t.evaluations_per_second)
    return Choice(choice_of(timings).backend, tuple(timings), tuple(missing.items()))


def choice_of(timings: Iterable[Timing]) -> Timing:
    """What is taken of backends that were timed: of the best kind, the smallest that is nearly as fast as its best."""
    kinds: dict[str, list[Timing]] = {}
    for timing in timings:
        kinds.setdefault(timing.backend.kind, []).append(timing)
    default = default_backend().kind

    def rank(kind: str) -> float:
        fastest = max(t.evaluations_per_second for t in kinds[kind])
        return fastest * (MARGIN if kind == default else 1.0)

    own = kinds[max(kinds, key=rank)]
    enough = max(t.evaluations_per_second for t in own) / WORTH
    near = [t for t in own if t.evaluations_per_second >= enough]
    return min(near, key=lambda t: (t.backend.threads, t.backend.batch))


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n", 1)[0] or type(error).__name__
