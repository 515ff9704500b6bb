"""Plain PUCT, and searching on in the tree of the move before, against the plain search of `reference.py`."""

import numpy as np
import pytest

from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.rules.game import Game
from ringrift.search.evaluator import UniformEvaluator
from ringrift.search.gumbel import Puct, SearchPool
from tests.search.decisions import decision_positions
from tests.search.evaluators import HashEvaluator
from tests.search.next_search import search_next
from tests.search.reference import Search
from tests.search.test_gumbel import crafted, near_the_end, opened, root_of, seeds_for

HEX = Config("hex8", 2)


def same(pool, slot, chosen, value, expected):
    """Assert that a slot's search is the expected `Result`."""
    actions, visits, policy = root_of(pool, slot)
    assert actions.tolist() == expected.actions
    assert visits.tolist() == expected.visits
    assert chosen == expected.action
    np.testing.assert_allclose(policy, expected.policy, atol=1e-4)
    np.testing.assert_allclose(value, expected.value, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "count", "simulations", "noise"),
    [
        ("hex8:2", 16, 40, 0.0),
        ("hex8:2", 12, 24, 1.0),
        ("square8:3", 12, 30, 0.5),
        ("hex8:4", 8, 16, 1.0),
    ],
)
def test_puct_against_reference(name, count, simulations, noise):
    """Plain PUCT is that of the slow search: visits, drawn move, shares and value, with root noise or without."""
    config = Config.parse(name)
    evaluator = HashEvaluator(config)
    pool = SearchPool(evaluator, [simulations], 16, 50.0, 1.0, rule="puct")
    plain = Search(evaluator, 16, 50.0, 1.0, Puct())
    states, seeds = decision_positions(config, count), seeds_for(count)
    chosen, values = pool.search(states, seeds, noise)
    for i in range(count):
        same(pool, i, chosen[i], values[i], plain.run(states[i], simulations, seeds[i], noise))


@pytest.mark.parametrize("make", [crafted, near_the_end, opened])
def test_puct_in_special_positions(make):
    """So it is with a paid slide in two decisions, where games end in the tree, and with the swap."""
    game = make()
    evaluator = HashEvaluator(game.config)
    puct = Puct(fpu=0.0)
    pool = SearchPool(evaluator, [120], 16, 50.0, 1.0, rule="puct", puct=puct)
    chosen, values = pool.search(game.states, seeds_for(1))
    expected = Search(evaluator, 16, 50.0, 1.0, puct).run(game.states[0], 120, seeds_for(1)[0], 0.0)
    same(pool, 0, chosen[0], values[0], expected)


@pytest.mark.parametrize(
    ("name", "rule", "noise"),
    [
        ("hex8:2", "gumbel", 1.0),
        ("hex8:2", "puct", 1.0),
        ("square8:3", "gumbel", 0.0),
        ("hex8:4", "puct", 0.0),
    ],
)
def test_reuse_against_reference(name, rule, noise):
    """Ten moves in a row, each searched on in the subtree of the last, are those of the slow search."""
    config = Config.parse(name)
    evaluator = HashEvaluator(config)
    count, simulations = 6, 30
    pool = SearchPool(evaluator, [simulations], 8, 50.0, 0.3, rule=rule, reuse=True)
    states, seeds = decision_positions(config, count), seeds_for(count)
    puct = Puct() if rule == "puct" else None
    plain = [Search(evaluator, 8, 50.0, 0.3, puct, 2 * simulations + 2) for _ in range(count)]
    chosen, values = pool.search(states, seeds, noise)
    for i in range(count):
        same(pool, i, chosen[i], values[i], plain[i].run(states[i], simulations, seeds[i], noise))
    taken_over = 0
    for move in range(10):
        seeds = seeds_for(count, 100 + move)
        before = chosen.copy()
        chosen, values = search_next(pool, before, seeds, noise)
        for i in range(count):
            expected = None
            if before[i] >= 0:
                expected = plain[i].next(int(before[i]), simulations, seeds[i], noise)
            if expected is None:
                assert chosen[i] == -1
                assert sorted(values[i])[-2:] == [0, 1]
                continue
            same(pool, i, chosen[i], values[i], expected)
            taken_over += sum(expected.visits) > simulations
    assert taken_over > 20, "many searches began with visits"


def test_a_tree_stays_in_its_place():
    """However often a tree is searched on, it holds no more nodes than it has room for."""
    pool = SearchPool(UniformEvaluator(HEX, 4), [20], 2, 50.0, 1.0, reuse=True)
    states = np.concatenate([Game.new(HEX).states] * 4)
    chosen, _ = pool.search(states, seeds_for(4))
    for move in range(30):
        chosen, _ = search_next(pool, chosen, seeds_for(4, move))
        assert (pool.trees.num_nodes <= pool.trees.player.shape[1]).all()
        for g in range(4):
            nodes = int(pool.trees.num_nodes[g])
            parents = pool.trees.parent[g, 1:nodes]
            assert (parents < np.arange(1, nodes)).all()
            above = pool.trees.parent_edge[g, 1:nodes]
            assert (pool.trees.child[g, above] == np.arange(1, nodes)).all()


def test_end_behind_the_move():
    """Playing the winning move ends the slot's game: no action, the values of the end, no evaluation."""
    game = near_the_end()
    pool = SearchPool(UniformEvaluator(game.config, 1), [64], 64, 50.0, 1.0, reuse=True)
    chosen, values = pool.search(game.states, seeds_for(1))
    while chosen[0] >= 0:
        chosen, values = search_next(pool, chosen, seeds_for(1))
    assert values[0].tolist() == [1, 0]


def test_unknown_rule():
    """A rule that does not exist is refused with the nearest one."""
    with pytest.raises(BadInput, match="puct"):
        SearchPool(UniformEvaluator(HEX, 2), [8], 16, 50.0, 1.0, rule="pukt")


def test_no_memory():
    """Trees that no machine has memory for are bad input that says what would take less."""
    with pytest.raises(BadInput, match="fewer simulations or fewer slots take less"):
        SearchPool(UniformEvaluator(HEX, 64), [10**11], 16, 50.0, 1.0)
