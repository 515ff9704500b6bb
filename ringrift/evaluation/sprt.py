"""Sequential test over blocks of games: the pentanomial SPRT of fishtest, for any block size.

A block holds all seatings of one opening, so its games are not independent: an opening that
favours seat 1 gives one win and one loss. The test therefore takes the score of a block as its
unit. Two players without draws give the block scores 0, 1/2, 1 (LL, WL, WW: the odd two of the
five classes of fishtest stay empty); P players give the scores 0, 1/P, ... 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ringrift.errors import BadInput
from ringrift.evaluation.stats import Decision

#: Count given to an empty class: keeps the logarithms finite (fishtest `regularize`).
EMPTY_CLASS = 1e-3


def constrained_probabilities(
    counts: Sequence[float], scores: Sequence[float], mean: float
) -> list[float]:
    """Most likely distribution over `scores` with expectation `mean`, given class `counts`.

    Proposition 1.1 of M. Van den Bergh, "A note on the maximum likelihood estimator of a
    multinomial with given expectation" (www.cantate.be/Fishtest/support_MLE_multinomial.pdf):
    p_i = f_i / (1 + x (a_i - mean)), f_i = counts_i / N, with x the root of
    sum f_i (a_i - mean) / (1 + x (a_i - mean)) = 0 between the poles of the outer classes.
    Every count must be positive and `mean` strictly inside the range of the scores.
    """
    total = sum(counts)
    shifts = [a - mean for a in scores]
    low, high = -1.0 / max(shifts), -1.0 / min(shifts)
    # The left side falls strictly between the poles, so bisection cannot miss the root.
    for _ in range(200):
        x = 0.5 * (low + high)
        slope = sum(c * a / (1.0 + x * a) for c, a in zip(counts, shifts, strict=True))
        low, high = (x, high) if slope > 0 else (low, x)
    return [c / total / (1.0 + x * a) for c, a in zip(counts, shifts, strict=True)]


def log_likelihood_ratio(counts: Sequence[float], score0: float, score1: float) -> float:
    """Generalised log-likelihood ratio of "mean block score is score1" against "is score0".

    `counts[i]` blocks ended with score i / (len(counts) - 1). LLR = sum_i counts_i
    log(p1_i / p0_i) with the two constrained estimates (fishtest LLRcalc.py, `LLR_logistic`).
    Without blocks it is 0.
    """
    if len(counts) < 2 or any(c < 0 for c in counts):
        raise BadInput(f"block counts must be two or more numbers >= 0, not {list(counts)}")
    if not 0.0 < score0 < score1 < 1.0:
        raise BadInput(f"the test needs 0 < score0 < score1 < 1, not {score0} and {score1}")
    if sum(counts) == 0:
        return 0.0
    filled = [float(c) if c > 0 else EMPTY_CLASS for c in counts]
    scores = [i / (len(filled) - 1) for i in range(len(filled))]
    p0 = constrained_probabilities(filled, scores, score0)
    p1 = constrained_probabilities(filled, scores, score1)
    return sum(c * math.log(q1 / q0) for c, q0, q1 in zip(filled, p0, p1, strict=True))


@dataclass(frozen=True, slots=True)
class Sprt:
    """Wald's test of mean score `score0` (refuse) against `score1` (accept).

    Expected scores of both hypotheses are of agent A in one block; chance level is
    1 / players when A takes one seat of each game.
    """

    #: Mean block score under the null hypothesis.
    score0: float
    #: Mean block score under the alternative.
    score1: float
    #: Probability of accepting when the null hypothesis is true (fishtest: 0.05).
    alpha: float = 0.05
    #: Probability of refusing when the alternative is true (fishtest: 0.05).
    beta: float = 0.05

    @property
    def lower(self) -> float:
        """LLR at or below which the null hypothesis stands: log(beta / (1 - alpha)) (Wald 1945)."""
        return math.log(self.beta / (1.0 - self.alpha))

    @property
    def upper(self) -> float:
        """LLR at or above which the alternative stands: log((1 - beta) / alpha) (Wald 1945)."""
        return math.log((1.0 - self.beta) / self.alpha)

    def llr(self, counts: Sequence[float]) -> float:
        """Log-likelihood ratio of the blocks seen; see `log_likelihood_ratio`."""
        return log_likelihood_ratio(counts, self.score0, self.score1)

    def decide(self, counts: Sequence[float]) -> Decision:
        """PASSED at the upper bound, FAILED at the lower one, OPEN between them."""
        llr = self.llr(counts)
        if llr >= self.upper:
            return Decision.PASSED
        return Decision.FAILED if llr <= self.lower else Decision.OPEN
