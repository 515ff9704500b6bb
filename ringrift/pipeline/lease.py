"""A lease with a fence: who may steer, until when, and a number by which latecomers are refused.

In Redis, one hash per lease, ``{owner, fence}``, with an expiry; a counter beside it that never
expires. Each step is one script, so it happens whole or not at all. Every new owner has a greater
fence than all before it, and every write of state carries its writer's fence: SQL refuses a stale
one, so an owner that was asleep while another took over can do no harm, whatever it believes.

Redis may lose its memory, SQL may not: SQL gives a new owner its fence, greater than both know of,
so it stands there before the owner's first write.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import redis
import structlog

from ringrift.errors import RingRiftError
from ringrift.pipeline.events import lease_lost, lease_released, lease_taken
from ringrift.pipeline.pulse import Pulse, Pulses, ThreadPulse
from ringrift.store.ledger import (
    MASTER,
    Fence,
    Ledger,
    StaleFence,
    Tx,
    newest_fence,
    take_fence,
)

log = structlog.get_logger(__name__)

__all__ = ["MASTER", "Holder", "Lease", "boot_clock", "new_owner", "read_lease"]

#: KEYS lease, counter; ARGV owner, life in ms. Returns {owner, last fence known here}. One that is ours
#: already, by a try that got no further, gets its whole life again: we shall hold it for so long.
_ACQUIRE = """
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'fence', 0)
end
local owner = redis.call('HGET', KEYS[1], 'owner')
if owner == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return {owner, redis.call('GET', KEYS[2]) or '0'}
"""

#: KEYS lease, counter; ARGV owner, fence. Returns 1, or 0 if it is not ours any more.
_CONFIRM = """
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'fence', ARGV[2])
redis.call('SET', KEYS[2], ARGV[2])
return 1
"""

#: KEYS lease; ARGV owner, life in ms. Returns 1, or 0 if it is not ours any more.
_RENEW = """
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""

#: KEYS lease; ARGV owner. Returns 1 if it was ours.
_RELEASE = """
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease."""

    #: Host, process and a random part, as ``Lease.owner``.
    owner: str
    #: The number that its writes carry.
    fence: int
    #: Seconds until it expires unless it is renewed.
    seconds_left: float


def read_lease(client: redis.Redis, name: str = MASTER) -> Holder | None:
    """Return who holds a lease now, None if nobody does. Raises redis.RedisError."""
    key, _ = _keys(name)
    with client.pipeline(transaction=True) as pipe:
        pipe.hmget(key, "owner", "fence")
        pipe.pttl(key)
        (owner, fence), left = pipe.execute()
    return Holder(owner.decode(), int(fence), left / 1000) if owner and left > 0 else None


def boot_clock() -> float:
    """Seconds that go on while the process is stopped and while the machine sleeps."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


def new_owner() -> str:
    """Return a name that no other process has, and that tells people where it runs."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


class Lease:
    """One process's hold, or wish for one, on a named lease.

    Not for two threads at once, except ``held`` and ``fence``, which any may read.
    """

    def __init__(
        self,
        client: redis.Redis,
        ledger: Ledger,
        *,
        name: str = MASTER,
        seconds: float = 30.0,
        renew_seconds: float = 10.0,
        clock: Callable[[], float] = boot_clock,
        on_lost: Callable[[], None] = lambda: None,
        pulses: Pulses = ThreadPulse,
        owner: str | None = None,
    ) -> None:
        """Life of ``seconds``, renewed well before; ``on_lost`` is called from the renewing pulse when it is over.

        owner: a name that nobody else has, a new one by default.
        """
        self.owner = owner or new_owner()
        self.name = name
        self.seconds = seconds
        self.renew_seconds = renew_seconds
        self._client = client
        self._ledger = ledger
        self._clock = clock
        self._on_lost = on_lost
        self._fence = 0
        self._until = 0.0
        self._pulses = pulses
        self._pulse: Pulse | None = None

    @property
    def held(self) -> bool:
        """Whether it is ours now by our own clock, which started before Redis's did."""
        return self._clock() < self._until

    @property
    def fence(self) -> int:
        """Our number while it is held, else 0."""
        return self._fence if self.held else 0

    def acquire(self) -> bool:
        """Take the lease if nobody holds it, and renew it from now on. Raises redis.RedisError."""
        if self.held:
            return True
        self._end_pulse()
        begun = self._clock()
        keys = _keys(self.name)
        with self._ledger.read() as tx:
            newest = newest_fence(tx, self.name)
        owner, known = cast(
            "tuple[bytes, bytes]",
            self._client.eval(_ACQUIRE, 2, *keys, self.owner, self._milliseconds),
        )
        if owner.decode() != self.owner:
            return False
        try:
            with self._ledger.write() as tx:
                taken = take_fence(tx, self.name, self.owner, at_least=int(known), after=newest)
                lease_taken(tx, taken, self.owner)
            fence = taken.number
        except StaleFence:  # we slept too long, or another has it with another Redis: it keeps it
            self._drop()
            return False
        if not self._client.eval(_CONFIRM, 2, *keys, self.owner, fence):
            self._tell(lease_lost, fence)  # it took too long
            return False
        self._fence, self._until = fence, begun + self.seconds
        self._pulse = self._pulses(f"lease-{self.name}", self.renew_seconds, self._renew)
        return True

    def release(self) -> None:
        """Give the lease back, if it is ours, so that the next owner need not wait. Never raises."""
        self._end_pulse()
        fence, self._until = self.fence, 0.0
        with contextlib.suppress(redis.RedisError):  # it expires by itself
            self._drop()
            if fence:
                self._tell(lease_released, fence)

    @property
    def _milliseconds(self) -> int:
        return int(self.seconds * 1000)

    def _tell(self, how: Callable[[Tx, Fence, str], bool], number: int) -> None:
        """Tell what became of our hold; nothing once SQL knows a newer holder. Never raises."""
        fence = Fence(self.name, number)
        try:
            with self._ledger.write(fence) as tx:
                how(tx, fence, self.owner)
        except RingRiftError as error:  # a newer holder has told of itself, or the ledger is away
            log.info("lease event not told", lease=self.name, fence=number, error=str(error))

    def _drop(self) -> None:
        self._client.eval(_RELEASE, 1, _keys(self.name)[0], self.owner)

    def _end_pulse(self) -> None:
        if self._pulse is not None:
            self._pulse.stop()
        self._pulse = None

    def _renew(self) -> bool:
        """Renew once; False when the lease is gone."""
        begun = self._clock()
        try:
            renewed = self.held and self._client.eval(
                _RENEW, 1, _keys(self.name)[0], self.owner, self._milliseconds
            )
        except redis.RedisError:
            if self.held:
                return True  # there is time for another try
            renewed = False
        if not renewed:
            self._until = 0.0
            self._on_lost()
            self._tell(lease_lost, self._fence)
            return False
        self._until = begun + self.seconds
        return True


def _keys(name: str) -> tuple[str, str]:
    """Return the lease's hash and its counter. The braces keep both on one node of a cluster."""
    return f"ringrift:{{lease:{name}}}", f"ringrift:{{lease:{name}}}:fence"
