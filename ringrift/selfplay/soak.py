"""Long unattended generation that looks at itself: shards of several configs in turn, games checked as they end.

The state of a soak is one small file beside its shards, written before each shard: what was asked
to stop goes on with the very shard it was in. A shard's size is that of the settings, or follows the
speed of the last one of its config; it is fixed in that file before the shard begins.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from ringrift.configs import Config
from ringrift.data.gates import Violation, parity_of, quality_of
from ringrift.errors import BadInput, Interrupted, RingRiftError
from ringrift.rules.records import GameRecord
from ringrift.selfplay.engines import Engines
from ringrift.selfplay.shard import ShardProgress, ShardResult, ShardSpec, produce_shard
from ringrift.selfplay.size import shard_games
from ringrift.store.folder_lock import only_one

STATE: Final = "soak.json"
LOCK: Final = ".soak.lock"
RUN: Final = "soak"


class Found(RingRiftError):
    """A game did not pass."""

    def __init__(self, record: GameRecord, violation: Violation, shard: str) -> None:
        """Which game of which shard, and what of it."""
        super().__init__(violation.reason)
        self.record = record
        self.violation = violation
        self.shard = shard


@dataclass(frozen=True, slots=True)
class ShardRules:
    """What the settings of a config say of its shards."""

    #: Games of one; 0: what its slots are filled with often enough, and the speed makes of `seconds`.
    games: int
    #: How long one lasts at least where `games` is 0.
    seconds: float
    #: Seconds between two checkpoints.
    checkpoint_seconds: float
    #: Part of the audited games that may be false.
    most_false: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a soak plays and looks at."""

    configs: Sequence[Config]
    #: sha256 and file of the network that plays a config now, or of the one with this sha256. Asked before each shard,
    #: so that a promoted model is taken up without a restart.
    #: None where no engine has one.
    model: Callable[[Config, str | None], tuple[str, Path] | None]
    #: Who plays a config with that network, and with what search.
    engines: Callable[[Config, str | None], Engines]
    seed: int
    #: Every so many games one goes through the quality gate, and one through the oracle.
    check_every: int
    oracle_every: int
    #: Config -> its shards.
    rules: Mapping[str, ShardRules]
    #: Games of all shards together; None: no end.
    games: int | None = None
    #: Config -> files in which a part of its games begins, by sha256.
    archives: Mapping[str, Mapping[str, Path]] = field(default_factory=dict)
    #: Config -> lanes of its shards, as for `produce_shard`.
    lanes: Mapping[str, int] = field(default_factory=dict)
    #: Config -> what computes its network, as for `produce_shard`.
    backends: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class State:
    """How far a soak is; what its file holds."""

    seed: int
    #: Shards that are whole, games in them, and games looked at by each gate.
    shards: int = 0
    games: int = 0
    checked: int = 0
    compared: int = 0
    #: Config -> games per second of its last shard.
    speeds: dict[str, float] = field(default_factory=dict)
    #: Config -> sha256 of the network that played its last shard.
    models: dict[str, str | None] = field(default_factory=dict)
    #: Games of the shard in hand that are over, and counted above; saved when it is stopped.
    in_hand: int = 0
    #: The shard in hand, as `ShardSpec.as_dict`.
    spec: dict[str, Any] | None = None

    def save(self, folder: Path) -> None:
        """Write it in place of the last one."""
        aside = folder / f".tmp-{os.getpid()}-{secrets.token_hex(6)}.json"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with aside.open("w", encoding="utf-8") as out:
                json.dump(asdict(self), out)
                out.flush()
                os.fsync(out.fileno())
            aside.replace(folder / STATE)
        except OSError as error:
            raise BadInput(f"cannot write to {folder}: {error.strerror}") from error


def load_state(folder: Path) -> State | None:
    """The state of the soak that was stopped in this folder; None if there is none."""
    path = folder / STATE
    try:
        state = State(**json.loads(path.read_text(encoding="utf-8")))
        if state.spec is not None:
            ShardSpec.from_dict(state.spec)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadInput(
            f"{path}: not the state of a soak ({error!r}); remove it to begin anew"
        ) from None
    return state


def alone(folder: Path) -> AbstractContextManager[None]:
    """Within it no other soak is at work in the folder: two would play the same shards and lose each other's state.

    Raises BadInput where another process has it, and where the folder cannot be written.
    """
    return only_one(
        folder, LOCK, BadInput(f"{folder}: a soak is at work here; --out FOLDER names another")
    )


def due(plan: Plan, state: State) -> Config:
    """The config whose shard is in hand, or comes next: in turn."""
    if state.spec is not None:
        return ShardSpec.from_dict(state.spec).config
    return plan.configs[state.shards % len(plan.configs)]


def next_spec(plan: Plan, state: State) -> ShardSpec:
    """The shard in hand, or the next one: of the size that is set, or sized by the speed of the last of its config."""
    if state.spec is not None:
        return ShardSpec.from_dict(state.spec)
    config = due(plan, state)
    rules = plan.rules[str(config)]
    model = plan.model(config, None)
    sha256 = None if model is None else model[0]
    who = plan.engines(config, sha256)
    slots = who.search.slots
    speed = state.speeds.get(str(config))
    games = rules.games or shard_games(config, slots, rules.seconds, speed)
    if plan.games is not None:
        games = min(games, plan.games - state.games)
    return ShardSpec(
        RUN,
        config,
        sha256,
        seed=plan.seed,
        index=state.shards,
        games=games,
        search=replace(who.search, slots=min(slots, games)),
        engines=who.seats,
        rotate=who.rotate,
        archive=tuple(plan.archives.get(str(config), ())),
    )


def play_one(
    plan: Plan, state: State, folder: Path, progress: Callable[[ShardProgress], None]
) -> ShardResult:
    """Play the next shard and look at its games; raises Found at the first that does not pass.

    Interrupted from `progress` leaves a checkpoint, and the state that knows of it.
    """
    spec = next_spec(plan, state)
    state.spec = spec.as_dict()
    state.save(folder)

    def reached(games: int) -> None:
        """Count what is looked at up to this game of the shard.

        A process that was killed looked at its games too: those in its checkpoint are counted here.
        """
        number, before = state.games + games, state.games + state.in_hand
        state.checked += number // plan.check_every - before // plan.check_every
        state.compared += number // plan.oracle_every - before // plan.oracle_every
        state.in_hand = games

    def each(place: int, record: GameRecord) -> None:
        reached(place)
        number, found = state.games + place, None
        if number % plan.check_every == 0:
            found = quality_of(record)
        if found is None and number % plan.oracle_every == 0:
            found = parity_of(record)
        if found is not None:
            raise Found(record, found, f"shard {spec.index} of the soak with seed {plan.seed}")

    def told(at: ShardProgress) -> None:
        reached(at.games)
        progress(at)

    model = plan.model(spec.config, spec.model_sha256)
    try:
        made = produce_shard(
            spec,
            None if model is None else model[1],
            folder,
            told,
            each=each,
            checkpoint_seconds=plan.rules[str(spec.config)].checkpoint_seconds,
            lanes=plan.lanes.get(str(spec.config), 0),
            backend=plan.backends.get(str(spec.config), "torch"),
            archive=plan.archives.get(str(spec.config), {}),
        )
    except Interrupted:
        state.save(folder)
        raise
    except BaseException:
        state.in_hand = 0  # nobody wrote a checkpoint of them
        raise
    reached(made.games)
    state.in_hand = 0
    state.shards += 1
    state.games += made.games
    state.models[str(spec.config)] = spec.model_sha256
    state.speeds[str(spec.config)] = made.games / max(made.seconds, 1e-9)
    state.spec = None
    state.save(folder)
    return made


def resident_bytes() -> int:
    """Memory that this process has in use; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
