"""What holds in every position that games of the reference reach."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringrift.configs import ALL_CONFIGS, Config
from ringrift.reference import ReferenceGame
from ringrift.reference.geometry import geometry

PASSES = {"SP", "NP", "SC", "NM", "SR", "NL", "ST", "NT"}

#: Bounds of S for 2, 3 and 4 players (rules §17).
BOUNDS = {
    "square8": (100, 118, 136),
    "square19": (505, 577, 649),
    "hex8": (97, 115, 133),
    "hexagonal": (661, 757, 853),
}


def pick(rng, legal):
    """A kind of move first, then one of that kind, which makes rare kinds common."""
    word = rng.choice(sorted({text[:2] for text in legal}))
    return rng.choice([text for text in legal if text[:2] == word])


def rings(state):
    """Rings per colour on the board, in hands and credited, together."""
    return sum(map(len, state["stacks"].values())) + sum(state["hand"]) + sum(state["elim"])


def spent(state):
    """S: what only grows (rules §17)."""
    return len(state["markers"]) + len(state["collapsed"]) + sum(state["elim"])


def check(game, before):
    """Everything that is true of every position after a position."""
    state, limits = game.canonical(), game.position.limits
    assert rings(state) == limits.rings * limits.players  # no ring is made or lost
    taken = [*state["stacks"], *state["markers"], *state["collapsed"]]
    assert len(taken) == len(set(taken))  # a cell is in one condition (rules §3.1)
    assert set(taken) <= geometry(game.config.board).order.keys()
    longest = max(len(ray) for rays in game.position.geometry.rays.values() for ray in rays)
    assert all(1 <= len(stack) <= longest + 1 for stack in state["stacks"].values())
    assert spent(before) <= spent(state) <= BOUNDS[game.config.board][limits.players - 2]
    assert set(before["collapsed"].items()) <= set(state["collapsed"].items())
    legal = game.legal()
    assert len(legal) == len(set(legal))
    assert (not legal) == (game.result is not None)
    passes = PASSES.intersection(legal)
    assert len(passes) <= 1  # rules §4.7
    if passes & {"NP", "NM", "NL", "NT"}:
        assert len(legal) == 1


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([config for config in ALL_CONFIGS if config.board in ("square8", "hex8")]),
    st.integers(0, 2**32),
)
def test_small_boards(config, seed):
    """Rings are conserved, S grows within its bound, and there is always exactly something to do."""
    walk(config, seed, every=1)


@pytest.mark.parametrize("config", ["square19:2", "square19:4", "hexagonal:2", "hexagonal:3"])
def test_large_boards(config):
    """The same on the large boards, looked at every 20 moves."""
    walk(Config.parse(config), 5, every=20)


def walk(config, seed, every):
    """Play a game, checking each position, or one in `every`."""
    rng = random.Random(seed)
    game = ReferenceGame.new(config)
    before, moves = game.canonical(), 0
    while game.result is None:
        game.apply(pick(rng, game.legal()))
        moves += 1
        if moves % every == 0 or game.result is not None:
            check(game, before)
            before = game.canonical()
    result = game.result
    assert result.plies == moves
    assert result.ranks[result.winner - 1] == 1
    assert Counter(result.ranks)[1] == 1
    assert sorted(result.ranks) == [
        min(i + 1 for i, other in enumerate(sorted(result.ranks)) if other == rank)
        for rank in sorted(result.ranks)
    ]


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["square8:2", "hex8:3"]), st.integers(0, 2**32))
def test_a_state_plus_holds_all_that_decides(name, seed):
    """A game set up from the state+ of any position goes on exactly as the original."""
    rng = random.Random(seed)
    game = ReferenceGame.new(Config.parse(name))
    cut = rng.randrange(150)
    while game.result is None and game.state_plus()["plies"] < cut:
        game.apply(pick(rng, game.legal()))
    twin = ReferenceGame.from_state(game.config, game.state_plus())
    while game.result is None:
        assert twin.state_plus() == game.state_plus()
        assert twin.legal() == game.legal()
        move = pick(rng, game.legal())
        game.apply(move)
        twin.apply(move)
    assert twin.result == game.result


def test_a_copy_is_independent():
    """Whatever is played in a copy leaves the original as it was, at every node of a game."""
    rng = random.Random(3)
    game = ReferenceGame.new(Config("square8", 3))
    while game.result is None:
        before, legal = game.state_plus(), game.legal()
        game.copy().apply(rng.choice(legal))
        assert game.state_plus() == before
        assert game.legal() == legal
        game.apply(pick(rng, legal))
