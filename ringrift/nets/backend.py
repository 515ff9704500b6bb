"""Which backend computes the network, in what number format, how many rows at once, with how many threads."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from ringrift.errors import BadInput, nearest

KINDS: Final = ("torch-cpu", "torch-cuda", "openvino", "onnx")
#: Number formats that a kind computes in; it takes and gives float32 in any case.
DTYPES: Final = {
    "torch-cpu": ("float32", "bfloat16"),
    "torch-cuda": ("float32", "bfloat16", "float16"),
    "openvino": ("float32", "bfloat16"),
    "onnx": ("float32",),
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a number format may be from float32, at most, in any position: the tests hold every backend to it."""

    #: Difference of a seat's chance to win.
    value: float
    #: Difference of the logarithm of a legal action's share of the policy.
    log_policy: float
    #: Kullback-Leibler divergence of the policy over the legal actions, nats.
    divergence: float


#: bfloat16 measured with trained networks, hex8:2, 1024 positions of random games: value 0.006, log_policy 0.03,
#: divergence 0.00002, the same for torch and OpenVINO; with networks whose random weights make them far more sure than
#: trained ones, 64 x 6, all boards: 0.005, 0.16 and 0.002. float32 differs in the order of its sums only: 0.0000004,
#: 0.000003 and nothing. float16 has eight times the precision of bfloat16.
BOUNDS: Final = {
    "float32": Bounds(value=1e-5, log_policy=1e-4, divergence=1e-7),
    "bfloat16": Bounds(value=0.02, log_policy=0.25, divergence=0.004),
    "float16": Bounds(value=0.0025, log_policy=0.03, divergence=0.0005),
}


@dataclass(frozen=True, slots=True)
class Backend:
    """How evaluations are computed; the header of a shard holds it, since the bits depend on it."""

    #: One of KINDS.
    kind: str = "torch-cpu"
    #: One of the kind's DTYPES.
    dtype: str = "float32"
    #: Rows per call.
    batch: int = 64
    #: Compute threads (CPU).
    threads: int = 1

    def __post_init__(self) -> None:
        """Refuse what does not exist."""
        if self.kind not in KINDS:
            raise BadInput(f"unknown backend {self.kind!r}: {nearest(self.kind, KINDS)}")
        known = DTYPES[self.kind]
        if self.dtype not in known:
            raise BadInput(
                f"backend {self.kind} computes no {self.dtype!r}: {nearest(self.dtype, known)}"
            )
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
