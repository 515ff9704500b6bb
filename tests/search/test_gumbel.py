"""The compiled search against the plain one of `reference.py`, and what any search must keep."""

import numpy as np
import pytest

from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.rules.boards import board
from ringrift.rules.game import Game, GameOptions
from ringrift.rules.kernels import constants as k
from ringrift.search.evaluator import AtOnce, Evaluator, UniformEvaluator
from ringrift.search.gumbel import SearchPool
from ringrift.search.kernels.lockstep import read_policy
from tests.nets.positions import actions_of
from tests.rules.positions import position, row
from tests.search.decisions import decision_positions
from tests.search.evaluators import HashEvaluator, SeatEvaluator
from tests.search.reference import Search

HEX = Config("hex8", 2)


def seeds_for(count, seed=5):
    """uint64[count]."""
    return np.random.default_rng(seed).integers(0, 2**63, count, np.uint64)


def pool_for(evaluator, simulations=24, max_considered=8, c_visit=50.0, c_scale=0.1):
    """A pool with small defaults; c_scale 0.1 keeps trees broad, so that more of them is compared."""
    return SearchPool(evaluator, [simulations], max_considered, c_visit, c_scale)


def root_of(pool, slot):
    """(actions, visits, improved policy) of the root of a finished search."""
    actions, policy, visits = (
        np.empty(k.MAX_MOVES, dtype) for dtype in (np.int32, np.float32, np.int32)
    )
    n = read_policy(pool.trees, pool.slots, pool.scratch, slot, actions, policy, visits)
    return actions[:n], visits[:n], policy[:n]


@pytest.mark.parametrize(
    ("name", "count", "settings", "noise"),
    [
        ("hex8:2", 24, (24, 8, 50.0, 0.1), 0.0),
        ("hex8:2", 16, (40, 16, 50.0, 1.0), 1.0),
        ("square8:2", 16, (33, 16, 50.0, 0.1), 0.5),
        ("hex8:3", 16, (24, 16, 50.0, 0.1), 1.0),
        ("square8:4", 12, (17, 4, 10.0, 0.3), 0.0),
        ("hex8:4", 8, (3, 16, 50.0, 1.0), 1.0),
        ("square19:3", 4, (16, 16, 50.0, 0.1), 1.0),
        ("hexagonal:2", 3, (12, 16, 50.0, 0.1), 0.0),
    ],
)
def test_against_reference(name, count, settings, noise):
    """Action, visits, improved policy and value are those of the plain search, forced moves included."""
    config = Config.parse(name)
    evaluator = HashEvaluator(config)
    pool = SearchPool(evaluator, [settings[0]], *settings[1:])
    plain = Search(evaluator, *settings[1:])
    states, seeds = decision_positions(config, count), seeds_for(count)
    chosen, values = pool.search(states, seeds, noise)
    for i in range(count):
        expected = plain.run(states[i], settings[0], seeds[i], noise)
        actions, visits, policy = root_of(pool, i)
        assert actions.tolist() == expected.actions
        assert visits.tolist() == expected.visits
        assert chosen[i] == expected.action
        np.testing.assert_allclose(policy, expected.policy, atol=1e-4)
        np.testing.assert_allclose(values[i], expected.value, atol=1e-5)


def crafted():
    """A recovery position: seat 1 has no stack, markers, and rings buried in two stacks of seat 2."""
    return position(
        "square8:2",
        "movement",
        1,
        stacks={"0,0": [2, 1], "7,7": [2, 2, 1], "0,7": [2]},
        markers={**row(2, 4, 3, 1), "6,5": 1, "2,6": 2},
        hand=[0, 4],
    )


def test_recovery_is_two_decisions():
    """A paid slide is one action, its stack the next decision of the same seat; both match the reference."""
    game = crafted()
    config = game.config
    evaluator = HashEvaluator(config)
    codes = game.legal_codes()
    paid = {int(code) & k.ACTION_MASK for code in codes if code >> k.STACK_SHIFT}
    assert paid
    pool, plain = pool_for(evaluator, 60, 16), Search(evaluator, 16, 50.0, 0.1)
    states, seeds = game.states.copy(), seeds_for(1)
    chosen, values = pool.search(states, seeds, 1.0)
    expected = plain.run(states[0], 60, seeds[0], 1.0)
    assert root_of(pool, 0)[1].tolist() == expected.visits
    assert chosen[0] == expected.action
    np.testing.assert_allclose(values[0], expected.value, atol=1e-5)
    trees = pool.trees
    for e in range(trees.edges[0, 0]):
        child = trees.child[0, e]
        if trees.action[0, e] in paid and child >= 0:
            half = trees.states[child]
            assert trees.player[0, child] == 1
            assert half[k.F_SCALAR, k.S_SLIDE] > 0
            assert trees.edges[0, child] == 2, "one choice per stack with a buried ring"
            break
    else:
        pytest.fail("no paid slide was tried")


def near_the_end():
    """Seat 1 needs one credit more; a move onto a marker earns it (rules §6.2, §14.1)."""
    return position(
        "hex8:2",
        "movement",
        1,
        stacks={"0,0": [1, 1], "3,0": [2], "-3,1": [2, 2]},
        markers={"0,2": 2},
        hand=[0, 8],
        elim=[17, 6],
    )


def test_end_of_game_counts():
    """A move that wins at once is found, its value is 1, and ends of games cost no evaluation."""
    game = near_the_end()
    evaluator = SeatEvaluator(game.config, lambda _: (0.5, 0.5))
    pool = pool_for(evaluator, simulations=64, max_considered=64, c_scale=1.0)
    chosen, values = pool.search(game.states, seeds_for(1))
    after = game.copy()
    after.apply(int(chosen[0]))
    while after.result is None:
        (code,) = after.legal_codes()
        after.apply(int(code))
    assert after.result.winner == 1
    trees = pool.trees
    edge = next(e for e in range(trees.edges[0, 0]) if trees.action[0, e] == chosen[0])
    end = trees.child[0, edge]
    assert trees.player[0, end] == 0
    assert trees.edges[0, end] == 0
    assert trees.value[0, end].tolist() == [1, 0, 0, 0]
    assert trees.visits[0, edge] > 1
    assert trees.total[0, edge] == trees.visits[0, edge]
    assert values[0, 0] > 0.5


def opened():
    """Seat 2's first decision on hex8: everything that is legal, and the swap."""
    game = Game.new(HEX)
    game.apply("PL 0,0,0 1")
    while game.player == 1:
        game.apply(int(game.legal_codes()[0]))
    return game


@pytest.mark.parametrize(("seat_2_stands", "swaps"), [(0.3, True), (0.7, False)])
def test_pie(seat_2_stands, swaps):
    """Seat 2's agent swaps iff seat 2 stands worse; behind the swap the components change places."""
    game = opened()
    swap = game.board.num_actions(2) - 1
    assert swap in game.legal_codes()
    # seat 2's chance does not depend on what is played, only the agents in the seats change
    evaluator = SeatEvaluator(HEX, lambda _: (1 - seat_2_stands, seat_2_stands))
    pool = pool_for(evaluator, simulations=64, max_considered=16, c_scale=1.0)
    pool.evaluator = SwapFirst(evaluator, swap)
    chosen, values = pool.search(game.states, seeds_for(1))
    assert (chosen[0] == swap) == swaps
    actions, visits, _ = root_of(pool, 0)
    trees = pool.trees
    edge = actions.tolist().index(swap)
    assert visits[edge] > 0
    assert trees.total[0, edge] / visits[edge] == pytest.approx(1 - seat_2_stands, abs=1e-5)
    low, high = sorted((seat_2_stands, 1 - seat_2_stands))
    assert low < values[0, 1] < high


class SwapFirst(AtOnce):
    """Another evaluator, with a prior that makes the search look at the swap."""

    def __init__(self, inner, swap):
        """Swap: number of the action."""
        self.inner, self.swap = inner, swap
        self.config, self.batch_size = inner.config, inner.batch_size

    def evaluate(self, states, legal):
        """As the inner one, logit 2 for the swap."""
        logits, values = self.inner.evaluate(states, legal)
        logits[legal.actions == self.swap] = 2
        return logits, values


def test_swap_against_reference():
    """Searches whose trees hold the swap at the root, or one ply below it, match the plain search."""
    start = Game.new(HEX)
    start.apply("PL 0,0,0 1")
    states = np.concatenate([start.states, opened().states])
    evaluator = SwapFirst(HashEvaluator(HEX), start.board.num_actions(2) - 1)
    evaluator.inner.table[:] *= 0.1
    pool, plain = pool_for(evaluator, 64, 8, c_scale=0.1), Search(evaluator, 8, 50.0, 0.1)
    seeds = seeds_for(2)
    chosen, values = pool.search(states, seeds)
    for i in range(2):
        expected = plain.run(states[i], 64, seeds[i], 0.0)
        assert root_of(pool, i)[1].tolist() == expected.visits
        assert chosen[i] == expected.action
        np.testing.assert_allclose(values[i], expected.value, atol=1e-5)
    assert any(
        pool.trees.action[0, e] == evaluator.swap and pool.trees.visits[0, e]
        for e in range(pool.trees.num_edges[0])
    ), "no swap was tried below the root"


def test_same_seat_moves_twice():
    """Decisions in a row of one seat are nodes of that seat: no value is turned round because a ply went by."""
    game = Game.new(HEX, GameOptions(pie=False))
    pool = pool_for(SeatEvaluator(HEX, lambda _: (0.75, 0.25)), simulations=48, max_considered=3)
    pool.search(game.states, seeds_for(1))
    trees = pool.trees
    tried = {1: 0, 2: 0}
    for node in range(trees.num_nodes[0]):
        seat = int(trees.player[0, node])
        first = trees.first_edge[0, node]
        for e in range(first, first + trees.edges[0, node]):
            if trees.visits[0, e]:
                assert trees.total[0, e] / trees.visits[0, e] == (0.75 if seat == 1 else 0.25)
                tried[seat] += 1
                child = trees.child[0, e]
                if node == 0:
                    assert trees.player[0, child] == 1, "seat 1 places, then moves"
    assert min(tried.values()) > 0


@pytest.mark.parametrize("config", [HEX, Config("square8", 3)], ids=str)
def test_alone_or_among_others(config):
    """A position gets the same result alone, among 64 others, in another slot and in a narrower pool."""
    states, seeds = decision_positions(config, 70), seeds_for(70)
    wide = pool_for(HashEvaluator(config, 64)).search(states, seeds, 1.0)
    narrow = pool_for(HashEvaluator(config, 5)).search(states, seeds, 1.0)
    for together in (wide, narrow):
        assert (together[0] == wide[0]).all()
        assert (together[1] == wide[1]).all()
    pool = pool_for(HashEvaluator(config, 64))
    for i in (0, 33, 69):
        alone = pool.search(states[i : i + 1], seeds[i : i + 1], 1.0)
        assert alone[0][0] == wide[0][i]
        assert (alone[1][0] == wide[1][i]).all()


def test_seeds_decide():
    """Equal seeds give equal results, also in a pool that was used before; other seeds other noise."""
    states = decision_positions(HEX, 32)
    pool = pool_for(HashEvaluator(HEX))
    first = pool.search(states, seeds_for(32, 1), 1.0)[0].copy()
    other = pool.search(states, seeds_for(32, 2), 1.0)[0].copy()
    again = pool.search(states, seeds_for(32, 1), 1.0)[0]
    assert (first == again).all()
    assert (first != other).any()
    quiet = [pool.search(states, seeds_for(32, s))[0].copy() for s in (1, 2)]
    assert (quiet[0] == quiet[1]).all(), "without noise seeds decide nothing"


def test_input_is_left_alone():
    """A search does not change the positions that it was given, and needs them no longer afterwards."""
    states = decision_positions(HEX, 10)
    before = states.copy()
    pool_for(HashEvaluator(HEX)).search(states, seeds_for(10), 1.0)
    assert (states == before).all()


@pytest.mark.parametrize("simulations", [1, 2, 3, 16, 50])
def test_budget_is_kept(simulations):
    """Visits of the root add up to the budget, on no more actions than may be considered, all legal."""
    states = decision_positions(HEX, 20)
    evaluator = HashEvaluator(HEX, 20)
    pool = pool_for(evaluator, simulations, max_considered=8)
    chosen, values = pool.search(states, seeds_for(20), 1.0)
    assert evaluator.calls <= simulations + 1, "one batch per step, the root included"
    for i in range(20):
        actions, visits, policy = root_of(pool, i)
        assert visits.sum() == simulations
        assert (visits > 0).sum() <= min(8, len(actions), simulations)
        assert sorted(actions.tolist()) == actions_of(HEX, states, i).tolist()
        assert chosen[i] in actions[visits > 0]
        assert policy.sum() == pytest.approx(1, abs=1e-5)
        assert values[i].sum() == pytest.approx(1, abs=1e-5)
        assert (values[i] >= 0).all()


def test_values_of_three_seats():
    """With three seats an edge counts for the seat that chose it alone: each plays for itself (max^n)."""
    config = Config("hex8", 3)
    # every seat hopes for rings in its hand: who decides keeps them, whatever the others have
    evaluator = SeatEvaluator(
        config,
        lambda scalars: (
            scalars[k.S_HAND : k.S_HAND + 3].astype(float)
            / max(1, scalars[k.S_HAND : k.S_HAND + 3].sum())
        ),
    )
    pool = pool_for(evaluator, simulations=64, max_considered=64, c_scale=1.0)
    chosen, _ = pool.search(Game.new(config).states, seeds_for(1))
    assert chosen[0] // board("hex8").n == 0, "one ring placed, not two or three"


def test_parameters_are_checked():
    """A first budget of nothing, one below nothing and a race of one are refused by name."""
    evaluator = UniformEvaluator(HEX, 2)
    assert isinstance(evaluator, Evaluator)
    for budgets, named in (([0, 8], 0), ([8, -1], -1)):
        with pytest.raises(BadInput, match=f"simulations {named}"):
            SearchPool(evaluator, budgets, 16, 50.0, 1.0)
    with pytest.raises(BadInput, match="max_considered 1"):
        SearchPool(evaluator, [8], 1, 50.0, 1.0)
