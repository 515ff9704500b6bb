"""Games that were called decided before their end, and how often that was wrong.

A game is decided when searches in a row agree on its winner (`ringrift.selfplay.kernels.games`). Most are then played
on by the network's policy alone, to their real end; some are searched to the end all the same. Only these tell how
often the judgement is false, since unsearched play may lose what was won. What is false is never hidden: the record's
result is that of the end, whatever was thought before.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

from ringrift.rules.records import GameRecord


@dataclass(frozen=True, slots=True)
class DecidedGames:
    """Counts over some games."""

    #: Games looked at.
    games: int = 0
    #: Decided, and searched to the end; those in which the seat did not win.
    audited: int = 0
    audited_false: int = 0
    #: Decided, and played on without search; those in which the seat did not win.
    stopped: int = 0
    stopped_false: int = 0
    #: Simulations of all searches.
    simulations: int = 0
    #: Simulations that the stopped games would have had more, at the mean of their searched decisions.
    saved: float = 0.0

    @property
    def decided(self) -> int:
        """Games that were called decided."""
        return self.audited + self.stopped

    @property
    def saving(self) -> float:
        """Part of the simulations that was saved."""
        return self.saved / (self.simulations + self.saved) if self.saved else 0.0

    @classmethod
    def of(cls, record: GameRecord) -> Self:
        """The counts of one game."""
        simulations = sum(decision.n for decision in record.decisions)
        end = record.decided
        if end is None:
            return cls(games=1, simulations=simulations)
        false = int(winner_at(record, record.decisions[end.decision].i) != end.seat)
        if end.audited:
            return cls(1, audited=1, audited_false=false, simulations=simulations)
        searched = record.stopped
        mean = simulations / searched
        return cls(
            1,
            stopped=1,
            stopped_false=false,
            simulations=simulations,
            saved=mean * (len(record.decisions) - searched),
        )

    def __add__(self, other: DecidedGames) -> DecidedGames:
        """The counts of both."""
        mine, theirs = asdict(self), asdict(other)
        return DecidedGames(**{name: mine[name] + theirs[name] for name in mine})

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "decided": self.decided, "saving": self.saving}


def winner_at(record: GameRecord, move: int) -> int:
    """Seat in which the winner's agent sits before a move: before a swap it sat in the other one (rules §12)."""
    swap = record.moves.index("SW") if "SW" in record.moves else -1
    return 3 - record.result.winner if move <= swap else record.result.winner
