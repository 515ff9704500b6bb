"""The right of a loop to decide, by a lease of its own name: one such loop in a cluster, and a fence.

Through the queue it is a lease in the broker, as the master's; another holder is waited for. Without
a broker there is nobody to wait for: the newest starter has the fence, and the one before it is
refused by the ledger at its next write.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import redis

from ringrift.errors import RingRiftError
from ringrift.pipeline.events import lease_released, lease_taken
from ringrift.pipeline.lease import Lease, new_owner
from ringrift.store.ledger import Fence, Ledger, newest_fence, take_fence


class BrokerSilent(RingRiftError):
    """The broker does not answer: nobody knows who holds what, and nothing can be handed over."""


class Hold(Protocol):
    """One process's right to decide, or wish for it."""

    #: Machine, process and a random part.
    owner: str
    #: Whether one that was superseded may wish for it again.
    again: bool

    def take(self) -> Fence | None:
        """Our fence, taken now if it was not ours; None while another has it. Raises BrokerSilent."""
        ...

    @property
    def held(self) -> bool:
        """Whether it is ours now, as far as we know; any thread may ask."""
        ...

    def give_up(self) -> None:
        """Let go, so that the next one need not wait, or we may take it anew. Never raises."""
        ...


class LeaseHold:
    """By a lease in the broker."""

    again = True

    def __init__(self, make: Callable[[str], Lease]) -> None:
        """``make`` makes the lease for an owner; it may raise RingRiftError while there is no broker."""
        self.owner = new_owner()
        self._make = make
        self._lease: Lease | None = None

    def take(self) -> Fence | None:
        """Our fence, taken now if it was not ours; None while another has it. Raises BrokerSilent."""
        if self._lease is None:
            self._lease = self._make(self.owner)
        try:
            taken = self._lease.acquire()
        except redis.RedisError as error:
            raise BrokerSilent(f"the broker does not answer: {error}") from error
        fence = self._lease.fence  # 0 if it was lost since
        return Fence(self._lease.name, fence) if taken and fence else None

    @property
    def held(self) -> bool:
        """Whether the lease is ours by our own clock."""
        return self._lease is not None and self._lease.held

    def give_up(self) -> None:
        """Give the lease back, if it is ours."""
        if self._lease is not None:
            self._lease.release()
            self._lease = None


class LedgerHold:
    """By a fence in the ledger alone, for a node without a broker."""

    again = False
    held = True

    def __init__(self, ledger: Ledger, name: str) -> None:
        self.owner = new_owner()
        self._ledger = ledger
        self._name = name
        self._fence: Fence | None = None

    def take(self) -> Fence | None:
        """Our fence, taken at the first call."""
        if self._fence is None:
            with self._ledger.write() as tx:
                newest = newest_fence(tx, self._name)
                self._fence = take_fence(tx, self._name, self.owner, after=newest)
                lease_taken(tx, self._fence, self.owner)
        return self._fence

    def give_up(self) -> None:
        """Tell that it is over; nothing once SQL knows a newer holder."""
        fence, self._fence = self._fence, None
        if fence is None:
            return
        try:
            with self._ledger.write(fence) as tx:
                lease_released(tx, fence, self.owner)
        except RingRiftError:  # a newer holder has told of itself, or the ledger is away
            return
