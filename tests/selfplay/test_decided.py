"""Games that are called decided: when, what becomes of them, and that the others notice nothing."""

import numpy as np
import pytest

from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.rules.boards import tables
from ringrift.rules.game import opening
from ringrift.rules.kernels import constants as k
from ringrift.rules.kernels.play import replay
from ringrift.selfplay.pool import SelfplayParameters, SelfplayPool
from tests.search.evaluators import HashEvaluator

#: What random values reach: about one game in two is decided.
RULE = {"decided_threshold": 0.55, "decided_after": 3}


def games_of(config, seeds, slots=8, **rule):
    """Finished games by seed."""
    parameters = SelfplayParameters(6, 3, 0.3, **rule)
    pool = SelfplayPool(HashEvaluator(config, slots), opening(config), parameters)
    found = pool.run(np.array(seeds, np.uint64))
    return {game.seed: game for game in found if game is not None}


def plainly_decided(config, game, threshold, after):
    """(decision, seat) with which a game was decided by its logged values, or None: the rule once more."""
    states = np.empty((len(game.codes), k.NUM_FIELDS, game.final.shape[1]), np.uint16)
    replay(opening(config), 0, tables(config.board), game.codes, states)
    row_of_streak, before = [], None
    for row, values in enumerate(game.values.tolist()):
        scalars = states[game.move_index[row], k.F_SCALAR]
        best = max(values)
        leader = values.index(best) + 1 if best >= threshold else None
        if leader is None or leader != before:
            row_of_streak = []
        before = leader
        if leader is None:
            continue
        row_of_streak.append(int(scalars[k.S_PLAYER]))
        left = {q + 1 for q in range(config.players) if scalars[k.S_OUT + q] == 0}
        if len(row_of_streak) >= after and left <= set(row_of_streak):
            return row, leader
    return None


def same(a, b, rows):
    """Whether two games agree in all that was logged of their first decisions."""
    return all(
        (getattr(a, name)[:rows] == getattr(b, name)[:rows]).all()
        for name in ("move_index", "values", "visits", "full")
    )


@pytest.mark.parametrize(("name", "threshold"), [("hex8:2", 0.55), ("square8:3", 0.4)])
def test_audited_games_are_as_if_nothing_had_happened(name, threshold):
    """Audited, a game is the very game that it is without the rule, and says when it was decided and for whom."""
    config, seeds = Config.parse(name), range(100, 116)
    plain = games_of(config, seeds)
    audited = games_of(
        config, seeds, decided_threshold=threshold, decided_after=4, decided_audit=1.0
    )
    found = 0
    for seed, game in audited.items():
        assert (game.codes == plain[seed].codes).all()
        assert same(game, plain[seed], len(game.visits))
        wanted = plainly_decided(config, plain[seed], threshold, 4)
        assert game.decided == (None if wanted is None else (*wanted, True))
        found += wanted is not None
        assert plain[seed].decided is None
    assert 2 <= found <= len(audited)


def test_stopped_games_are_played_on_without_search():
    """Not audited, a decided game goes on to its real end without one simulation or policy target more."""
    seeds = range(100, 116)
    audited = games_of(Config("hex8", 2), seeds, **RULE, decided_audit=1.0)
    stopped = games_of(Config("hex8", 2), seeds, **RULE, decided_audit=0.0)
    for seed, game in stopped.items():
        assert game.final[k.F_SCALAR, k.S_PHASE] == k.GAME_OVER
        if game.decided is None:
            assert audited[seed].decided is None
            assert (game.codes == audited[seed].codes).all()
            continue
        row, seat, searched = game.decided
        assert not searched
        assert audited[seed].decided == (row, seat, True)
        assert same(game, audited[seed], row + 1)
        assert (game.visits[: row + 1] > 0).all()
        assert (game.visits[row + 1 :] == 0).all()
        assert not game.full[row + 1 :].any()
        assert np.allclose(game.values.sum(axis=1), 1.0, atol=1e-4)
    assert sum(game.decided is not None for game in stopped.values()) >= 4


def test_audit_follows_from_the_seed():
    """Who is audited depends on the game's seed alone, not on its company; about the asked share is."""
    seeds = list(range(48))
    wide = games_of(Config("hex8", 2), seeds, slots=8, **RULE, decided_audit=0.5)
    narrow = games_of(Config("hex8", 2), seeds[::-4], slots=3, **RULE, decided_audit=0.5)
    for seed, game in narrow.items():
        assert game.decided == wide[seed].decided
        assert (game.codes == wide[seed].codes).all()
    audited = [game.decided[2] for game in wide.values() if game.decided is not None]
    assert len(audited) > 15
    assert 0.25 < np.mean(audited) < 0.75


def test_puct_stops_too():
    """With plain PUCT a decision without simulations is drawn from the prior, not the first one of the list."""
    games = games_of(Config("hex8", 2), range(8), **RULE, decided_audit=0.0, rule="puct")
    stopped = [game for game in games.values() if game.decided is not None]
    assert stopped
    assert all((game.visits[game.decided[0] + 1 :] == 0).all() for game in stopped)


def test_tree_reuse_stops_too():
    """With tree reuse the unsearched decisions begin a fresh tree, and the game ends."""
    games = games_of(Config("hex8", 2), range(8), **RULE, decided_audit=0.0, tree_reuse=True)
    stopped = [game for game in games.values() if game.decided is not None]
    assert stopped
    assert all((game.visits[game.decided[0] + 1 :] == 0).all() for game in stopped)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"decided_threshold": 1.5}, "decided_threshold: expected 0 to 1, not 1.5"),
        ({"decided_after": 0}, "decided_after: expected at least 1, not 0"),
        ({"archive_share": -0.1}, "archive_share: expected 0 to 1"),
        (
            {"opening_random_area": float("nan")},
            "opening_random_area: expected at least 0, not nan",
        ),
        ({"fast_simulations": 0}, "fast_simulations: expected at least 1, not 0"),
    ],
)
def test_parameters_out_of_range(changes, message):
    """A parameter out of its range is named."""
    with pytest.raises(BadInput, match=message):
        SelfplayParameters(**changes)
