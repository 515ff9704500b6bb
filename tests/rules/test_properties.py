"""What holds in every game, looked at in random play of all configurations."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringrift.configs import ALL_CONFIGS, Config
from ringrift.rules.boards import board, tables
from ringrift.rules.game import Game, GameOptions
from ringrift.rules.kernels import constants as k
from ringrift.rules.kernels.state import recount
from tests.rules.play import SMALL, random_game, texts


def counts(game):
    """Rings on the board, in hands and credited; and S of rules §17."""
    words = game.states[0, k.F_CELL].astype(int)
    scalars = game.states[0, k.F_SCALAR].astype(int)
    kinds = words >> k.KIND_SHIFT & k.KIND_MASK
    heights = words >> k.HEIGHT_SHIFT & k.HEIGHT_MASK
    players = scalars[k.S_PLAYERS]
    on_board = int(heights[kinds == k.STACK].sum())
    hands = int(scalars[k.S_HAND : k.S_HAND + players].sum())
    credit = int(scalars[k.S_ELIM : k.S_ELIM + players].sum())
    s = int((kinds == k.MARKER).sum() + (kinds == k.COLLAPSED).sum()) + credit
    return on_board + hands + credit, s


def check_game(config, seed, options=None):
    """Play one game and assert everything on the way."""
    b = board(config.board)
    rings = (options and options.rings) or b.rings
    bound = b.n + config.players * rings
    s_before = moves = segments = 0
    result = None
    for game, codes, code in random_game(config, seed, options):
        total, s = counts(game)
        assert total == config.players * rings, "rings are conserved"
        assert s >= s_before, "S never falls"
        assert s <= bound, "S stays within N + P*R"
        s_before = s
        result = game.result
        if result is None:
            assert codes, "there is a legal move before the end"
            assert len(set(codes)) == len(codes), "each move is listed once"
            moves += 1
            segments += texts(game, [code])[0][:2] in ("MV", "CA", "CC")
            heights = game.states[0, k.F_CELL] >> k.HEIGHT_SHIFT & k.HEIGHT_MASK
            assert int(heights.max()) <= b.M + 1, "stacks keep the bound of rules §3.1"
        else:
            assert not codes, "nothing is legal after the end"
            assert len(game.legal_codes()) == 0
    assert segments <= bound, "moves and segments stay within N + P*R (rules §17)"
    assert moves <= 20 * bound, "all moves stay within 20 times that"
    assert result.plies == moves
    assert 1 <= result.winner <= config.players
    assert result.ranks[result.winner - 1] == 1
    assert min(result.ranks) == 1
    assert len(result.ranks) == config.players
    assert max(result.ranks) <= config.players


@pytest.mark.parametrize("config", [c for c in ALL_CONFIGS if c.board in SMALL], ids=str)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 1 << 32))
def test_small_boards(config, seed):
    """Rings, S, bounds and legal lists behave in every game on the small boards."""
    check_game(config, seed)


@pytest.mark.parametrize("config", [c for c in ALL_CONFIGS if c.board not in SMALL], ids=str)
def test_large_boards(config):
    """Rings, S, bounds and legal lists behave in whole games on the large boards."""
    check_game(config, 1)


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (Config("hex8", 3), GameOptions(line_detect=4)),
        (Config("hex8", 4), GameOptions(line_detect=4, lps_rounds=1)),
        (Config("square8", 2), GameOptions(rings=5, pie=False)),
        (Config("hexagonal", 2), GameOptions(rings=12)),
        (Config("square19", 4), GameOptions(rings=9)),
    ],
    ids=str,
)
def test_options(config, options):
    """The same holds with every rule option changed."""
    for seed in range(5):
        check_game(config, seed, options)


@pytest.mark.parametrize("config", ALL_CONFIGS, ids=str)
def test_round_trips(config):
    """Copy, state+ and hash agree: a position set up from its state+ is the same array."""
    step = 3 if config.board in SMALL else 41
    for number, (game, _, _) in enumerate(random_game(config, 7)):
        if number % step and game.result is None:
            continue
        copy = game.copy()
        again = Game.from_canonical(config, game.state_plus())
        assert (copy.states == game.states).all()
        assert copy.states is not game.states
        # S_MUST and the like are kept only where they matter, so the arrays are equal outright but
        # for what play has found out about walls.
        for states in (again.states, copy.states):
            states[0, k.F_SCALAR, k.S_KNOWN] &= k.NO_REGION
        assert (again.states == copy.states).all()
        assert again.hash() == copy.hash() == game.hash()
        assert again.state_plus() == game.state_plus()
        assert again.canonical() == game.canonical()


@pytest.mark.parametrize("config", ALL_CONFIGS, ids=str)
def test_knowledge_is_true(config):
    """What a state knows of itself changes nothing: moves are the same when it is forgotten or gathered anew."""
    t = tables(config.board)
    step = 2 if config.board in SMALL else 13
    for number, (game, _, _) in enumerate(random_game(config, 11)):
        if number % step:
            continue
        forgetful = game.copy()
        forgetful.states[0, k.F_SCALAR, k.S_KNOWN] = 0
        assert forgetful.legal() == game.legal()
        counts = slice(k.S_STACKS, k.S_KNOWN)
        forgetful.states[0, k.F_SCALAR, counts] = 999
        recount(forgetful.states, 0, t)
        assert (forgetful.states[0, k.F_SCALAR, counts] == game.states[0, k.F_SCALAR, counts]).all()


def test_copy_is_independent():
    """Playing on in a copy leaves the original as it was."""
    game = Game.new(Config("hex8", 2))
    before = game.hash()
    copy = game.copy()
    copy.apply("PL 0,0,0 2")
    assert game.hash() == before != copy.hash()


def test_hashes_differ_between_positions():
    """No two different positions of a hundred games share a hash."""
    seen = {}
    for seed in range(25):
        for game, _, _ in random_game(Config("hex8", 2), seed):
            state = game.state_plus()
            for key in ("turns", "plies", "last"):
                state.pop(key)
            assert seen.setdefault(game.hash(), state) == state
    assert len(seen) > 2000


HASHES = """
import sys
sys.path.insert(0, {root!r})
from ringrift.configs import Config
from tests.rules.play import random_game
for name, players in (("hex8", 3), ("square19", 2)):
    for number, (game, _, _) in enumerate(random_game(Config(name, players), 5)):
        if number > 150:
            break
        print(game.hash())
"""


def test_hashes_are_stable_across_processes():
    """Two other processes, with other string hashing, compute the same hashes."""
    root = os.fspath(Path(__file__).parents[2])
    outputs = [
        subprocess.run(
            [sys.executable, "-c", HASHES.format(root=root)],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
        ).stdout
        for seed in (1, 2)
    ]
    assert outputs[0] == outputs[1]
    assert len(set(outputs[0].split())) > 250


def test_a_pinned_hash():
    """The hash of a known position is the same on every machine and stays what it was."""
    game = Game.new(Config("square8", 2))
    opening = game.hash()
    for move in ("PL 3,3 2", "MV 3,3 3,5"):
        game.apply(move)
    assert (opening, game.hash()) == (5479617612524219497, 14828345019183686896)
