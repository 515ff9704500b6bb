"""What a config waits for while none of its runs is open: positions, its turn, a rest, a loop at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ringrift.pipeline.scheduling import OPEN, PAUSE, Decision
from ringrift.pipeline.triggers import POSITIONS, Trigger
from ringrift.store import loops
from ringrift.store.loops import LoopRow
from ringrift.store.runs import RunRow

#: A config's stage while it has no open run: waits for its turn, rests, its loop stepped back for a
#: master, it or its loop is kept back since runs failed, it has done what it was asked to, nobody works on it.
TURN, REST, DEFERRED, BREAKER = "turn", "rest", "deferred", "breaker"
FINISHED, NOBODY = "finished", "nobody"


@dataclass(frozen=True, slots=True)
class Wait:
    """What is waited for, with figures."""

    #: A stage of a run (`store.stages.ORDER`), or one of those above.
    stage: str
    #: One sentence.
    waits_for: str
    #: How much is there and how much is needed, None where it is no amount.
    have: float | None = None
    need: float | None = None
    unit: str | None = None
    #: Seconds, None where nothing tells.
    eta_seconds: float | None = None
    #: The sentence without those figures, where they stand in it.
    short: str | None = None

    @property
    def brief(self) -> str:
        """What is waited for, for a line in which the figures stand already."""
        return self.waits_for if self.short is None else self.short


@dataclass(frozen=True, slots=True)
class Around:
    """What is at work around a config, at one moment."""

    #: Seconds since 1970.
    now: float
    #: Whether a master loop is at work; None where the broker cannot be asked.
    master: bool | None
    #: Whether the master works on it: it is one of loop.configs.
    listed: bool
    #: training.auto_trigger of the config.
    auto: bool
    #: Iterations that are closed.
    iterations: int
    #: loop.max_iterations, 0 for no end.
    max_iterations: int
    #: Seconds between two looks of the master.
    tick_seconds: float
    #: What the master decides about it, None where that was not asked.
    decision: Decision | None
    #: The other loops that work on it and are alive.
    loops: Sequence[LoopRow]


def between(config: str, last: RunRow | None, training: Trigger, around: Around) -> Wait:
    """What a config without an open run waits for.

    Where its last run did not lead to a training, what that lacks; the text says too what keeps the
    next run. The amount is that of the next training wherever the wait itself has none.
    """
    found = _who(config, around)
    if found.need is None:
        found = replace(found, have=training.have, need=training.need, unit=training.unit)
    if last is None or training.due or found.stage in (NOBODY, FINISHED):
        return found
    eta = None
    if training.unit == POSITIONS:
        eta = _by_runs_like(last, training.need - training.have, around)
    return Wait(
        found.stage,
        f"{training.reason}; next: {found.waits_for}",
        training.have,
        training.need,
        training.unit,
        eta,
        short=found.waits_for,
    )


def _by_runs_like(last: RunRow, missing: float, around: Around) -> float | None:
    """Seconds until so many positions are there, by runs like the last one.

    A loop that gives its configs a turn each comes back after one run of each, and a rest after each.
    """
    made = (last.totals or {}).get("positions", 0)
    if not made or last.closed_at is None:
        return None
    each, turns = last.closed_at - last.opened_at, 1
    for row in _working(around)[:1]:
        each += float(row.details.get("iteration_cooldown_seconds") or 0.0)
        turns = max(1, len(row.details.get("configs") or ()))
    return math.ceil(missing / made) * turns * each


def _working(around: Around) -> list[LoopRow]:
    """The loops beside the master that have not stepped back."""
    return [row for row in around.loops if row.state not in (loops.STOPPED, loops.DEFERRED)]


def _who(config: str, around: Around) -> Wait:
    """Who opens the next run, and what keeps it from that."""
    by_hand = f"`ringrift training-loop --config {config}`"
    master = around.master and around.listed
    working = _working(around)
    if master and around.auto:  # it looks every few seconds, whatever another one does beside it
        found = _of_master(around)
        if not working or found.stage != FINISHED:
            return found
    if working:
        return _of_loop(config, working[0], around)
    back = next((row for row in around.loops if row.state == loops.DEFERRED), None)
    if back is not None:  # and the master does not work on this config
        return Wait(
            DEFERRED,
            f"the {name_of(back)}, which stepped back: {back.reason or 'a master loop is at work'}",
        )
    if around.master and not around.listed:
        return Wait(NOBODY, f"a loop: it is none of the master's loop.configs; {by_hand}")
    if around.master and not around.auto:
        return Wait(NOBODY, f"somebody to ask: training.auto_trigger is off; {by_hand}")
    if around.master is None:
        return Wait(NOBODY, f"the broker, to know whether a master loop is at work; or {by_hand}")
    return Wait(NOBODY, f"a loop: none is at work; `ringrift master-loop`, or {by_hand}")


def _of_master(around: Around) -> Wait:
    """What the master makes of a config."""
    done = around.iterations
    if around.max_iterations and done >= around.max_iterations:
        return Wait(
            FINISHED,
            f"nothing: {done} of {around.max_iterations} iterations are closed (loop.max_iterations)",
            done,
            around.max_iterations,
            "iterations",
        )
    said = around.decision
    if said is None or said.action == OPEN:
        why = "" if said is None else f" ({said.reason})"
        return Wait(
            TURN,
            f"the master's next look, within {around.tick_seconds:g} s, to open its next run{why}",
            eta_seconds=around.tick_seconds,
        )
    if said.action == PAUSE:
        return Wait(
            BREAKER,
            f"the master to try again: {said.reason}",
            eta_seconds=said.figures["pause_seconds"],
        )
    return Wait(TURN, f"its turn: {said.reason}")


def name_of(loop: LoopRow) -> str:
    """`continuous loop`, `training-loop`."""
    return loop.name if loop.name.endswith("loop") else f"{loop.name} loop"


def _of_loop(config: str, loop: LoopRow, around: Around) -> Wait:
    """What another loop makes of a config."""
    left = None if loop.until is None else max(0.0, loop.until - around.now)
    why = f": {loop.reason}" if loop.reason else ""
    if loop.state == loops.OPEN:
        return Wait(
            BREAKER,
            f"the {name_of(loop)} to try again, since its circuit breaker is open{why}",
            eta_seconds=left,
        )
    if loop.state == loops.COOLDOWN and loop.until is not None:
        whole = loop.until - loop.since
        return Wait(
            REST,
            f"the end of a rest of {whole:.0f} s of the {name_of(loop)}",
            min(whole, max(0.0, around.now - loop.since)),
            whole,
            "seconds",
            left,
        )
    if loop.config is not None and loop.config != config:
        return Wait(TURN, f"its turn: the {name_of(loop)} works on {loop.config}")
    return Wait(TURN, f"the {name_of(loop)} to open its next run")
