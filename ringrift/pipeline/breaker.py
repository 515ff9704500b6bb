"""A circuit breaker: failures one after the other stop a loop, and after a while one try is let through.

    closed ──failures in a row──▶ open ──after a while──▶ half-open ──success──▶ closed
                                   ▲                          │
                                   └─────────failure──────────┘

A value, not an object with a clock: the loop keeps it in its row of the ledger, so that a restart
finds it as it was, and time is what the ledger says. That, and that one try may last for days and
through several processes, is why no library carries it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Self

from ringrift.pipeline.events import circuit_closed, circuit_half_open, circuit_opened
from ringrift.store.ledger import Tx

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half-open"

#: Characters of a reason that are kept: a row is for reading.
REASON_LENGTH: Final = 500


@dataclass(frozen=True, slots=True)
class Breaker:
    """A circuit breaker at one moment."""

    #: closed, open or half-open.
    state: str = CLOSED
    #: Failures since the last success.
    failures: int = 0
    #: How often it has opened, ever.
    openings: int = 0
    #: Tries that were let through since it was last closed.
    tries: int = 0
    #: The last failure; None once there was a success.
    reason: str | None = None
    #: When the next try is let through, seconds since 1970; None unless it is open.
    until: float | None = None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any] | None) -> Self:
        """Inverse of `as_dict`; a closed one for None. Keys of another version are passed over."""
        known = {key: value for key, value in (values or {}).items() if key in cls.__slots__}
        return cls(**known)

    @property
    def text(self) -> str:
        """What it has seen, in words."""
        if not self.failures:
            return "no failure"
        return f"{self.failures} failures in a row, the last one: {self.reason}"

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)

    def failed(self, reason: str, now: float, most: int, reset_seconds: float) -> Self:
        """After a failure: open when there were `most` of them in a row, or when the try failed."""
        failures, reason = self.failures + 1, reason[:REASON_LENGTH]
        if self.state == CLOSED and failures < most:
            return replace(self, failures=failures, reason=reason)
        return replace(
            self,
            state=OPEN,
            failures=failures,
            openings=self.openings + 1,
            reason=reason,
            until=now + reset_seconds,
        )

    def succeeded(self) -> Self:
        """After a success: closed, whatever it was."""
        return type(self)(openings=self.openings)

    def due(self, now: float, longest: float = math.inf) -> Self:
        """Half-open once an open one has been so for long enough, else as it is.

        longest: seconds that one may have left; more, and the clock was set back since.
        """
        if self.state != OPEN or 0.0 < (self.until or 0.0) - now <= longest:
            return self
        return replace(self, state=HALF_OPEN, tries=self.tries + 1, until=None)


def tell(tx: Tx, name: str, before: Breaker, after: Breaker) -> None:
    """Tell what has changed, if that is an event; in the transaction that keeps `after`."""
    if (before.state, before.openings) == (after.state, after.openings):
        return
    if after.state == OPEN:
        about = (after.failures, after.reason or "", after.until or 0.0)
        circuit_opened(tx, name, after.openings, *about)
    elif after.state == HALF_OPEN:
        circuit_half_open(tx, name, after.openings, after.tries)
    else:
        circuit_closed(tx, name, after.openings)
