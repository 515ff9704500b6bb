"""Handing persisted events over again: to the log, the pipeline or hooks.

Nothing is written but what subscribers do: `pipeline` looks what its run needs now, which is nothing
where that is done already; hooks are run again. Where a hook stands in the events does not change.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ringrift.errors import BadInput, RingRiftError, nearest
from ringrift.pipeline import hooks
from ringrift.pipeline.context import Context
from ringrift.pipeline.event_router import LOG, PIPELINE, WIRING, Subscription
from ringrift.pipeline.hooks import Hook
from ringrift.store import events
from ringrift.store.events import EventRow

#: Events read at a time.
CHUNK = 100


@dataclass(frozen=True, slots=True)
class Handed:
    """One event handed to one subscriber."""

    event: EventRow
    subscriber: str
    #: What went wrong, None where nothing did.
    error: str | None


@dataclass(frozen=True, slots=True)
class Range:
    """Which events are handed over."""

    #: Numbers, both inclusive; no last one means all there are.
    first: int
    last: int | None = None
    kind: str | None = None


def subscribers(ctx: Context) -> list[str]:
    """Everybody who can be named: log, pipeline, hooks (all of them), and each hook."""
    found = hooks.hooks_of(ctx.settings.events)
    return [LOG, PIPELINE, "hooks", *(hook.name for hook in found)]


def replay(ctx: Context, chosen: Range, names: Sequence[str], dry_run: bool) -> Iterator[Handed]:
    """Hand the events of a range to those who listen to them among `names`, in order.

    With `dry_run` nobody is told, and what would be handed over is yielded. BadInput for a name that
    nobody has. NoDispatcher where the pipeline shall go on and nothing carries it out.
    """
    known = subscribers(ctx)
    for name in names:
        if name not in known:
            raise BadInput(f"unknown subscriber {name!r}: {nearest(name, known)}")
    ours = [
        (kind, Subscription(name, handler))
        for kind, said, auto in WIRING
        for name, handler in ((LOG, said), (PIPELINE, auto))
        if handler is not None and name in names
    ]
    programs = [
        hook
        for hook in hooks.hooks_of(ctx.settings.events)
        if hook.name in names or "hooks" in names
    ]
    for event in _events(ctx, chosen):
        for kind, one in ours:
            if kind == event.kind:
                yield Handed(event, one.name, None if dry_run else _hand(ctx, event, one))
        for hook in programs:
            if hook.kind == event.kind:
                yield Handed(event, hook.name, None if dry_run else _run(ctx, event, hook))


def _events(ctx: Context, chosen: Range) -> Iterator[EventRow]:
    after = chosen.first - 1
    with ctx.ledger.read() as tx:
        last = (
            events.last_number(tx) if chosen.last is None else chosen.last
        )  # not what replay tells
    while True:
        with ctx.ledger.read() as tx:
            rows = events.list_events(tx, after=after, to=last, kind=chosen.kind, limit=CHUNK)
        if not rows:
            return
        yield from rows
        after = rows[-1].seq


def _hand(ctx: Context, event: EventRow, one: Subscription) -> str | None:
    if event.fault is not None:
        return event.fault
    try:
        one.handler(ctx.ledger, event)
    except (RingRiftError, OSError) as error:
        return str(error)
    return None


def _run(ctx: Context, event: EventRow, hook: Hook) -> str | None:
    if event.fault is not None:
        return event.fault
    sys.stderr.flush()
    # What it prints is shown: somebody is looking.
    error = hooks.run_hook(hook, event, ctx.settings.events.hook_timeout_seconds, sys.__stderr__)
    if error is not None:
        with ctx.ledger.write() as tx:
            hooks.tell_failed(tx, hook, event, error)
    return error
