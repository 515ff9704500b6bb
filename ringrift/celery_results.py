"""Where tasks leave their results: for chords to count and for Flower to show, not to be waited for.

What came of a task is in the ledger. Celery's own backend subscribes, in every process that sends
a chord, to the result of each of its headers, and gives these subscriptions back when the garbage
collector finds the results: after the broker has gone, that is a minute of trying to reconnect at
the end of a program. Nobody here waits, so nobody subscribes.
"""

from __future__ import annotations

from typing import Any, NoReturn

from celery.backends.redis import RedisBackend


class Results(RedisBackend):
    """Celery's Redis backend without its waiting room."""

    def on_task_call(self, producer: Any, task_id: str) -> None:
        """A task is sent: do not subscribe to its result."""

    def add_pending_result(self, result: Any, *_: Any, **__: Any) -> Any:
        """Somebody notes a result for later: neither subscribe nor keep it."""
        return result

    def remove_pending_result(self, result: Any) -> Any:
        """Nothing was kept."""
        return result

    def wait_for_pending(self, result: Any, *_: Any, **__: Any) -> NoReturn:
        """Refuse instead of waiting for ever."""
        raise NotImplementedError(
            f"task {result.id}: results are not waited for here; look at .state, or at the ledger"
        )
