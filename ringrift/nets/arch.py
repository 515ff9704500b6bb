"""Sizes of a network; apart from the network, so that who only names them need not load torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from ringrift.errors import BadInput, nearest


@dataclass(frozen=True, slots=True)
class Arch:
    """Sizes of a network.

    ============== ========================================== ======= ==============================
    field          meaning                                    default published (KataGo b6c96)
    ============== ========================================== ======= ==============================
    channels       width of the tower                         32      96
    blocks         residual blocks, two convolutions each     4       6
    pool_every     every n-th block gets global pooling       2       2 of 6 blocks
    policy_width   channels between tower and policy planes   32      32
    value_width    channels pooled for the value              32      32
    value_hidden   units between pooled channels and outputs  64      64
    ============== ========================================== ======= ==============================
    """

    channels: int = 32
    blocks: int = 4
    pool_every: int = 2
    policy_width: int = 32
    value_width: int = 32
    value_hidden: int = 64

    def __post_init__(self) -> None:
        """Refuse sizes that make no network."""
        for field in fields(self):
            size = getattr(self, field.name)
            if type(size) is not int or not 1 <= size <= 4096:
                raise BadInput(f"network {field.name} is {size!r}: expected a whole number 1..4096")

    @classmethod
    def from_dict(cls, sizes: dict[str, Any]) -> Self:
        """Read the output of `to_dict`; BadInput for an unknown key."""
        known = [field.name for field in fields(cls)]
        for key in sizes:
            if key not in known:
                raise BadInput(f"unknown size {key!r} of a network: {nearest(key, known)}")
        return cls(**sizes)

    def to_dict(self) -> dict[str, int]:
        """Return the sizes by name."""
        return asdict(self)
