"""Which backend computes the network, in what number format, how many rows at once, with how many threads."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from ringrift.errors import BadInput, nearest

KINDS: Final = ("torch-cpu", "torch-cuda")
DTYPES: Final = ("float32", "bfloat16", "float16")

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
