"""Runs a network on batches of states, as fast as this machine can.

Legend of shapes: B rows of a batch, N cells, A actions, P seats.

The way of a batch has no Python per position::

    states uint16[B, 6, N] ─ write_features ─▶ planes, scalars ─ torch ─▶ logits over the grid
           ─ read_policy, read_values ─▶ logits float32[B, A], values float32[B, P]

On a CPU the network runs as a frozen TorchScript in bfloat16 (where the CPU multiplies it natively) or float32,
on CUDA in float16. The batch has a fixed size; a smaller one is filled up with what is left in the buffers: the
fixed shape keeps the sums, and so the bits, of a row independent of how full the batch is.
"""

from __future__ import annotations

import platform
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import torch
from numpy.typing import NDArray

from ringrift.configs import Config
from ringrift.errors import BadInput, nearest
from ringrift.nets.checkpoint import LoadedModel, load_model
from ringrift.nets.kernels.features import (
    read_policy,
    read_policy_bf16,
    read_values,
    write_features,
)
from ringrift.nets.network import Network, PlayNetwork
from ringrift.rules.boards import board, tables
from ringrift.rules.kernels.constants import NUM_FIELDS

KINDS: Final = ("torch-cpu", "torch-cuda")
DTYPES: Final = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}

#: A low-precision backend's logits differ from float32's by at most this times (1 + the row's largest logit), its
#: values by at most VALUE_BOUND. Measured with bfloat16 on trained 32 x 4 networks, 4096 positions: 0.007 and 0.007.
LOGIT_BOUND: Final = 0.03
VALUE_BOUND: Final = 0.03


@dataclass(frozen=True, slots=True)
class Backend:
    """How evaluations are computed; the header of a shard holds it, since the bits depend on it."""

    #: One of KINDS.
    kind: str = "torch-cpu"
    #: One of DTYPES.
    dtype: str = "float32"
    #: Rows per call.
    batch: int = 64
    #: Compute threads (CPU).
    threads: int = 1

    def __post_init__(self) -> None:
        """Refuse what does not exist."""
        if self.kind not in KINDS:
            raise BadInput(f"unknown backend {self.kind!r}: {nearest(self.kind, KINDS)}")
        if self.dtype not in DTYPES:
            raise BadInput(f"unknown dtype {self.dtype!r}: {nearest(self.dtype, DTYPES)}")
        if not 1 <= self.batch <= 65536 or not 1 <= self.threads <= 1024:
            raise BadInput(
                f"backend batch {self.batch}, threads {self.threads}: expected 1 or more"
            )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Read the output of `to_dict`; BadInput for an unknown key."""
        known = cls.__slots__
        for key in values:
            if key not in known:
                raise BadInput(f"unknown backend setting {key!r}: {nearest(key, known)}")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings by name, as JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        """Return a short form for people."""
        return f"{self.kind} {self.dtype} batch {self.batch} threads {self.threads}"


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


def cpu_flags() -> frozenset[str]:
    """Instruction sets of this CPU as Linux names them; empty where that is not known."""
    if platform.system() != "Linux":
        return frozenset()
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return frozenset()
    for line in text.splitlines():
        if line.startswith("flags"):
            return frozenset(line.partition(":")[2].split())
    return frozenset()


def cpu_has_bf16() -> bool:
    """Whether this CPU multiplies bfloat16 itself; emulated, it would be slower than float32."""
    return bool({"avx512_bf16", "amx_bf16"} & cpu_flags())


class TorchEvaluator:
    """An `Evaluator` (ringrift.search.evaluator) that asks a network by torch.

    Sets torch's number of compute threads for the whole process: one per worker is what a machine full of
    workers wants.
    """

    def __init__(self, net: Network, backend: Backend) -> None:
        """Make the network ready; takes about a second on a CPU."""
        if backend.kind == "torch-cuda" and not torch.cuda.is_available():
            raise BadInput("backend torch-cuda: torch sees no CUDA device here")
        if torch.get_num_threads() != backend.threads:
            torch.set_num_threads(backend.threads)
        self.config: Config = net.config
        self.backend = backend
        self.batch_size = backend.batch
        self._tables = tables(net.config.board)
        self._players = net.config.players
        b, rows = board(net.config.board), backend.batch
        self._actions = b.num_actions(net.config.players)
        self._cells = b.n
        self._device = torch.device("cuda" if backend.kind == "torch-cuda" else "cpu")
        self._dtype = DTYPES[backend.dtype]
        self._planes = torch.zeros(rows, b.side, b.side, net.inputs)
        self._scalars = torch.zeros(rows, net.scalars)
        if backend.kind == "torch-cuda":
            self._planes, self._scalars = self._planes.pin_memory(), self._scalars.pin_memory()
        self._planes_np, self._scalars_np = self._planes.numpy(), self._scalars.numpy()
        self._logits = np.zeros((rows, self._actions), np.float32)
        self._values = np.zeros((rows, self._players), np.float32)
        self._run = self._compile(net)

    def _compile(self, net: Network) -> Any:
        play = PlayNetwork.of(net).to(self._device, self._dtype)
        play = play.to(memory_format=torch.channels_last)
        with torch.inference_mode(), warnings.catch_warnings():
            # TorchScript is deprecated in favour of torch.compile, which needs a C++ compiler at run time.
            warnings.simplefilter("ignore", DeprecationWarning)
            planes, scalars = self._inputs()
            traced = torch.jit.trace(play, (planes, scalars), check_trace=False)
            run = torch.jit.freeze(traced.eval())
            for _ in range(3):  # the profiling executor settles within two calls
                run(planes, scalars)
        return run

    def _inputs(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Both inputs as the network wants them; the planes keep their channels-last memory."""
        planes = self._planes.to(self._device, self._dtype, non_blocking=True)
        scalars = self._scalars.to(self._device, self._dtype, non_blocking=True)
        return planes.permute(0, 3, 1, 2), scalars

    def evaluate(
        self, states: NDArray[np.uint16]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """States uint16[B, 6, N], none over -> logits float32[B, A] (legality not looked at), values float32[B, P].

        Values are win probabilities of absolute seats and sum to 1. B is at most `batch_size`. The arrays are
        valid until the next call.
        """
        count = len(states)
        assert count <= self.batch_size
        assert states.shape[1:] == (NUM_FIELDS, self._cells)
        states = np.ascontiguousarray(states, dtype=np.uint16)
        t = self._tables
        write_features(states, count, t, self._players, self._planes_np, self._scalars_np)
        with torch.inference_mode():
            policy, tail, value = self._run(*self._inputs())
            if self._device.type == "cuda":
                policy, tail, value = policy.float().cpu(), tail.cpu(), value.cpu()
        logits, values = self._logits[:count], self._values[:count]
        if policy.dtype == torch.bfloat16:
            bits = policy.view(torch.int16).numpy().view(np.uint16)
            read_policy_bf16(bits, tail.numpy(), count, t, logits.view(np.uint32))
        else:
            read_policy(policy.float().numpy(), tail.numpy(), count, t, logits)
        read_values(value.numpy(), states, count, values)
        return logits, values

    def __repr__(self) -> str:
        """Return what it is."""
        return f"TorchEvaluator({self.config}, {self.backend})"


def time_backend(
    net: Network, backend: Backend, states: NDArray[np.uint16], seconds: float = 0.25
) -> Timing:
    """Measure a backend on full batches of `states` (repeated or cut to its size)."""
    evaluator = TorchEvaluator(net, backend)
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


def load_evaluator(path: Path, backend: Backend, config: Config | None = None) -> TorchEvaluator:
    """An evaluator for a stored model, verified as `load_model` does."""
    loaded: LoadedModel = load_model(path, config)
    return TorchEvaluator(loaded.net, backend)
