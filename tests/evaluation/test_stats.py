"""Intervals, the Elo scale, and early decisions of a match."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringrift.errors import BadInput
from ringrift.evaluation.stats import (
    LOOKS,
    Decision,
    decided,
    elo_of_score,
    look_schedule,
    score_of_elo,
    wilson_interval,
)

counts = st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("wins", "n", "low", "high"),
    [
        # Newcombe 1998, Statistics in Medicine 17, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_published(wins: int, n: int, low: float, high: float) -> None:
    """The interval equals the published one to four places."""
    interval = wilson_interval(wins, n)
    assert round(interval.low, 4) == low
    assert round(interval.high, 4) == high


@given(counts, st.sampled_from([0.8, 0.95, 0.999]))
def test_wilson_solves_its_equation(game: tuple[int, int], confidence: float) -> None:
    """Each bound is z standard errors, taken at the bound itself, away from the win rate."""
    from statistics import NormalDist

    wins, n = game
    interval = wilson_interval(wins, n, confidence)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    assert 0 <= interval.low <= wins / n <= interval.high <= 1
    for bound, end in ((interval.low, wins == 0), (interval.high, wins == n)):
        distance = abs(bound - wins / n)
        if not end:
            assert math.isclose(distance, z * math.sqrt(bound * (1 - bound) / n), abs_tol=1e-9)


@given(counts)
def test_wilson_symmetry(game: tuple[int, int]) -> None:
    """The interval for losses is the mirror image of the one for wins."""
    wins, n = game
    won, lost = wilson_interval(wins, n), wilson_interval(n - wins, n)
    assert math.isclose(won.low, 1 - lost.high, abs_tol=1e-12)


def test_wilson_no_games() -> None:
    """Without games nothing is known, and impossible counts are refused."""
    assert (wilson_interval(0, 0).low, wilson_interval(0, 0).high) == (0, 1)
    with pytest.raises(BadInput):
        wilson_interval(3, 2)


@given(st.floats(-2000, 2000))
def test_elo_round_trip(difference: float) -> None:
    """Elo to score and back is the identity, and opposite differences share the point."""
    score = score_of_elo(difference)
    assert math.isclose(elo_of_score(score), difference, abs_tol=0.5)
    assert math.isclose(score + score_of_elo(-difference), 1.0)


def test_elo_golden() -> None:
    """400 points are odds of ten to one; an even score is no difference."""
    assert math.isclose(score_of_elo(400), 10 / 11)
    assert elo_of_score(0.5) == 0
    assert elo_of_score(1.0) == math.inf


@given(st.integers(1, 500), st.sampled_from([2, 3, 4]), st.integers(1, 20))
def test_looks(blocks: int, size: int, looks: int) -> None:
    """Looks are whole blocks, rising, no more than asked for, and end with the match."""
    max_games = blocks * size + size - 1
    schedule = look_schedule(max_games, size, looks)
    assert len(schedule) <= looks
    assert list(schedule) == sorted(set(schedule))
    assert all(n % size == 0 for n in schedule)
    assert schedule[-1] == blocks * size


def test_decided_examples() -> None:
    """A crushing start ends a match early, a hopeless one too, a middling one goes on."""
    assert decided(64, 64, 0.80, 400) is Decision.PASSED
    assert decided(20, 64, 0.80, 400) is Decision.FAILED
    assert decided(54, 64, 0.80, 400) is Decision.OPEN
    assert decided(336, 400, 0.80, 400) is Decision.PASSED
    assert decided(330, 400, 0.80, 400) is Decision.FAILED


@given(counts, st.floats(0.05, 0.95), st.integers(0, 1000))
def test_decided_is_sound(game: tuple[int, int], bound: float, more: int) -> None:
    """PASSED always comes with a 95% lower bound at the bound; FAILED never does."""
    wins, n = game
    verdict = decided(wins, n, bound, n + more)
    low = wilson_interval(wins, n).low
    if verdict is Decision.PASSED:
        assert low >= bound
    if verdict is Decision.FAILED:
        assert low < bound
    if more == 0:
        assert verdict is not Decision.OPEN


def test_decided_error_rate() -> None:
    """A candidate exactly at the bound passes no more often than the docstring says.

    Computed exactly: the distribution of wins is carried from look to look.
    """
    bound, size = 0.55, 2
    schedule = look_schedule(400, size)
    alive = {0: 1.0}
    passed, before = 0.0, 0
    for n in schedule:
        for _ in range(n - before):
            after: dict[int, float] = {}
            for wins, mass in alive.items():
                after[wins + 1] = after.get(wins + 1, 0.0) + mass * bound
                after[wins] = after.get(wins, 0.0) + mass * (1 - bound)
            alive = after
        before = n
        for wins in list(alive):
            verdict = decided(wins, n, bound, schedule[-1])
            if verdict is not Decision.OPEN:
                mass = alive.pop(wins)
                passed += mass if verdict is Decision.PASSED else 0.0
    assert not alive
    assert passed <= 0.025 + (LOOKS - 1) * 0.0005 + 0.003
