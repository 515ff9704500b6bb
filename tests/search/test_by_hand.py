"""The formulas on a tree drawn by hand, with numbers worked out on paper."""

from math import exp

import numpy as np
import pytest

from ringrift.configs import Config
from ringrift.rules.game import Game
from ringrift.search.evaluator import UniformEvaluator
from ringrift.search.gumbel import SearchPool
from ringrift.search.kernels import lockstep
from tests.search.test_gumbel import root_of, seeds_for

HEX = Config("hex8", 2)


def drawn(c_visit, c_scale):
    """A pool whose root has three actions, in the opening of hex8.

        action   prior   visits   total   q
        0        0.5     2        1.2     0.6
        1        0.3     1        0.3     0.3
        2        0.2     0        -       v_mix

    The network's value of the root is 0.4, so v_mix = (0.4 + 3 · (0.5 · 0.6 + 0.3 · 0.3) / 0.8) / 4 = 0.465625.
    """
    pool = SearchPool(UniformEvaluator(HEX, 1), [3], 3, c_visit, c_scale)
    pool.search(Game.new(HEX).states, seeds_for(1))
    trees = pool.trees
    trees.edges[0, 0] = 3
    first = int(trees.first_edge[0, 0])
    edges = slice(first, first + 3)
    trees.prior[0, edges] = (0.5, 0.3, 0.2)
    trees.logit[0, edges] = np.log(trees.prior[0, edges])
    trees.visits[0, edges] = (2, 1, 0)
    trees.total[0, edges] = (1.2, 0.3, 0)
    trees.value[0, 0] = (0.4, 0.6, 0, 0)
    return pool


def results(pool):
    """(action int32[1], value float32[1, 4]) of the only search."""
    actions, values = np.empty(1, np.int32), np.empty((1, 4), np.float32)
    lockstep.read_results(pool.trees, pool.slots, pool.scratch, 1, actions, values)
    return actions, values


def test_completed_values_and_improved_policy():
    """σ with c_visit 8 and c_scale 0.5 is 5 q; π' is proportional to π · exp(5 q), v_mix for the untried action."""
    pool = drawn(8, 0.5)
    weights = [0.5 * exp(5 * 0.6), 0.3 * exp(5 * 0.3), 0.2 * exp(5 * 0.465625)]
    _, visits, policy = root_of(pool, 0)
    assert visits.tolist() == [2, 1, 0]
    assert policy == pytest.approx([w / sum(weights) for w in weights], abs=1e-5)
    actions, values = results(pool)
    assert actions[0] == pool.trees.action[0, pool.trees.first_edge[0, 0]]
    mean = sum(w * q for w, q in zip(weights, (0.6, 0.3, 0.465625), strict=True)) / sum(weights)
    assert values[0].tolist() == pytest.approx([mean, 1 - mean, 0, 0], abs=1e-5)


def test_values_against_the_prior():
    """With a large scale the better value wins over the prior, with a tiny one the prior stays."""
    assert root_of(drawn(50, 1.0), 0)[2][0] > 0.99
    assert root_of(drawn(0, 1e-6), 0)[2] == pytest.approx([0.5, 0.3, 0.2], abs=1e-4)


def test_choice_counts_new_visits():
    """A tree that was taken over chooses by the visits of its own search: 1, 4 and 3 here, so the second action.

    action   prior   visits   before   q
    0        0.5     10       9        0.9
    1        0.3     6        2        0.5
    2        0.2     3        0        0.4
    """
    pool = drawn(50, 1.0)
    trees, first = pool.trees, int(pool.trees.first_edge[0, 0])
    trees.visits[0, first : first + 3] = (10, 6, 3)
    trees.total[0, first : first + 3] = (9, 3, 1.2)
    pool.slots.before[0, :3] = (9, 2, 0)
    actions, _ = results(pool)
    assert actions[0] == trees.action[0, first + 1]


@pytest.mark.parametrize(("name", "rest"), [("hex8:2", 1.0), ("hex8:4", 1 / 3)])
def test_a_network_that_is_sure(name, rest):
    """Where the network gives one seat everything, the others share what the search doubts, and the sum is 1."""
    pool = SearchPool(UniformEvaluator(Config.parse(name), 1), [3], 3, 50.0, 1.0)
    pool.search(Game.new(Config.parse(name)).states, seeds_for(1))
    pool.trees.value[0, 0] = (1, 0, 0, 0)
    own, *others = results(pool)[1][0].tolist()
    assert 0 < own < 1
    assert others[0] == pytest.approx((1 - own) * rest)
    assert own + sum(others) == pytest.approx(1)
