"""The block SPRT against closed forms and brute force."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringrift.errors import BadInput
from ringrift.evaluation.sprt import Sprt, constrained_probabilities, log_likelihood_ratio
from ringrift.evaluation.stats import Decision, score_of_elo

blocks = st.lists(st.integers(0, 300), min_size=3, max_size=5).filter(lambda c: sum(c) > 0)


@given(
    st.lists(st.floats(0.001, 500), min_size=2, max_size=6),
    st.floats(0.02, 0.98),
)
def test_constrained(counts: list[float], mean: float) -> None:
    """The estimate is a distribution with exactly the asked mean."""
    scores = [i / (len(counts) - 1) for i in range(len(counts))]
    p = constrained_probabilities(counts, scores, mean)
    assert all(x >= 0 for x in p)
    assert math.isclose(sum(p), 1.0, rel_tol=1e-6)
    assert math.isclose(sum(a * x for a, x in zip(scores, p, strict=True)), mean, rel_tol=1e-6)


def test_constrained_is_the_maximum() -> None:
    """No distribution with that mean explains the counts better (grid over three classes)."""
    counts, mean = [10.0, 25.0, 40.0], 0.55
    p = constrained_probabilities(counts, [0.0, 0.5, 1.0], mean)
    best = sum(c * math.log(x) for c, x in zip(counts, p, strict=True))
    for middle in np.linspace(1e-6, 2 * (1 - mean) - 1e-6, 20001):
        win = mean - middle / 2
        lose = 1 - middle - win
        if win > 0 and lose > 0:
            value = 10 * math.log(lose) + 25 * math.log(middle) + 40 * math.log(win)
            assert value <= best + 1e-9


@given(st.integers(1, 500), st.integers(1, 500), st.floats(0.1, 0.45), st.floats(0.5, 0.9))
def test_two_classes_is_binomial(lost: int, won: int, s0: float, s1: float) -> None:
    """With two classes the constraint fixes everything: the ratio is the binomial one."""
    expected = won * math.log(s1 / s0) + lost * math.log((1 - s1) / (1 - s0))
    assert math.isclose(
        log_likelihood_ratio([lost, won], s0, s1), expected, rel_tol=1e-6, abs_tol=1e-9
    )


@given(blocks)
def test_mirror(counts: list[int]) -> None:
    """Seen from the other agent the test is the same with its sign changed."""
    forward = log_likelihood_ratio(counts, 0.45, 0.55)
    assert math.isclose(forward, -log_likelihood_ratio(counts[::-1], 0.45, 0.55), abs_tol=1e-6)


def test_close_to_the_normal_approximation() -> None:
    """For close hypotheses LLR ~ N (s1 - s0)(2 s - s0 - s1) / (2 var) (fishtest `LLR_alt2`)."""
    counts = [60, 250, 520, 280, 90]
    s0, s1 = score_of_elo(0), score_of_elo(5)
    n = sum(counts)
    scores = np.arange(5) / 4
    mean = float(np.dot(scores, counts)) / n
    var = float(np.dot((scores - mean) ** 2, counts)) / n
    approximate = n * (s1 - s0) * (2 * mean - s0 - s1) / (2 * var)
    assert math.isclose(log_likelihood_ratio(counts, s0, s1), approximate, rel_tol=0.02)


def test_decisions() -> None:
    """Bounds are Wald's; clear evidence passes or fails, no evidence leaves the test open."""
    sprt = Sprt(0.5, 0.55)
    assert math.isclose(sprt.upper, 2.944, abs_tol=1e-3)
    assert math.isclose(sprt.lower, -2.944, abs_tol=1e-3)
    assert sprt.decide([0, 0, 0]) is Decision.OPEN
    assert sprt.decide([1, 40, 60]) is Decision.PASSED
    assert sprt.decide([60, 60, 20]) is Decision.FAILED
    with pytest.raises(BadInput):
        log_likelihood_ratio([1, 2, 3], 0.6, 0.5)
