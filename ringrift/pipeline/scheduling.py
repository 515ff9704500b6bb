"""Who plays next: which configs get a run opened, and whose shards are sent to the devices.

    schedule_view.look   what there is: weights, device time so far, positions, open runs, slots (one snapshot)
    decide               a decision for each config with its reason and figures; pure
    allot                how many shards of each open run are sent now; pure

Stride scheduling. A config's *turn* is the device time that it had (`loop.share_window_seconds` of
it), divided by its weight (`loop.weights`, up to doubled while it lacks positions for a training).
The smallest turn goes first, one shard at a time, so that no run, however long, keeps others back.

A run is opened for a config that has none when its turn is not larger than that of every run with
shards left, or when the devices would soon have nothing to do. Where every config has its run, and none of
these has games left to play, devices that would idle play games beside a run (`pipeline.backfill`).

A config whose last `cluster.breaker_failures` runs all failed pauses for `cluster.breaker_reset_seconds`,
then one run is tried. What fails has no device time, so its turn would come first again and again, and
a full disk or a broken network would be a run each minute for as long as nobody looks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ringrift.pipeline.backfill import shards_wanted
from ringrift.pipeline.context import Context
from ringrift.pipeline.queues import HEAVY, LIGHT
from ringrift.pipeline.schedule_view import PLAYED, ConfigView, RunView, View, look, weight_of
from ringrift.settings.loop import LoopSettings
from ringrift.store.runs import name_of
from ringrift.store.work import Load

#: Actions: open a run; send shards of its open run; open a backfill run beside it; its open run is at work; another's
#: turn comes first; it pauses, for its last runs failed; it has done its iterations; the loop opens nothing by itself
#: for it; it is none of the loop's configs.
OPEN, SEND, BACKFILL, WORK, WAIT, PAUSE = "open", "send", "backfill", "work", "wait", "pause"
DONE, OFF, ASIDE = "done", "off", "aside"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the master does about one config now, and why. In the order in which configs are served."""

    config: str
    #: open, send, backfill, work, wait, pause, done, off or aside.
    action: str
    #: One sentence with figures.
    reason: str
    #: weight, device_seconds (in the window), turn, slots, run, stage, shards_left, shards_sent (waiting in the queue),
    #: send (shards that are sent now), backfill (shards of the run that is opened beside its own, None without one) and
    #: number (of that run, or the next one), pause_seconds (left of its pause, None without one); and of its next
    #: training: training_due, training, have, need, unit.
    figures: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def decide_now(ctx: Context) -> list[Decision]:
    """What the master's tick would do now, and why; writes nothing."""
    with ctx.ledger.read() as tx:
        return decide(look(tx, ctx.settings))


def decide(view: View) -> list[Decision]:
    """A decision for each config, in the order of their turns."""
    sent = allot(view)
    opened: list[ConfigView] = []
    found = [_decide(view, one, sent, opened) for one in view.by_turn()]
    if opened or any(one.action == WAIT for one in found):
        return found
    shards = shards_wanted(view)
    return [_beside(view, one, shards.get(one.config, 0)) for one in found]


def _beside(view: View, one: Decision, shards: int) -> Decision:
    """The decision about a config, with so many shards in a backfill run beside its own."""
    if not shards:
        return one
    units, seconds = view.left
    plays = f"{name_of(one.figures['number'], backfill=True)} plays {_shards(shards)} beside it"
    why = (
        f"idle devices: {units} units are left for {view.slots} slots, {seconds / view.room:.0f} s of "
        f"work; {plays}"
    )
    figures = {**one.figures, "backfill": shards}
    return replace(one, action=BACKFILL, reason=f"{one.reason}; {why}", figures=figures)


def _shards(number: int) -> str:
    return "1 shard" if number == 1 else f"{number} shards"


def _decide(
    view: View, one: ConfigView, sent: Mapping[str, int], opened: list[ConfigView]
) -> Decision:
    """Of one config, after those whose turn comes earlier; notes in `opened` what it opens."""

    def said(action: str, reason: str) -> Decision:
        send = sum(sent.get(run.load.run_id, 0) for run in one.open)
        return Decision(one.config, action, reason, _figures(view, one, send))

    if one.run is not None:
        action, reason = _of_run(view, one, one.run, sent.get(one.run.load.run_id, 0))
        return said(action, reason + _of_beside(one, sent))
    if not one.listed:
        return said(ASIDE, "none of loop.configs, and no iteration of it is open")
    if not one.auto:
        return said(OFF, "training.auto_trigger is off: only what somebody asks for")
    limit = view.rules.max_iterations
    if limit and one.iterations >= limit:
        return said(DONE, f"{one.iterations} of {limit} iterations are closed")
    if one.pause is not None:
        return said(PAUSE, one.pause.reason)
    rivals = [other for other in view.configs if other.run is not None and other.run.plays]
    first = min(rivals, key=lambda other: (other.turn, other.config), default=None)
    why = _why_open(view, one, first, opened)
    if why is not None:
        opened.append(one)
        return said(OPEN, why)
    assert first is not None
    return said(
        WAIT,
        f"{first.config} goes first: it had {first.turn:.0f} device-seconds by weight, {one.config} "
        f"{one.turn:.0f}; the queue holds work for {_ahead(view):.0f} s",
    )


def _why_open(
    view: View, one: ConfigView, first: ConfigView | None, opened: Sequence[ConfigView]
) -> str | None:
    """Why a run is opened, None if it is not."""
    if first is None:
        what = "no other run has games left to play" if not opened else "its games are wanted too"
        return f"{what}; {one.training.reason}"
    if one.turn <= first.turn:
        return (
            f"its turn: it had {one.turn:.0f} device-seconds by weight, {first.config} "
            f"{first.turn:.0f}; {one.training.reason}"
        )
    units = sum(other.run.left for other in view.configs if other.run is not None)
    if not opened and (_ahead(view) < view.rules.queue_seconds or units < view.room):
        return (
            f"idle devices: {units} units are left for {view.slots} slots, {_ahead(view):.0f} s of "
            f"work; {one.training.reason}"
        )
    return None


def _ahead(view: View) -> float:
    """Seconds for which the devices have work in open runs, beside what they do now."""
    left = [other.run for other in view.configs if other.run is not None]
    return sum(run.left * run.unit_seconds for run in left) / view.room


def _of_run(view: View, one: ConfigView, run: RunView, send: int) -> tuple[str, str]:
    """Action and reason of a config with an open run."""
    load = run.load
    done = _done(load)
    if not run.plays or not load.fresh:
        at = f", {load.running} at work" if load.running else ""
        waiting = f", {load.sent} in the queue" if load.sent else ""
        return WORK, done + at + waiting
    left = f"{load.running} at work, {load.sent} in the queue, {load.fresh} to be sent"
    had = f"it had {one.turn:.0f} device-seconds by weight"
    if send:
        return SEND, f"{done}, {left}: {send} of them now, {had} and there is room"
    _, held = view.queued(backfill=False)
    return WORK, (
        f"{done}, {left}: {had}, and the queue holds {held / view.room:.0f} s of work for each of "
        f"{view.room} slots (loop.queue_seconds {view.rules.queue_seconds:g})"
    )


def _of_beside(one: ConfigView, sent: Mapping[str, int]) -> str:
    """What is to be said of a config's backfill runs, after the words about its iteration: those open, why no more."""
    text = ""
    for run in one.beside:
        now = sent.get(run.load.run_id, 0)
        text += f"; {_done(run.load)}" + (f", {now} sent now" if now else "")
    return text + (f"; {one.backfill_pause.reason}" if one.backfill_pause is not None else "")


def _done(load: Load) -> str:
    """How far a run is."""
    run = name_of(load.iteration, load.backfill)
    return f"{run} is at {load.stage}: {load.settled} of {load.units} units done"


def _figures(view: View, one: ConfigView, send: int) -> dict[str, Any]:
    load = None if one.run is None else one.run.load
    return {
        "weight": one.weight,
        "device_seconds": round(one.served, 1),
        "turn": round(one.turn, 1),
        "slots": view.slots,
        "run": None if load is None else load.run_id,
        "stage": None if load is None else load.stage,
        "shards_left": None if load is None or load.stage != PLAYED else load.fresh,
        "shards_sent": None if load is None or load.stage != PLAYED else load.sent,
        "send": send,
        "backfill": None,
        "number": one.number + 1,
        "pause_seconds": None if one.pause is None else round(one.pause.seconds, 1),
        "training_due": one.training.due,
        "training": one.training.reason,
        "have": one.training.have,
        "need": one.training.need,
        "unit": one.training.unit,
    }


def allot(view: View) -> dict[str, int]:
    """Shards of each open run (its id) that are sent now, so that the queue holds just enough.

    Enough is `loop.queue_seconds` of work for each slot, and a unit for each slot however long it
    takes. Matches of gates and trainings that wait count: they take the devices first. Shards of backfill runs
    follow when no iteration has any, one for each slot: what is not sent yields to the next iteration.
    """
    waiting = [run for run in view.open if run.plays and run.load.fresh]
    first = [run for run in waiting if not run.load.backfill]
    sent = _in_turn(view, first, *view.queued(backfill=False), view.enough)
    now = sum(sent.values())
    if now < sum(run.load.fresh for run in first):
        return sent
    units, seconds = view.queued(backfill=True)
    rest = [run for run in waiting if run.load.backfill]
    return sent | _in_turn(view, rest, units + now, seconds, 0.0)


def _in_turn(
    view: View, waiting: Sequence[RunView], units: int, seconds: float, enough: float
) -> dict[str, int]:
    """Shards of each of these runs that are sent to a queue with so many units and seconds of work.

    Until it has a unit for each slot, and so many seconds of work as are enough.
    """
    by_id = {run.load.run_id: run for run in waiting}
    of = {run.load.run_id: one for one in view.configs for run in one.open}
    turns = {name: of[name].turn for name in by_id}
    sent: dict[str, int] = {}
    while turns and (units < view.room or seconds < enough):
        first = min(turns, key=lambda name: (turns[name], of[name].config, name))
        sent[first] = sent.get(first, 0) + 1
        units += 1
        # A unit that takes no time would be sent without end.
        seconds += max(by_id[first].unit_seconds, 0.01)
        turns[first] += by_id[first].unit_seconds / of[first].share
        if sent[first] >= by_id[first].load.fresh:
            del turns[first]
    return sent


def priority_of(rules: LoopSettings, config: str) -> int:
    """Priority of a run's selfplay messages: those of configs above the mean weight go first."""
    weights = [weight_of(rules, name) for name in rules.configs]
    mean = sum(weights) / len(weights)
    return HEAVY if weight_of(rules, config) > mean else LIGHT
