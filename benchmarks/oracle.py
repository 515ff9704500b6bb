"""What the plain-Python rules of `ringrift.reference` cost, in the same figures as the compiled ones."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from ringrift.configs import Config
from ringrift.reference import ReferenceGame


@dataclass(slots=True)
class Totals:
    """Seconds and counts of one batch of games."""

    games: int = 0
    moves: int = 0
    decisions: int = 0
    seconds: float = 0.0  # legal lists and moves
    copy: float = 0.0  # one copy per move
    #: (legal moves, seconds of the list, seconds of the move) in the middle half of each game
    middle: list[tuple[int, float, float]] = field(default_factory=list)

    def mean_ns(self, column: int, least: int) -> float:
        """Mean of a column of `middle` in ns, over moves with at least so many legal ones."""
        values = [row[column] for row in self.middle if row[0] >= least]
        return 1e9 * sum(values) / len(values)


def play(config: Config, seed: int, clock: Callable[[], float], totals: Totals) -> None:
    """One random game to its end; what it took is added to the totals."""
    rng, game = random.Random(seed), ReferenceGame.new(config)
    taken = []
    while game.result is None:
        start = clock()
        moves = game.legal()
        listed = clock()
        move = rng.choice(moves)
        chosen = clock()
        game.apply(move)
        applied = clock()
        game.copy()
        totals.copy += clock() - applied
        taken.append((len(moves), listed - start, applied - chosen))
    quarter = len(taken) // 4
    totals.games += 1
    totals.moves += len(taken)
    totals.decisions += sum(count >= 2 for count, _, _ in taken)
    totals.seconds += sum(legal + apply for _, legal, apply in taken)
    totals.middle += taken[quarter : len(taken) - quarter]


def measure_oracle(
    config: Config, batches: int, seconds: float, clock: Callable[[], float]
) -> dict[str, tuple[float, ...]]:
    """Figures of `benchmarks.rules` by name: batches of at least one game and `seconds` each."""
    found: dict[str, list[float]] = {}
    seed = 0
    for _ in range(batches):
        t = Totals()
        while t.games == 0 or t.seconds < seconds:
            play(config, seed, clock, t)
            seed += 1
        for what, value in (
            ("games", t.games / t.seconds),
            ("moves", t.moves / t.seconds),
            ("decisions", t.decisions / t.seconds),
            ("legal, decisions", t.mean_ns(1, 2)),
            ("apply, decisions", t.mean_ns(2, 2)),
            ("legal, moves", t.mean_ns(1, 1)),
            ("apply, moves", t.mean_ns(2, 1)),
            ("copy", 1e9 * t.copy / t.moves),
        ):
            found.setdefault(what, []).append(value)
    return {what: tuple(values) for what, values in found.items()}
