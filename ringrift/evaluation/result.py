"""What a match has shown: its games, and the tallies that gates, tables and ledgers read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from ringrift.evaluation.spec import MatchSpec
from ringrift.evaluation.stats import Interval, elo_of_score, wilson_interval


@dataclass(frozen=True, slots=True)
class MatchGame:
    """One finished game of a match."""

    #: Derived id: config, options, agents by seat, seed and moves. Equal games have equal ids.
    id: str
    #: Place in the match: block * block_size + seating.
    number: int
    #: Number of the opening.
    block: int
    #: Seat of A at the start, 1..P.
    seat: int
    #: Agent that held each seat at the end, "a" or "b": after a pie swap, the exchanged ones.
    seats: tuple[str, ...]
    #: Seat that won, 0 for nobody.
    winner: int
    #: How the game ended, in the words of the traces (`ring_elimination`, ...).
    victory: str
    #: Final rank of each seat, 1 for the winner.
    ranks: tuple[int, ...]
    #: Moves, bookkeeping included.
    plies: int
    #: Turns begun.
    turns: int
    #: Whether seat 2 swapped.
    swapped: bool

    @property
    def score(self) -> float:
        """Score of A: 1 for a win, 0 for a loss (RingRift has no draws)."""
        return float(self.winner > 0 and self.seats[self.winner - 1] == "a")

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values; `score` beside the fields."""
        return {**asdict(self), "score": self.score}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of `as_dict`."""
        fields = {name: values[name] for name in cls.__slots__}
        return cls(**{**fields, "seats": tuple(fields["seats"]), "ranks": tuple(fields["ranks"])})


@dataclass(frozen=True, slots=True)
class MatchResult:
    """The games of a match, or of its first blocks, in order of their number."""

    #: What was played.
    spec: MatchSpec
    #: Whole blocks only.
    games: tuple[MatchGame, ...]
    #: Wall time.
    seconds: float

    @property
    def wins(self) -> float:
        """Score of A over all games."""
        return sum(g.score for g in self.games)

    @property
    def interval(self) -> Interval:
        """95% Wilson interval of A's win rate."""
        return wilson_interval(self.wins, len(self.games))

    def by_seat(self) -> dict[int, tuple[float, int]]:
        """Starting seat of A -> (its wins, games)."""
        table: dict[int, tuple[float, int]] = {}
        for seat in range(1, self.spec.config.players + 1):
            scores = [g.score for g in self.games if g.seat == seat]
            table[seat] = (sum(scores), len(scores))
        return table

    def block_counts(self) -> list[int]:
        """Blocks in which A won 0, 1, ... P games: input of the SPRT."""
        won: Counter[int] = Counter()
        for game in self.games:
            won[game.block] += int(game.score)
        tally = Counter(won.values())
        return [tally[i] for i in range(self.spec.block_size + 1)]

    def victories(self) -> dict[str, int]:
        """Victory kind -> games, most frequent first."""
        return dict(Counter(g.victory for g in self.games).most_common())

    def as_dict(self) -> dict[str, Any]:
        """Figures for --json and evidence; games are left out."""
        n = len(self.games)
        interval = self.interval
        elo = None
        if self.spec.config.players == 2:
            # JSON knows no infinity: a bound that the games leave open is null.
            elo = {
                key: None if value in (0.0, 1.0) else elo_of_score(value)
                for key, value in interval.as_dict().items()
            }
        return {
            "match": self.spec.id,
            "spec": self.spec.as_dict(),
            "a": self.spec.a.identity,
            "b": self.spec.b.identity,
            "games": n,
            "wins": self.wins,
            "losses": n - self.wins,
            "win_rate": interval.as_dict(),
            "confidence": 0.95,
            "elo_difference": elo,
            "by_seat": {
                str(seat): {"wins": w, "games": g, **wilson_interval(w, g).as_dict()}
                for seat, (w, g) in self.by_seat().items()
            },
            "blocks": self.block_counts(),
            "victories": self.victories(),
            "swapped": sum(g.swapped for g in self.games),
            "mean_plies": sum(g.plies for g in self.games) / n if n else 0.0,
            "seconds": self.seconds,
        }
