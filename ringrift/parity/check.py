"""`ringrift parity check`: many games and set-up positions by both engines in lockstep.

A plan names its games: ``game-0``, ``game-1``, … from the opening, each with the next policy, and
``position-0``, ``position-1``, … each with the next kind of set-up position. Name, seed, config and
options decide a game entirely, on any number of processes.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from ringrift.configs import Config
from ringrift.errors import BadInput, nearest
from ringrift.parity.geometry import geometry
from ringrift.parity.lockstep import Difference, Differs, Lockstep, Start
from ringrift.parity.observer import Observer
from ringrift.parity.policies import POLICIES, View
from ringrift.parity.positions import POSITIONS, position
from ringrift.rules.game import GameOptions, opening

#: Seconds between two reports of a game that is being played.
TOLD_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be compared."""

    config: Config
    options: GameOptions
    seed: int
    games: int  #: whole games from the opening
    positions: int  #: games from set-up positions, a few dozen moves each
    policy: str | None = None  #: for all games; None: each its own
    only: str | None = None  #: the one game to play again

    def __post_init__(self) -> None:
        """Refuse names and options that do not exist."""
        opening(self.config, self.options)
        if self.policy is not None and self.policy not in POLICIES:
            raise BadInput(f"unknown policy {self.policy!r}: {nearest(self.policy, POLICIES)}")
        if self.only is not None and _kind(self.only) is None:
            raise BadInput(f"{self.only!r} names no game: expected such as game-3 or position-12")

    def names(self) -> list[str]:
        """Names of all games, whole games and positions in turn."""
        if self.only is not None:
            return [self.only]
        games = [(i / self.games, f"game-{i}") for i in range(self.games)]
        places = [(i / self.positions, f"position-{i}") for i in range(self.positions)]
        return [name for _, name in sorted(games + places, key=lambda pair: pair[0])]


def _kind(name: str) -> tuple[str, int] | None:
    kind, _, number = name.partition("-")
    if kind in ("game", "position") and number.isascii() and number.isdigit():
        return kind, int(number)
    return None


@dataclass(slots=True)
class Tally:
    """What was compared, so far or since the last report."""

    games: int = 0  #: whole games that reached their end
    positions: int = 0  #: set-up positions played from
    moves: int = 0
    cases: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(
        default_factory=dict
    )  #: case -> "game-3, move 17" for one of them

    def add(self, other: Tally) -> None:
        """Add another tally."""
        self.games += other.games
        self.positions += other.positions
        self.moves += other.moves
        self.cases.update(other.cases)
        for case, where in other.first.items():
            self.first.setdefault(case, where)


@dataclass(frozen=True, slots=True)
class Found:
    """A difference and the game it is in."""

    name: str
    difference: Difference


Told = Callable[[Tally], None]


def play(plan: Plan, name: str) -> Iterator[list[str]]:
    """Play one game of a plan in lockstep; yield the cases of each move. Raises Differs."""
    kind, number = _kind(name) or ("game", 0)
    config, options = plan.config, plan.options
    rng = random.Random(f"{config}:{plan.seed}:{name}")
    if kind == "game":
        start = Start(config, options)
        policy, limit = list(POLICIES)[number % len(POLICIES)], None
    else:
        chosen = list(POSITIONS)[number % len(POSITIONS)]
        start = Start(config, options, position(chosen, config, options, rng))
        policy, limit = rng.choice(POSITIONS[chosen].policies), POSITIONS[chosen].moves
    pick = POLICIES[plan.policy or policy]
    step, board = Lockstep(start), geometry(config.board)
    observer = Observer(config, options)
    made = 0
    while limit is None or made < limit:
        before, legal = step.state, step.legal()
        if not legal:  # the end
            break
        refused = step.refused() if any(move.startswith("RL") for move in legal) else []
        move = pick(rng, View(before, legal, board, number))
        after = step.play(move)
        made += 1
        yield list(observer.move(before, legal, refused, move, after))


def compare(plan: Plan, names: Sequence[str], told: Told) -> Found | None:
    """Play games of a plan one after the other until the first difference; `told` of each part.

    `told` gets what was compared since it was last told, at least every half second.
    """
    part, last = Tally(), time.monotonic()
    try:
        for name in names:
            for number, cases in enumerate(play(plan, name), start=1):
                part.moves += 1
                part.cases.update(cases)
                for case in cases:
                    part.first.setdefault(case, f"{name}, move {number}")
                if time.monotonic() - last > TOLD_SECONDS:
                    told(part)
                    part, last = Tally(), time.monotonic()
            if name.startswith("game"):
                part.games += 1
            else:
                part.positions += 1
    except Differs as found:
        return Found(name, found.difference)
    finally:
        told(part)
    return None
