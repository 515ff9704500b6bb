"""The agent mcts: its trees, tactics, strength, and that nothing but its input decides."""

import numpy as np
import pytest

from ringrift.agents import AgentSpec, make_agent
from ringrift.configs import Config
from ringrift.evaluation.match import play_match
from ringrift.evaluation.spec import MatchSpec
from ringrift.rules.boards import board
from ringrift.rules.game import Game
from ringrift.rules.kernels import constants as k
from ringrift.search.uct import UctParameters, UctSearch
from tests.agents.test_simple import seeds_for, winning_now
from tests.agents.turns import after, mover, quickest_win
from tests.nets.positions import actions_of, random_positions

HEX = Config("hex8", 2)


def searched(config, states, index=0, rollouts=200, **parameters):
    """A finished search."""
    search = UctSearch(config, rollouts, UctParameters(**parameters))
    search.begin(states, index, 7)
    assert search.run(rollouts) == rollouts
    return search


@pytest.mark.parametrize("name", ["hex8:2", "square8:3", "hex8:4"])
def test_tree_adds_up(name):
    """Visits of the edges are the rollouts; each edge holds the sum of the values below it for the seat that chose it.

    Values of a node are chances: none below 0, and 1 in all.
    """
    config = Config.parse(name)
    states = random_positions(config, games=1, seed=3, most=6)
    for index in range(len(states)):
        search = searched(config, states, index)
        trees = search.trees
        actions, visits = search.visits()
        assert sorted(actions.tolist()) == actions_of(config, states, index).tolist()
        assert visits.sum() == 200
        nodes = int(trees.num_nodes[0])
        np.testing.assert_allclose(trees.value[0, :nodes].sum(axis=1), 1.0, rtol=1e-5)
        assert (trees.value[0, :nodes] >= 0).all()
        # a node that ended a rollout once was worth its value; deeper rollouts add theirs
        total = np.zeros((nodes, 4))
        count = np.zeros(nodes, int)
        for node in range(nodes - 1, 0, -1):
            edge = trees.parent_edge[0, node]
            own = trees.visits[0, edge] - count[node]
            total[node] += own * trees.value[0, node]
            count[node] += own
            parent = trees.parent[0, node]
            swap = board(config.board).num_actions(config.players) - 1
            up = total[node][[1, 0, 2, 3]] if trees.action[0, edge] == swap else total[node]
            total[parent] += up
            count[parent] += count[node]
            seat = trees.player[0, parent] - 1
            np.testing.assert_allclose(trees.total[0, edge], up[seat], rtol=1e-3, atol=1e-3)
        mean = total[0, : config.players] / count[0]
        np.testing.assert_allclose(search.values(), mean, rtol=1e-5)


def test_values_of_all_seats_across_a_swap():
    """The chances of the seats at the root count what lies behind the pie swap with seats 1 and 2 exchanged."""
    states = random_positions(HEX, games=1, seed=5, most=400)
    scalars = states[:, k.F_SCALAR]
    due = (scalars[:, k.S_PLAYER] == 2) & (scalars[:, k.S_PHASE] == k.RING_PLACEMENT)
    swap, differ = board("hex8").num_actions(2) - 1, 0
    for i in np.flatnonzero(due)[:4].tolist():
        scalars[i, k.S_SWAP_OPEN] = 1
        search = searched(HEX, states, i, 400, tau=1000.0, exploration=1000.0)
        trees = search.trees
        found, unaware = np.zeros(2), np.zeros(2)
        nodes = int(trees.num_nodes[0])
        ended = np.zeros(nodes, int)
        for node in range(nodes - 1, 0, -1):
            ended[node] += trees.visits[0, trees.parent_edge[0, node]]
            ended[trees.parent[0, node]] -= trees.visits[0, trees.parent_edge[0, node]]
            value, above = trees.value[0, node, :2].astype(float), node
            unaware += ended[node] * value
            while above:
                if trees.action[0, trees.parent_edge[0, above]] == swap:
                    value = value[::-1]
                above = trees.parent[0, above]
            found += ended[node] * value
        np.testing.assert_allclose(search.values(), found / found.sum(), rtol=1e-5)
        assert search.values()[1] == pytest.approx(search.value(), abs=1e-5)
        differ += abs(found - unaware).max() > 1e-3
    assert differ > 0


def test_swap_exchanges_the_values():
    """What lies behind the pie swap counts for the seat that swapped as the value of the first seat.

    The swap is put into positions of seat 2 in the middle of games.
    """
    states = random_positions(HEX, games=1, seed=5, most=400)
    scalars = states[:, k.F_SCALAR]
    due = (scalars[:, k.S_PLAYER] == 2) & (scalars[:, k.S_PHASE] == k.RING_PLACEMENT)
    swap = board("hex8").num_actions(2) - 1
    different = 0
    for i in np.flatnonzero(due)[:4].tolist():
        scalars[i, k.S_SWAP_OPEN] = 1
        search = UctSearch(HEX, 2000, UctParameters(tau=1000.0, exploration=1000.0))
        search.begin(states, i, 7)
        trees = search.trees
        (edge,) = np.flatnonzero(trees.action[0, : trees.edges[0, 0]] == swap)
        while trees.visits[0, edge] == 0:
            assert search.run(1) == 1, "so much exploration tries everything"
        child = trees.child[0, edge]
        assert trees.total[0, edge] == trees.value[0, child, 0]
        different += trees.value[0, child, 0] != trees.value[0, child, 1]
    assert different >= 2


def test_predictor_knows_a_win():
    """An action that wins at once has all of the predictor, and nearly all rollouts."""
    game = winning_now()
    search = searched(HEX, game.states)
    actions, visits = search.visits()
    wins = [mover(after(HEX, game.states, a)) == 0 for a in actions.tolist()]
    assert 0 < sum(wins) < len(wins)
    assert visits[wins].sum() > 150
    assert search.value() > 0.9
    assert mover(after(HEX, game.states, search.action())) == 0


@pytest.mark.parametrize("name", ["hex8:2", "square8:2", "square8:3"])
def test_wins_of_one_turn_are_found(name):
    """Where two or three decisions of the mover win the game, such a win is nearly always played."""
    config = Config.parse(name)
    states = random_positions(config, games=6, seed=11, most=400)
    lengths = [quickest_win(config, states[i : i + 1]) for i in range(len(states))]
    wins = [i for i, length in enumerate(lengths) if length in (2, 3)]
    assert len(wins) >= 10
    agent = make_agent(AgentSpec("mcts", rollouts=1000), config)
    actions = agent.choose(states[wins], seeds_for(len(wins)))
    kept = 0
    for i, action in zip(wins, actions.tolist(), strict=True):
        ahead = after(config, states[i : i + 1], action)
        same = mover(ahead) in (0, mover(states[i : i + 1]))
        kept += same and (mover(ahead) == 0 or quickest_win(config, ahead) is not None)
    assert kept >= 0.8 * len(wins)


def test_room_is_enough():
    """A search that is asked for more rollouts than it has room for makes those it can, and says how many."""
    search = UctSearch(HEX, 10)
    search.begin(Game.new(HEX).states, 0, 1)
    assert search.run(50) in (10, 11)


def test_full_random_rollouts():
    """Rollouts to the end of the game are a setting: then values of single rollouts are 1 and 0."""
    search = searched(HEX, winning_now().states, rollouts=50, rollout_decisions=5000)
    values = search.trees.value[0, : int(search.trees.num_nodes[0]), :2]
    assert set(np.unique(values)) <= {0.0, 1.0}


@pytest.mark.parametrize(
    ("name", "games", "bound"), [("square8:2", 40, 0.7), ("square8:3", 42, 1.3 / 3)]
)
def test_beats_the_heuristic(name, games, bound):
    """With a tenth of its default budget it beats one-ply players clearly, alone in every seat in turn."""
    spec = MatchSpec(
        Config.parse(name), AgentSpec("mcts", rollouts=200), AgentSpec("heuristic"), games, 3
    )
    assert play_match(spec, lambda _: None).interval.low > bound
