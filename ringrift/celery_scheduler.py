"""Beat that holds the master lease: the one clock of a cluster.

Each beat tries for the lease; the one that has it sends what is due, and each message carries the
fence of the lease, so that SQL refuses what an outdated master decided. The others stand by and
look again. The one that stops gives the lease back; the one that is killed or asleep loses it when
it expires.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any, Final

import redis
from celery.beat import Scheduler
from celery.utils.log import get_logger

from ringrift.broker.address import broker_address, client_of
from ringrift.celery_look import lists_of
from ringrift.errors import RingRiftError
from ringrift.pipeline.lease import Lease
from ringrift.settings.home import home
from ringrift.settings.settings import Settings
from ringrift.store.ledger import open_ledger

log = get_logger(__name__)

#: Messages of one queue beyond which beat adds none: each says no more than "look now", and where nobody
#: takes them, for a week, the broker's memory would be full of them.
MOST_WAITING: Final = 100

#: Longer than any period.
LONG_AGO: Final = timedelta(days=365)


class LeasedScheduler(Scheduler):
    """Celery's in-memory scheduler, working only while this process is the master.

    Nothing is kept in a file: periods begin anew with each master, with everything due at once, so that
    restarts that are more frequent than a period do not keep what it is for from ever being done.
    """

    def __init__(self, app: Any, *args: Any, lazy: bool = False, **kwargs: Any) -> None:
        self._lease: Lease | None = None
        self._state = ""
        super().__init__(app, *args, lazy=lazy, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send at most one due message if we are the master; return seconds until the next look."""
        if self._hold():
            if self._clock_was_set_back():
                self._all_due()
            return super().tick(*args, **kwargs)
        return self.max_interval

    def apply_async(
        self, entry: Any, producer: Any = None, advance: bool = True, **kwargs: Any
    ) -> Any:
        """Send an entry's message with our fence in it."""
        fence = self._lease.fence if self._lease else 0
        if not fence:  # lost between the look and now
            return None
        if producer is not None and _waiting(producer, entry.options["queue"]) >= MOST_WAITING:
            return None
        entry.kwargs = {**entry.kwargs, "fence": fence}
        return super().apply_async(entry, producer=producer, advance=advance, **kwargs)

    def close(self) -> None:
        """Give the lease back, so that a standby or the next start need not wait for its expiry."""
        try:
            super().close()
        finally:
            if self._lease is not None:
                self._lease.release()

    def _hold(self) -> bool:
        """Be the master if that is possible, and say when it changes."""
        self._lease = self._lease or new_lease()
        was, state = self._state, "standing by: another beat holds the master lease"
        try:
            if self._lease.acquire():
                state = f"master: fence {self._lease.fence} as {self._lease.owner}"
        except (redis.RedisError, RingRiftError) as error:
            state = f"standing by: the master lease cannot be had: {error}"
        if state != was:
            # A bare `celery -A ringrift beat` shows warnings only, and would stand by without a word.
            log.log(logging.INFO if not was and self._lease.held else logging.WARNING, state)
            self._state = state
            self._all_due()
        return self._lease.held

    def _all_due(self) -> None:
        """Let each entry be due now, whenever it was sent last."""
        for entry in self.schedule.values():
            entry.last_run_at = entry.default_now() - LONG_AGO
        self._heap = None

    def _clock_was_set_back(self) -> bool:
        """Whether an entry was sent later than now: Celery would wait until that time comes again."""
        soon = timedelta(seconds=1)  # a clock that is corrected by a moment delays nothing
        return any(
            entry.last_run_at > entry.default_now() + soon for entry in self.schedule.values()
        )


def _waiting(producer: Any, queue: str) -> int:
    """Messages of a queue that wait; 0 while the broker does not say."""
    try:
        return sum(int(producer.channel.client.llen(name)) for name in lists_of(queue))
    except (redis.RedisError, OSError):
        return 0


def new_lease() -> Lease:
    """Return a wish for the master lease by this process's settings."""
    cluster = Settings.load().cluster
    return Lease(
        client_of(broker_address(home()).url),
        open_ledger(home()),
        seconds=cluster.lease_seconds,
        renew_seconds=cluster.lease_renew_seconds,
    )
