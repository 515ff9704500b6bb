"""RINGRIFT_TRACE_DEBUG: one trace from shard to promotion.

While a unit is at work, run, stage, shard, task and attempt are bound to its thread (structlog's
context variables), and every line that is logged meanwhile, by whichever library, and every event
that is told, carries them. The run is the same from its first shard to its promotion:

    grep run=1f0c… logs/*.log             what was logged
    ringrift events list --run 1f0c…      what happened

Ids are cut to twelve digits, as everywhere for people.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from structlog import contextvars

from ringrift.settings.switches import TRACE_DEBUG, switched_on

#: What a trace is made of, in the order in which it is written.
KEYS: Final = ("run", "stage", "shard", "task", "attempt")


@contextmanager
def traced(**trace: Any) -> Iterator[None]:
    """Bind a part of the trace for a block, if the variable asks for it; inner blocks add to it."""
    if not switched_on(TRACE_DEBUG):
        yield
        return
    with contextvars.bound_contextvars(**{key: value for key, value in trace.items() if value}):
        yield


def bound() -> dict[str, Any]:
    """Return the trace of the work in hand; empty where there is none or nobody asked for it."""
    found = contextvars.get_contextvars()
    return {key: found[key] for key in KEYS if key in found}
