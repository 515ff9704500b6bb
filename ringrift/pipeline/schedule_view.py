"""What scheduling sees: configs, their open runs, the slots of the workers; one snapshot of the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ringrift.configs import Config
from ringrift.pipeline import capacity
from ringrift.pipeline.dispatcher import REISSUE_SECONDS
from ringrift.pipeline.queues import GPU
from ringrift.pipeline.triggers import POSITIONS, Trigger, training_due
from ringrift.settings import Settings
from ringrift.settings.cluster import ClusterSettings
from ringrift.settings.loop import LoopSettings
from ringrift.store import games, models, runs, work
from ringrift.store.ledger import Tx
from ringrift.store.work import Load

#: What a shard counts at least where it is asked for how long there is work: sending and claiming it take time too.
LEAST_SECONDS: Final = 1.0

#: Stage whose units are sent some at a time.
PLAYED: Final = "selfplay"


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
    #: Its open backfill runs, oldest first.
    beside: tuple[RunView, ...] = ()
    #: Number of its newest run.
    number: int = 0
    #: Whether a trained network plays for it: of an untrained one no more games are wanted than an iteration has.
    trained: bool = True
    #: As `pause`, for its backfill runs; and seconds that one of their shards takes.
    backfill_pause: Pause | None = None
    backfill_seconds: float = 20.0

    @property
    def open(self) -> tuple[RunView, ...]:
        """Its open runs; the iteration first, whose shards go before those of the others."""
        return self.beside if self.run is None else (self.run, *self.beside)

    @property
    def share(self) -> float:
        """Weight by which it is served: twice its own while it has nothing to learn from."""
        return self.weight * (1.0 + self.lack)

    @property
    def turn(self) -> float:
        """Device seconds by weight; what is sent counts as served. The smallest goes first."""
        waiting = sum(run.load.sent * run.unit_seconds for run in self.open)
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

    @property
    def open(self) -> list[RunView]:
        """All open runs."""
        return [run for one in self.configs for run in one.open]

    def queued(self, *, backfill: bool) -> tuple[int, float]:
        """Units that wait in the queue of the devices, as far as the ledger tells, and their seconds of work.

        backfill: those of backfill runs too, which yield to all others.
        """
        waiting = [
            run
            for run in self.open
            if run.load.stage in work.ON_DEVICES and (backfill or not run.load.backfill)
        ]
        seconds = sum(run.load.sent * run.unit_seconds for run in waiting)
        return sum(run.load.sent for run in waiting), seconds

    @property
    def left(self) -> tuple[int, float]:
        """Units of all runs that no device has yet, and their seconds of work, each LEAST_SECONDS at least."""
        seconds = sum(run.left * max(run.unit_seconds, LEAST_SECONDS) for run in self.open)
        return sum(run.left for run in self.open), seconds

    @property
    def enough(self) -> float:
        """Seconds of work that the queue is to hold."""
        return self.rules.queue_seconds * self.room


def look(tx: Tx, settings: Settings, patience: float = REISSUE_SECONDS) -> View:
    """What there is now."""
    rules = settings.loop
    served = work.device_seconds(tx, tx.now - rules.share_window_seconds)
    supplies = work.supplies(tx)
    loads = work.loads(tx, patience)
    names = list(dict.fromkeys([*rules.configs, *(load.config for load in loads)]))
    found = []
    for name in names:
        config = Config.parse(name)
        of = settings.of(config)
        at_work = [
            RunView(load, _unit_seconds(tx, of, load)) for load in loads if load.config == name
        ]
        supply = supplies.get(name, work.Supply())
        training = training_due(supply, of.training, tx.now)
        plays = models.newest_accepted(tx, name)
        found.append(
            ConfigView(
                config=name,
                listed=name in rules.configs,
                auto=of.training.auto_trigger,
                weight=weight_of(rules, name),
                served=served.get(name, 0.0),
                training=training,
                lack=_lack(training, supply),
                iterations=runs.closed_iterations(tx, name),
                run=next((run for run in at_work if not run.load.backfill), None),
                pause=_pause(tx, name, settings.cluster),
                beside=tuple(run for run in at_work if run.load.backfill),
                number=runs.last_number(tx, name),
                trained=plays is not None and plays.kind != models.INITIAL,
                backfill_pause=_pause(tx, name, settings.cluster, backfill=True),
                backfill_seconds=_backfill_seconds(tx, of, name),
            )
        )
    slots = capacity.capacities(tx)[GPU].slots
    return View(tuple(found), slots, rules)


def _pause(
    tx: Tx, config: str, cluster: ClusterSettings, *, backfill: bool = False
) -> Pause | None:
    """The pause of a config whose last runs failed; None where they did not, or it is over."""
    most, whole = cluster.breaker_failures, cluster.breaker_reset_seconds
    failed = runs.failures_in_row(tx, config, most, backfill=backfill)
    if failed is None or failed.number < most:
        return None
    left = failed.at + whole - tx.now
    if not 0.0 < left <= whole:  # more than all of it: the clock was set back since
        return None
    kind = "backfill runs" if backfill else "runs"
    return Pause(
        f"its last {most} {kind} failed (cluster.breaker_failures), the newest: {failed.reason}; "
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


def _backfill_seconds(tx: Tx, settings: Settings, config: str) -> float:
    """What a shard of a backfill run takes: one filling of its slots, or as long as a shard should."""
    play = settings.selfplay
    speed = games.games_per_second(tx, config, untrained=False)
    if not speed:
        return play.shard_seconds
    if play.games_per_shard:
        return play.games_per_shard / speed
    return max(play.shard_seconds, play.slots / speed)


def weight_of(rules: LoopSettings, config: str) -> float:
    """Share of a config beside the others'."""
    return rules.weights.get(config, 1.0)
