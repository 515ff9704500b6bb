"""Hooks: programs of the user that are told of events, from `events.hooks` of the settings.

Each is started once per event, with the event as JSON (`EventRow.as_dict`) on its stdin, at least
once, in the order of the events; it must bear an event twice. It is done with exit code 0 within
`events.hook_timeout_seconds`. Else that is told as HOOK_FAILED, and nothing waits for it: the next
event follows, and `ringrift events replay` hands the lost one over again.

Hooks hear by a row of their own (`store.subscriptions`), beside the relay, so that a slow one never
holds the pipeline up. Their arguments are neither logged nor told: they may hold secrets. A hook ends
with the process that started it.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import structlog

from ringrift.events.payloads import HookFailed
from ringrift.pipeline.context import Context
from ringrift.pipeline.events import Kind
from ringrift.settings.events import ENTRY, EventSettings
from ringrift.store import events, subscriptions
from ringrift.store.events import EventRow, NewEvent
from ringrift.store.ledger import Tx

log = structlog.get_logger(__name__)

#: How long hooks are run in one go, each for its part of it; what is left waits for the next one.
BUDGET_SECONDS: Final = 60.0

#: Runs a program that ends with whoever started it; by name, for it is in a layer beside this one.
GUARD: Final = "ringrift.broker.guard"


@dataclass(frozen=True, slots=True)
class Hook:
    """A program that is told of one kind of event."""

    #: Kind and program, never its arguments: who it is in the ledger, the log and the commands.
    name: str
    kind: str
    #: What is started, without a shell.
    arguments: tuple[str, ...]


def hooks_of(settings: EventSettings) -> list[Hook]:
    """The hooks of the settings, in their order."""
    found, seen = [], Counter[str]()
    for kind, commands in settings.hooks.items():
        for command in commands:
            name, arguments = _program(command)
            name = f"{kind}/{name}"
            seen[name] += 1
            if seen[name] > 1:
                name = f"{name}#{seen[name]}"
            found.append(Hook(name, kind, arguments))
    return found


def _program(command: str) -> tuple[str, tuple[str, ...]]:
    """The name of a hook's program, and what is started for it."""
    if ENTRY.fullmatch(command):
        entry = (sys.executable, "-m", "ringrift.pipeline.hook_entry", command)
        return command[:80], entry
    words = tuple(shlex.split(command))
    return Path(words[0]).name[:80], words


def register(ctx: Context) -> None:
    """Note hooks that are new: they hear what is not relayed yet, and what comes. Before a relay."""
    names = [hook.name for hook in hooks_of(ctx.settings.events)]
    if names:
        with ctx.ledger.write() as tx:
            subscriptions.register(tx, names)


def due(ctx: Context) -> list[Hook]:
    """The hooks that an event waits for."""
    hooks = hooks_of(ctx.settings.events)
    if not hooks:
        return []
    with ctx.ledger.read() as tx:
        return [
            hook
            for hook in hooks
            if subscriptions.waiting(tx, subscriptions.reached(tx, hook.name), [hook.kind], 1)
        ]


def hand_over(
    ctx: Context, hooks: Sequence[Hook] | None = None, budget_seconds: float = BUDGET_SECONDS
) -> int:
    """Run these hooks (None: all) with each event that waits for them; how many runs.

    Failures are told, not raised. One that hangs, event after event, takes its own part of the budget, and an
    event's time more at most.
    """
    chosen = hooks_of(ctx.settings.events) if hooks is None else hooks
    if not chosen:
        return 0
    register(ctx)
    return sum(_hand_over(ctx, hook, budget_seconds / len(chosen)) for hook in chosen)


def _hand_over(ctx: Context, hook: Hook, seconds_at_most: float) -> int:
    """Run one hook with what waits for it, unless another process does; begin no event after so long."""
    until = ctx.clock() + seconds_at_most
    timeout = ctx.settings.events.hook_timeout_seconds
    seconds = 2 * timeout + 30.0  # well above one run
    with ctx.ledger.write() as tx:
        held = subscriptions.hold(tx, hook.name, ctx.owner, seconds)
    if held is None:
        return 0
    ran = 0
    try:
        with ctx.ledger.read() as tx:
            due = subscriptions.waiting(tx, held.seq, [hook.kind])
        for event in due:
            if ctx.stop() or ctx.clock() >= until:
                break
            error = event.fault or run_hook(hook, event, timeout)
            with ctx.ledger.write() as tx:
                if error is not None:
                    tell_failed(tx, hook, event, error)
                held = subscriptions.heard(tx, held, event.seq, seconds)
            ran += 1
    except subscriptions.NotHeld as error:
        log.info("hook left to another process", hook=hook.name, reason=str(error))
        return ran
    with ctx.ledger.write() as tx:
        subscriptions.let_go(tx, held)
    return ran


def tell_failed(tx: Tx, hook: Hook, event: EventRow, error: str) -> None:
    """Tell once that a hook did not deal with an event; of HOOK_FAILED itself only the log hears."""
    log.warning("hook failed", hook=hook.name, kind=event.kind, seq=event.seq, error=error)
    if event.kind != Kind.HOOK_FAILED:
        about = HookFailed(
            hook=hook.name, event=event.id, about=event.kind, number=event.seq, error=error
        )
        events.append(tx, NewEvent.of(about, event.run_id, f"hook/{hook.name}", event.id))


def run_hook(
    hook: Hook, event: EventRow, timeout: float, output: IO[Any] | int | None = subprocess.DEVNULL
) -> str | None:
    """Start a hook with an event; None when it is done well, else what went wrong.

    What it prints goes to `output`: by default nowhere, for it is not ours to keep.
    """
    text = json.dumps(event.as_dict()).encode() + b"\n"
    extra = {"RINGRIFT_EVENT_KIND": event.kind, "RINGRIFT_EVENT_SEQ": str(event.seq)}
    program = shutil.which(hook.arguments[0])
    if program is None:
        return f"cannot be started: no program {hook.name.partition('/')[2]} that may be run"
    bound = (*_guard(), str(os.getpid()), str(int(signal.SIGKILL)), program)
    try:
        process = subprocess.Popen(
            [*bound, *hook.arguments[1:]],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env={**os.environ, **extra},
            start_new_session=True,  # so that it is ended with all that it started
        )
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else type(error).__name__
        return f"cannot be started: {said}"
    try:
        process.communicate(text, timeout)
    except subprocess.TimeoutExpired:
        return f"ended after {timeout:g} s (events.hook_timeout_seconds)"
    finally:
        if process.poll() is None:
            _kill(process)
    if process.returncode < 0:
        return f"killed by signal {-process.returncode}"
    return None if process.returncode == 0 else f"exit code {process.returncode}"


@functools.cache
def _guard() -> tuple[str, ...]:
    """The program that binds another to this process; it needs no packages, and starts in half the time without."""
    found = importlib.util.find_spec(GUARD)
    assert found is not None
    assert found.origin is not None
    return (sys.executable, "-I", "-S", found.origin)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    process.wait()
