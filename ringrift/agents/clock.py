"""When to stop thinking: limits, a stop from outside, and the time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to think about one move; without any limit the agent's own budget decides."""

    #: Simulations of each decision.
    nodes: int | None = None
    #: Wall-clock seconds.
    seconds: float | None = None
    #: Decisions that the principal variation must reach.
    depth: int | None = None
    #: Until it is stopped.
    infinite: bool = False


@dataclass(slots=True)
class Clock:
    """Runs from its making until its time is up or somebody stops it."""

    limits: Limits
    #: Seconds since any fixed moment; injected so that tests own the time.
    now: Callable[[], float] = time.monotonic
    stopped: bool = False
    start: float = field(init=False)

    def __post_init__(self) -> None:
        """Begin to run."""
        self.start = self.now()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self.now() - self.start

    def expired(self, share: float = 1.0) -> bool:
        """Whether thinking must end: it was stopped, or that share of its time is over."""
        seconds = self.limits.seconds
        return self.stopped or (seconds is not None and self.elapsed >= share * seconds)
