"""One agent against a row of opponents, and what each match shows.

The gates of a promotion (`ringrift.pipeline.gates`) are matches that the ledger counts; this is the
same measurement by hand, in one process, for a person to read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ringrift.agents import AgentSpec
from ringrift.evaluation.match import MatchProgress, play_match
from ringrift.evaluation.result import MatchResult
from ringrift.evaluation.spec import MatchSpec


@dataclass(frozen=True, slots=True)
class Opponent:
    """One row of a gauntlet."""

    #: What a person calls it: random, heuristic, initial, champion.
    name: str
    #: The agent.
    agent: AgentSpec
    #: Lower bound that the win rate must reach; None asks for nothing.
    bound: float | None = None


@dataclass(frozen=True, slots=True)
class GauntletRow:
    """What the match against one opponent has shown."""

    #: The opponent and what was asked.
    opponent: Opponent
    #: The match.
    result: MatchResult

    @property
    def passed(self) -> bool | None:
        """Whether the lower bound is reached; None where none was asked for."""
        bound = self.opponent.bound
        return None if bound is None else self.result.interval.low >= bound

    def as_dict(self) -> dict[str, Any]:
        """Figures for --json."""
        return {
            "opponent": self.opponent.name,
            "bound": self.opponent.bound,
            "passed": self.passed,
            **self.result.as_dict(),
        }


def run_gauntlet(
    spec: MatchSpec,
    opponents: Sequence[Opponent],
    model_path: Callable[[str], Path],
    progress: Callable[[Opponent, MatchProgress], None] | None = None,
) -> list[GauntletRow]:
    """Agent A of `spec` against each opponent: same openings, seeds, options and length.

    A match with a bound stops as soon as it is decided (`stats.decided`).
    """
    rows = []
    for opponent in opponents:
        match = MatchSpec(
            config=spec.config,
            a=spec.a,
            b=opponent.agent,
            games=spec.games,
            seed=spec.seed,
            opening_plies=spec.opening_plies,
            options=spec.options,
        )

        def report(at: MatchProgress, opponent: Opponent = opponent) -> None:
            if progress is not None:
                progress(opponent, at)

        result = play_match(match, model_path, report, bound=opponent.bound)
        rows.append(GauntletRow(opponent, result))
    return rows
