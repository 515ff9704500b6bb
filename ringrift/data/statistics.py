"""What games are like: lengths, endings, seats, branching, and what searches found.

Branching is counted by replaying a sample against the complete legal lists; everything else is read
from the records of all games.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ringrift.configs import Config
from ringrift.data.decided import DecidedGames, winner_at
from ringrift.data.replay import replay_record
from ringrift.rules.boards import tables
from ringrift.rules.kernels import constants as k
from ringrift.rules.kernels.moves import legal_moves
from ringrift.rules.records import GameRecord

#: Games per config whose branching is counted.
SAMPLE = 50


@dataclass(frozen=True, slots=True)
class Spread:
    """How some numbers are distributed."""

    mean: float
    #: Tenth, fiftieth and ninetieth percentile.
    low: float
    median: float
    high: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of at least one number."""
        low, median, high = np.percentile(values, (10, 50, 90))
        return cls(float(np.mean(values)), float(low), float(median), float(high), max(values))


@dataclass(frozen=True, slots=True)
class PhaseBranching:
    """Legal moves in one phase, over the decisions and forced moves of the sample."""

    #: Positions of this phase.
    positions: int
    #: Share of them with a single legal move.
    forced: float
    #: Mean number of legal moves where there are at least two.
    mean: float
    #: Largest number.
    most: int


@dataclass(frozen=True, slots=True)
class GameStatistics:
    """Figures of the games of one config."""

    config: Config
    games: int
    #: Games whose course of play another game has too.
    repeated: int
    #: Moves per game, bookkeeping included.
    plies: Spread
    #: Turns per game.
    turns: Spread
    #: Recorded decisions per game.
    decisions: Spread
    #: Ending -> games.
    victories: dict[str, int]
    #: Wins of each seat.
    seat_wins: tuple[int, ...]
    #: Games in which seat 2 swapped.
    swaps: int
    #: Decisions with a policy target.
    targets: int
    #: Mean entropy of the targets in nats; None without targets.
    target_entropy: float | None
    #: Mean squared error of the root value of the winner's seat; None without decisions.
    value_error: float | None
    #: Games that began inside a stored one, and games that opened with draws from the policy.
    archived: int
    drawn: int
    #: Games that were called decided before their end.
    decided: DecidedGames
    #: Phase -> legal moves in it.
    branching: dict[str, PhaseBranching] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "config": str(self.config), "decided": self.decided.as_dict()}


def statistics(games: Iterable[GameRecord], sample: int = SAMPLE) -> list[GameStatistics]:
    """Figures by config, in the order of the configs."""
    by_config: defaultdict[Config, list[GameRecord]] = defaultdict(list)
    for game in games:
        by_config[game.config].append(game)
    return [_of_config(config, by_config[config], sample) for config in sorted(by_config)]


def _of_config(config: Config, games: list[GameRecord], sample: int) -> GameStatistics:
    winners = Counter(game.result.winner for game in games)
    entropies: list[float] = []
    errors: list[float] = []
    for game in games:
        _searches(game, entropies, errors)
    step = max(1, math.ceil(len(games) / sample)) if sample else len(games)
    return GameStatistics(
        config=config,
        games=len(games),
        repeated=len(games) - len({game.moves for game in games}),
        plies=Spread.of([len(game.moves) for game in games]),
        turns=Spread.of([game.result.turns for game in games]),
        decisions=Spread.of([len(game.decisions) for game in games]),
        victories=dict(Counter(game.result.victory for game in games).most_common()),
        seat_wins=tuple(winners[seat] for seat in range(1, config.players + 1)),
        swaps=sum("SW" in game.moves for game in games),
        targets=len(entropies),
        target_entropy=float(np.mean(entropies)) if entropies else None,
        value_error=float(np.mean(errors)) if errors else None,
        archived=sum(game.origin is not None for game in games),
        drawn=sum(game.drawn > 0 for game in games),
        decided=sum(map(DecidedGames.of, games), DecidedGames()),
        branching=_branching(config, games[::step]) if sample else {},
    )


def _searches(game: GameRecord, entropies: list[float], errors: list[float]) -> None:
    """Append the entropy of each policy target and the squared error of each root value."""
    for decision in game.decisions:
        if decision.full:
            entropies.append(-math.fsum(p * math.log(p) for p in decision.p if p > 0))
        errors.append((1.0 - decision.v[winner_at(game, decision.i) - 1]) ** 2)


def _branching(config: Config, games: list[GameRecord]) -> dict[str, PhaseBranching]:
    t = tables(config.board)
    out = np.empty(k.MAX_MOVES, np.int32)
    counts: defaultdict[int, list[int]] = defaultdict(list)
    for game in games:
        states = replay_record(game).states
        phases = states[:, k.F_SCALAR, k.S_PHASE].tolist()
        for i, phase in enumerate(phases):
            counts[phase].append(int(legal_moves(states, i, t, out)))
    found = {}
    for phase in sorted(counts):
        legal = np.array(counts[phase])
        open_ = legal[legal > 1]
        found[k.PHASE_NAMES[phase]] = PhaseBranching(
            positions=legal.size,
            forced=float(np.mean(legal == 1)),
            mean=float(open_.mean()) if open_.size else 1.0,
            most=int(legal.max()),
        )
    return found
