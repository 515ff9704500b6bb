"""Many games in lock-step, over an evaluator without a network."""

import numpy as np
import pytest

from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.rules.game import opening
from ringrift.rules.kernels import constants as k
from ringrift.selfplay.pool import SelfplayParameters, SelfplayPool
from tests.search.evaluators import HashEvaluator

HEX = Config("hex8", 2)


def games_of(parameters, seeds, config=HEX, slots=8):
    """Finished games by number, in the order in which they ended, and the pool."""
    pool = SelfplayPool(HashEvaluator(config, slots), opening(config), parameters)
    numbers = np.array(seeds, np.uint64)
    return {game.index: game for game in pool.run(numbers) if game is not None}, pool


def test_company_changes_nothing():
    """A game follows from its seed: not from the other games, their number, or the width of the pool."""
    parameters = SelfplayParameters(6, 3, 0.3)
    wide, _ = games_of(parameters, [11, 12, 13, 14, 15, 16, 17], slots=8)
    narrow, _ = games_of(parameters, [16, 13], slots=1)
    for index, seed in enumerate((16, 13)):
        a, b = narrow[index], wide[seed - 11]
        assert a.seed == b.seed == seed
        for name in ("codes", "values", "visits", "full", "target_action", "target_share", "final"):
            assert (getattr(a, name) == getattr(b, name)).all(), name


def test_all_games_are_played():
    """Each seed gives one game, to its end, and slots are refilled at once: batches stay full until the tail."""
    games, pool = games_of(SelfplayParameters(6, 3, 0.3), range(40), slots=8)
    assert sorted(games) == list(range(40))
    assert all(g.final[k.F_SCALAR, k.S_PHASE] == k.GAME_OVER for g in games.values())
    assert pool.evaluations / (pool.batches * 8) > 0.75


def test_no_noise_no_variety():
    """With temperature 0 and one budget for all decisions every game is the same game."""
    parameters = SelfplayParameters(6, 6, 1.0, temperature=0.0, temperature_final=0.0)
    games, _ = games_of(parameters, range(5))
    first = games[0].codes.tolist()
    assert all(g.codes.tolist() == first for g in games.values())
    assert all(g.full.all() for g in games.values())


def test_temperature_falls():
    """Only the first `temperature_decisions` decisions are noisy: games part there or never."""
    parameters = SelfplayParameters(
        6, 6, 1.0, temperature=1.0, temperature_final=0.0, temperature_decisions=1
    )
    games, _ = games_of(parameters, range(12))
    alike = {}
    for game in games.values():
        second = int(game.move_index[1])
        alike.setdefault(tuple(game.codes[:second].tolist()), set()).add(tuple(game.codes.tolist()))
    assert len(alike) > 1
    assert all(len(rest) == 1 for rest in alike.values())


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_budgets(fraction):
    """With a fraction of 0 no decision is searched in full, with 1 every one."""
    parameters = SelfplayParameters(9, 4, fraction)
    games, _ = games_of(parameters, range(4), Config("hex8", 3))
    for game in games.values():
        assert (game.visits == (9 if fraction else 4)).all()
        assert (game.full == bool(fraction)).all()
        assert (np.diff(game.target_start) > 0).all() == bool(fraction)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"elo": float("nan")}, "elo: expected a rating, not nan"),
        ({"elo": float("inf")}, "elo: expected a rating, not inf"),
        ({"progress": float("nan")}, "progress: expected 0 to 1, not nan"),
        ({"full_search_fraction": 1.5}, "full_search_fraction: expected 0 to 1, not 1.5"),
    ],
)
def test_no_numbers(wrong, message):
    """What would make temperatures of NaN, and searches without a best move, is refused."""
    with pytest.raises(BadInput, match=message):
        SelfplayParameters(**wrong)
