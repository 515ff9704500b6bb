"""Ratings from the ledger: closed forms, anchors, order freedom, three and four seats."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringrift.errors import BadInput
from ringrift.evaluation.ratings import PRIOR_SD, RatedGame, fit_ratings
from ringrift.evaluation.stats import elo_of_score, score_of_elo


def pair(winner: str, loser: str, n: int) -> list[RatedGame]:
    """n games won by `winner`, seats alternating."""
    return [
        RatedGame((winner, loser), (1, 2)) if i % 2 else RatedGame((loser, winner), (2, 1))
        for i in range(n)
    ]


def test_two_agents_closed_form() -> None:
    """With many games against one anchor the rating is the Elo of the score."""
    games = pair("a", "random", 3000) + pair("random", "a", 1000)
    rating = fit_ratings(games, {"random": 0.0})["a"]
    assert math.isclose(rating.elo, elo_of_score(0.75), abs_tol=0.5)
    # Binomial standard error of the logit, 1.96 / sqrt(n p q) nats.
    assert math.isclose(
        rating.high - rating.elo, 1.96 * 173.7178 / math.sqrt(4000 * 0.75 * 0.25), rel_tol=0.01
    )
    assert rating.games == 4000
    assert rating.connected
    assert not rating.anchored


def test_never_lost_stays_finite() -> None:
    """An agent that won every game has a finite rating that grows with the evidence."""
    few = fit_ratings(pair("a", "random", 20), {"random": 0.0})["a"]
    many = fit_ratings(pair("a", "random", 400), {"random": 0.0})["a"]
    assert 0 < few.elo < many.elo < 4 * PRIOR_SD
    assert few.high - few.low > 0


def test_anchor_does_not_move() -> None:
    """An anchor keeps its rating whatever the results say (no random player at 1800)."""
    ratings = fit_ratings(pair("random", "a", 50), {"random": 0.0, "pillar": 1000.0})
    assert ratings["random"].elo == 0.0
    assert ratings["random"].low == ratings["random"].high == 0.0
    assert ratings["a"].elo < 0
    assert ratings["pillar"].games == 0


def test_unlinked_agents_are_told() -> None:
    """Agents that no games link to an anchor are marked."""
    ratings = fit_ratings(pair("a", "random", 5) + pair("x", "y", 5), {"random": 0.0})
    assert ratings["a"].connected
    assert not ratings["x"].connected
    assert not ratings["y"].connected


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False))
def test_order_free(shuffle: random.Random) -> None:
    """The order of the ledger changes nothing."""
    games = (
        pair("a", "random", 12)
        + pair("random", "a", 3)
        + pair("b", "a", 7)
        + pair("a", "b", 6)
        + [RatedGame(("b", "a", "random"), (1, 2, 3)), RatedGame(("a", "b", "b"), (1, 2, 2))]
    )
    straight = fit_ratings(games, {"random": 0.0})
    mixed = list(games)
    shuffle.shuffle(mixed)
    again = fit_ratings(mixed, {"random": 0.0})
    for name, rating in straight.items():
        assert math.isclose(rating.elo, again[name].elo, abs_tol=1e-5)
        assert math.isclose(rating.low, again[name].low, abs_tol=1e-5)


@pytest.mark.parametrize("seats", [3, 4])
def test_recovers_strength(seats: int) -> None:
    """Games drawn from the model give the strengths back, within two widths of the interval."""
    rng = random.Random(1)
    truth = {"random": 0.0, "a": 150.0, "b": 350.0}
    games = []
    for i in range(1200):
        agents = [("random", "a", "b")[(i + s) % 3] for s in range(seats)]
        left, ranks = list(range(seats)), [0] * seats
        for place in range(1, seats + 1):
            weights = [10 ** (truth[agents[s]] / 400) for s in left]
            seat = rng.choices(left, weights)[0]
            ranks[seat] = place
            left.remove(seat)
        games.append(RatedGame(tuple(agents), tuple(ranks)))
    ratings = fit_ratings(games, {"random": 0.0})
    for name in ("a", "b"):
        width = ratings[name].high - ratings[name].elo
        assert abs(truth[name] - ratings[name].elo) <= 2 * width
        assert width < 40


def test_tie_for_last_says_nothing() -> None:
    """A win with everybody else tied for last is a plain choice of one winner."""
    games = [RatedGame(("a", "b", "random"), (1, 2, 2))] * 4 + [
        RatedGame(("a", "b", "random"), (2, 1, 2))
    ] * 2
    ratings = fit_ratings(games, {"random": 0.0})
    assert ratings["a"].elo > ratings["b"].elo > 0
    assert 0.5 < score_of_elo(ratings["a"].elo - ratings["b"].elo) < 0.8


def test_malformed_game() -> None:
    """A game without a rank per seat is refused."""
    with pytest.raises(BadInput):
        fit_ratings([RatedGame(("a", "b"), (1,))], {})
