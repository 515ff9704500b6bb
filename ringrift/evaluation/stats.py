"""Intervals for win rates, the score scale of Elo, and when a match is decided.

Legend: `n` games, `wins` of them won by agent A, `p` a win probability,
`z` a quantile of the standard normal distribution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from statistics import NormalDist

from ringrift.errors import BadInput

#: Elo points per natural-logarithm unit of strength: 400 / ln 10 (Elo 1978, §8.4).
ELO_PER_NAT = 400.0 / math.log(10.0)

#: Two-sided confidence of every reported interval.
CONFIDENCE = 0.95

#: Two-sided confidence asked of a look before the last (Haybittle 1971, Peto et al. 1976).
INTERIM_CONFIDENCE = 0.999

#: Number of looks at a match, the last one included.
LOOKS = 8


def normal_quantile(confidence: float) -> float:
    """z with P(|Z| <= z) = confidence: 1.96 for 0.95."""
    if not 0.0 < confidence < 1.0:
        raise BadInput(f"confidence must lie between 0 and 1, not {confidence}")
    return NormalDist().inv_cdf(0.5 + confidence / 2.0)


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its two-sided confidence bounds, all on one scale."""

    #: The estimate itself (for a win rate: wins / n, 0.5 without games).
    estimate: float
    #: Lower bound.
    low: float
    #: Upper bound.
    high: float

    def as_dict(self) -> dict[str, float]:
        """The three figures, for JSON."""
        return {"estimate": self.estimate, "low": self.low, "high": self.high}


def wilson_interval(wins: float, n: int, confidence: float = CONFIDENCE) -> Interval:
    """Score interval of a binomial proportion (Wilson 1927; Newcombe 1998, method 3).

    Its bounds solve |p - wins/n| = z sqrt(p (1 - p) / n) for p, so they stay in [0, 1]
    and say something after 0 or n wins, where the Wald interval has no width.
    `wins` may be fractional (shared wins). Without games the interval is [0, 1].
    """
    if n < 0 or not 0 <= wins <= n:
        raise BadInput(f"wins must lie between 0 and the number of games, not {wins} of {n}")
    if n == 0:
        return Interval(0.5, 0.0, 1.0)
    z = normal_quantile(confidence)
    p = wins / n
    z2n = z * z / n
    centre = (p + z2n / 2.0) / (1.0 + z2n)
    half = z * math.sqrt(p * (1.0 - p) / n + z2n / (4.0 * n)) / (1.0 + z2n)
    # The bounds at 0 and n wins are exactly 0 and 1; rounding must not lose that.
    low = 0.0 if wins == 0 else max(0.0, centre - half)
    high = 1.0 if wins == n else min(1.0, centre + half)
    return Interval(p, low, high)


def score_of_elo(difference: float) -> float:
    """Expected score of a player `difference` Elo points stronger (Elo 1978, §8.4, logistic)."""
    # Written with the exponent that cannot overflow.
    x = difference / ELO_PER_NAT
    return 1.0 / (1.0 + math.exp(-x)) if x >= 0 else math.exp(x) / (1.0 + math.exp(x))


def elo_of_score(score: float) -> float:
    """Elo difference at which `score` is expected; infinite at 0 and 1. Inverse of the above."""
    if not 0.0 <= score <= 1.0:
        raise BadInput(f"a score lies between 0 and 1, not {score}")
    if score in (0.0, 1.0):
        return math.copysign(math.inf, score - 0.5)
    return ELO_PER_NAT * math.log(score / (1.0 - score))


class Decision(Enum):
    """What a match has shown so far about one bound on A's win rate."""

    #: The lower bound of A's win rate has reached the bound.
    PASSED = "passed"
    #: It did not, or no longer can.
    FAILED = "failed"
    #: Play on.
    OPEN = "open"


def look_schedule(
    max_games: int, games_per_block: int, looks: int = LOOKS, min_games: int = 0
) -> tuple[int, ...]:
    """Numbers of games after which `decided` may be asked: at most `looks`, whole blocks, rising.

    The last entry is the largest whole number of blocks within `max_games`; looks at fewer than
    `min_games` are left out.
    """
    blocks = max_games // games_per_block
    if blocks < 1:
        raise BadInput(
            f"a match needs at least one block of {games_per_block} games, got {max_games}"
        )
    steps = {max(1, math.ceil(blocks * (i + 1) / looks)) for i in range(looks)}
    schedule = [games_per_block * b for b in sorted(steps)]
    return tuple(n for n in schedule if n >= min_games or n == schedule[-1])


def decided(wins: float, n: int, bound: float, max_games: int) -> Decision:
    """Whether A's win rate is shown to reach `bound`, after `n` of at most `max_games` games.

    Looking often and stopping at the first good look would pass weak candidates. So:

    - Ask only at the looks of `look_schedule`, fixed before the match, and always about the
      first `n` games in block order (games that end first are short games, not a sample).
    - Before the last look, PASSED needs the lower bound at INTERIM_CONFIDENCE (Haybittle–Peto);
      at the last look the ordinary lower bound at CONFIDENCE is recomputed from all games.
      By the union bound a candidate exactly at `bound` passes with probability at most
      0.025 + (LOOKS - 1) * 0.0005 = 0.0285 (up to the coverage of the Wilson interval itself).
      A pass at any look implies that the CONFIDENCE lower bound reaches `bound` as well.
    - FAILED before the last look either because not even winning all remaining games would
      do, or because the upper bound at INTERIM_CONFIDENCE is below `bound`. Stopping for
      failure can only take passes away, so it costs power, never error.
    """
    if not 0 <= n <= max_games:
        raise BadInput(f"{n} games are outside of a match of at most {max_games}")
    if n >= max_games:
        low = wilson_interval(wins, n).low
        return Decision.PASSED if low >= bound else Decision.FAILED
    if n == 0:
        return Decision.OPEN
    interim = wilson_interval(wins, n, INTERIM_CONFIDENCE)
    if interim.low >= bound:
        return Decision.PASSED
    best_end = wilson_interval(wins + (max_games - n), max_games).low
    if interim.high < bound or best_end < bound:
        return Decision.FAILED
    return Decision.OPEN
