"""Who plays next: which configs get a run opened, and whose shards are sent to the devices.

    look      what there is: weights, device time so far, positions, open runs, slots (one snapshot)
    decide    a decision for each config with its reason and figures; pure
    allot     how many shards of each open run are sent now; pure

Stride scheduling. A config's *turn* is the device time that it had (`loop.share_window_seconds` of
it), divided by its weight (`loop.weights`, up to doubled while it lacks positions for a training).
The smallest turn goes first, one shard at a time, so that no run, however long, keeps others back.

A run is opened for a config that has none when its turn is not larger than that of every run with
shards left, or when the devices would soon have nothing to do.

A config whose last `cluster.breaker_failures` runs all failed pauses for `cluster.breaker_reset_seconds`,
then one run is tried. What fails has no device time, so its turn would come first again and again, and
a full disk or a broken network would be a run each minute for as long as nobody looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from ringrift.configs import Config
from ringrift.pipeline import capacity
from ringrift.pipeline.context import Context
from ringrift.pipeline.dispatcher import REISSUE_SECONDS
from ringrift.pipeline.queues import GPU, HEAVY, LIGHT
from ringrift.pipeline.triggers import POSITIONS, Trigger, training_due
from ringrift.settings import Settings
from ringrift.settings.cluster import ClusterSettings
from ringrift.settings.loop import LoopSettings
from ringrift.store import games, models, runs, work
from ringrift.store.ledger import Tx
from ringrift.store.work import Load

#: Actions: open a run; send shards of its open run; its open run is at work; another's turn comes first; it pauses, for
#: its last runs failed; it has done its iterations; the loop opens nothing by itself for it; it is none of the loop's
#: configs.
OPEN, SEND, WORK, WAIT, PAUSE = "open", "send", "work", "wait", "pause"
DONE, OFF, ASIDE = "done", "off", "aside"

#: Stage whose units are sent some at a time.
PLAYED: Final = "selfplay"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the master does about one config now, and why. In the order in which configs are served."""

    config: str
    #: open, send, work, wait, pause, done, off or aside.
    action: str
    #: One sentence with figures.
    reason: str
    #: weight, device_seconds (in the window), turn, slots, run, stage, shards_left, shards_sent (waiting in the queue),
    #: send (shards that are sent now), pause_seconds (left of its pause, None without one); and of its next training:
    #: training_due, training, have, need, unit.
    figures: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class RunView:
    """An open run as scheduling sees it."""

    load: Load
    #: Seconds that one of its units takes a device, by those before it.
    unit_seconds: float

    @property
    def plays(self) -> bool:
        """Whether it has games left to play."""
        return self.load.stage == PLAYED

    @property
    def left(self) -> int:
        """Units of its stage that no device has yet, where it is one for devices."""
        return self.load.sent + self.load.fresh if self.load.stage in work.ON_DEVICES else 0


@dataclass(frozen=True, slots=True)
class Pause:
    """Why no run of a config is opened now: its last ones failed."""

    #: One sentence.
    reason: str
    #: Until the next try.
    seconds: float


@dataclass(frozen=True, slots=True)
class ConfigView:
    """A config as scheduling sees it."""

    config: str
    #: One of loop.configs.
    listed: bool
    #: training.auto_trigger.
    auto: bool
    weight: float
    #: Device seconds that it had within the window.
    served: float
    #: Whether its next training is due, and what it lacks.
    training: Trigger
    #: Part of what its next training needs that is neither there nor in shards that are played, 0 .. 1.
    lack: float
    #: Iterations that are closed.
    iterations: int
    run: RunView | None
    #: None where it may be tried.
    pause: Pause | None = None

    @property
    def share(self) -> float:
        """Weight by which it is served: twice its own while it has nothing to learn from."""
        return self.weight * (1.0 + self.lack)

    @property
    def turn(self) -> float:
        """Device seconds by weight; what is sent counts as served. The smallest goes first."""
        waiting = 0.0 if self.run is None else self.run.load.sent * self.run.unit_seconds
        return (self.served + waiting) / self.share


@dataclass(frozen=True, slots=True)
class View:
    """All that a decision sees, at one moment."""

    configs: tuple[ConfigView, ...]
    #: Tasks that gpu workers do side by side.
    slots: int
    rules: LoopSettings

    def by_turn(self) -> list[ConfigView]:
        """The configs in the order of their turns."""
        return sorted(self.configs, key=lambda one: (one.turn, one.config))

    @property
    def room(self) -> int:
        """Slots that count: some worker will come, even if none has said so."""
        return max(1, self.slots)


def decide_now(ctx: Context) -> list[Decision]:
    """What the master's tick would do now, and why; writes nothing."""
    with ctx.ledger.read() as tx:
        return decide(look(tx, ctx.settings))


def decide(view: View) -> list[Decision]:
    """A decision for each config, in the order of their turns."""
    sent = allot(view)
    opened: list[ConfigView] = []
    return [_decide(view, one, sent.get(one.config, 0), opened) for one in view.by_turn()]


def _decide(view: View, one: ConfigView, send: int, opened: list[ConfigView]) -> Decision:
    """Of one config, after those whose turn comes earlier; notes in `opened` what it opens."""

    def said(action: str, reason: str) -> Decision:
        return Decision(one.config, action, reason, _figures(view, one, send))

    if one.run is not None:
        return said(*_of_run(view, one, one.run, send))
    if not one.listed:
        return said(ASIDE, "none of loop.configs, and no run of it is open")
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
    done = f"run {load.iteration} is at {load.stage}: {load.settled} of {load.units} units done"
    if not run.plays or not load.fresh:
        at = f", {load.running} at work" if load.running else ""
        waiting = f", {load.sent} in the queue" if load.sent else ""
        return WORK, done + at + waiting
    left = f"{load.running} at work, {load.sent} in the queue, {load.fresh} to be sent"
    had = f"it had {one.turn:.0f} device-seconds by weight"
    if send:
        return SEND, f"{done}, {left}: {send} of them now, {had} and there is room"
    held = sum(_queued(each.run) * each.run.unit_seconds for each in view.configs if each.run)
    return WORK, (
        f"{done}, {left}: {had}, and the queue holds {held / view.room:.0f} s of work for each of "
        f"{view.room} slots (loop.queue_seconds {view.rules.queue_seconds:g})"
    )


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
        "pause_seconds": None if one.pause is None else round(one.pause.seconds, 1),
        "training_due": one.training.due,
        "training": one.training.reason,
        "have": one.training.have,
        "need": one.training.need,
        "unit": one.training.unit,
    }


def allot(view: View) -> dict[str, int]:
    """Shards of each config's open run that are sent now, so that the queue holds just enough.

    Enough is `loop.queue_seconds` of work for each slot, and a unit for each slot however long it
    takes. Matches of gates and trainings that wait count: they take the devices first.
    """
    waiting = [one.run for one in view.configs if one.run is not None]
    units = sum(_queued(run) for run in waiting)
    seconds = sum(_queued(run) * run.unit_seconds for run in waiting)
    enough = view.rules.queue_seconds * view.room
    turns = {
        one.config: one.turn
        for one in view.configs
        if one.run and one.run.plays and one.run.load.fresh
    }
    by_name = {one.config: one for one in view.configs}
    sent: dict[str, int] = {}
    while turns and (units < view.room or seconds < enough):
        config = min(turns, key=lambda name: (turns[name], name))
        one = by_name[config]
        assert one.run is not None
        sent[config] = sent.get(config, 0) + 1
        units += 1
        # A unit that takes no time would be sent without end.
        seconds += max(one.run.unit_seconds, 0.01)
        turns[config] += one.run.unit_seconds / one.share
        if sent[config] >= one.run.load.fresh:
            del turns[config]
    return sent


def _queued(run: RunView) -> int:
    """Units that wait in the queue of the devices, as far as the ledger tells."""
    return run.load.sent if run.load.stage in work.ON_DEVICES else 0


def look(tx: Tx, settings: Settings, patience: float = REISSUE_SECONDS) -> View:
    """What there is now."""
    rules = settings.loop
    served = work.device_seconds(tx, tx.now - rules.share_window_seconds)
    supplies = work.supplies(tx)
    open_now = {load.config: load for load in work.loads(tx, patience)}
    names = list(dict.fromkeys([*rules.configs, *open_now]))
    found = []
    for name in names:
        config = Config.parse(name)
        of = settings.of(config)
        load = open_now.get(name)
        last = runs.last_run(tx, name)
        supply = supplies.get(name, work.Supply())
        training = training_due(supply, of.training, tx.now)
        closed = 0 if last is None else last.iteration - (last.state == runs.OPEN)
        found.append(
            ConfigView(
                config=name,
                listed=name in rules.configs,
                auto=of.training.auto_trigger,
                weight=weight_of(rules, name),
                served=served.get(name, 0.0),
                training=training,
                lack=_lack(training, supply),
                iterations=closed,
                run=None if load is None else RunView(load, _unit_seconds(tx, of, load)),
                pause=_pause(tx, name, settings.cluster),
            )
        )
    slots = capacity.capacities(tx)[GPU].slots
    return View(tuple(found), slots, rules)


def _pause(tx: Tx, config: str, cluster: ClusterSettings) -> Pause | None:
    """The pause of a config whose last runs failed; None where they did not, or it is over."""
    most, whole = cluster.breaker_failures, cluster.breaker_reset_seconds
    failed = runs.failures_in_row(tx, config, most)
    if failed is None or failed.number < most:
        return None
    left = failed.at + whole - tx.now
    if not 0.0 < left <= whole:  # more than all of it: the clock was set back since
        return None
    return Pause(
        f"its last {most} runs failed (cluster.breaker_failures), the newest: {failed.reason}; "
        f"tried again in {left:.0f} s (cluster.breaker_reset_seconds)",
        left,
    )


def _lack(training: Trigger, supply: work.Supply) -> float:
    """Part of what a training needs that is still to be played."""
    if training.due:
        return 0.0
    coming = supply.coming if training.unit == POSITIONS else 0
    return max(0.0, 1.0 - (training.have + coming) / training.need)


def _unit_seconds(tx: Tx, settings: Settings, load: Load) -> float:
    """What a unit takes: as those of the run did, else by the speed of the config's last shards, else as planned."""
    if load.seconds is not None:
        return load.seconds
    if load.stage == PLAYED:
        start = models.get_model(tx, runs.get_run(tx, load.run_id).start_model)
        untrained = start is not None and start.kind == models.INITIAL
        speed = games.games_per_second(tx, load.config, untrained=untrained)
        if speed:
            return work.planned_games(tx, load.run_id) / speed
    return settings.selfplay.shard_seconds


def priority_of(rules: LoopSettings, config: str) -> int:
    """Priority of a run's selfplay messages: those of configs above the mean weight go first."""
    weights = [weight_of(rules, name) for name in rules.configs]
    mean = sum(weights) / len(weights)
    return HEAVY if weight_of(rules, config) > mean else LIGHT


def weight_of(rules: LoopSettings, config: str) -> float:
    """Share of a config beside the others'."""
    return rules.weights.get(config, 1.0)
