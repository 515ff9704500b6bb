"""The agent minimax: against plain minimax without pruning, tactics, and that nothing but its input decides."""

from functools import cache

import numpy as np
import pytest

from ringrift.agents import AgentSpec, make_agent
from ringrift.compile import entry
from ringrift.configs import Config
from ringrift.evaluation.match import play_match
from ringrift.evaluation.spec import MatchSpec
from ringrift.rules.boards import board, tables
from ringrift.rules.kernels import constants as k
from ringrift.search.kernels.heuristic import position_value
from ringrift.search.minimax import MinimaxSearch
from tests.agents.test_simple import seeds_for, winning_now
from tests.agents.turns import after, mover, quickest_win, winner
from tests.nets.positions import actions_of, random_positions

HEX = Config("hex8", 2)
CONFIGS = [Config.parse(name) for name in ("hex8:2", "square8:3", "hex8:4")]
ANY = 10**9


@entry
def value_of(s, t, seat, scratch):
    """The heuristic's value of the first state for a seat."""
    return position_value(s, np.int64(0), t, seat, scratch)


def plain_value(config, states, depth, mine):
    """Minimax as one would say it, without pruning; ``mine``: seat of the agent that searches."""
    legal = actions_of(config, states, 0)
    if depth == 0 or len(legal) == 0:
        return value_of(states, tables(config.board), np.int64(mine), np.empty(4))
    best = max if mover(states) == mine else min
    return best(value for _, value in plain_values(config, states, depth, mine))


def plain_values(config, states, depth, mine):
    """(action, value) of every action."""
    swap = board(config.board).num_actions(config.players) - 1
    for action in actions_of(config, states, 0).tolist():
        seat = 3 - mine if action == swap else mine
        yield action, plain_value(config, after(config, states, action), depth - 1, seat)


@cache
def small_positions(config, most_actions, count):
    """uint16[count, 6, N]: decisions with few actions."""
    states = random_positions(config, games=3, seed=5, most=2000)
    legal = [len(actions_of(config, states, i)) for i in range(len(states))]
    small = [i for i, n in enumerate(legal) if 1 < n <= most_actions]
    assert len(small) >= count
    return states[small[:count]]


def deepened(states, index, depth, config=HEX, **options):
    """A search that has gone to a depth."""
    search = MinimaxSearch(config, **options)
    search.begin(states, index, 1)
    for _ in range(depth):
        assert search.deepen(ANY)
    assert search.depth == depth
    return search


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("table", [False, True])
def test_pruning_changes_nothing(config, table):
    """Without quiescence the value of each depth, and that of the chosen action, is that of plain minimax."""
    states = small_positions(config, most_actions=6, count=8)
    for i in range(len(states)):
        seat = mover(states[i : i + 1])
        for depth in (1, 2, 3):
            search = deepened(states, i, depth, config, table=table, quiescence=False)
            values = dict(plain_values(config, states[i : i + 1].copy(), depth, seat))
            assert search.value == max(values.values())
            if search.value > -1000:
                assert values[search.action] == search.value


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_table_changes_no_value(config):
    """With quiescence too, each depth has the same value with the table and without, in fewer positions in all."""
    states = small_positions(config, most_actions=12, count=8)
    made = {True: 0, False: 0}
    for i in range(len(states)):
        found = {}
        for table in (True, False):
            search = deepened(states, i, 4, config, table=table)
            found[table] = search.value
            made[table] += search.positions
        assert found[True] == found[False]
    assert made[True] < made[False]


def test_swap_is_seen_from_the_other_seat():
    """At the pie swap depth 1 is plain minimax too: behind the swap the agent sits in the first seat.

    The swap is put into positions of seat 2 in which seat 1 stands far better.
    """
    states = random_positions(HEX, games=3, seed=5, most=2000)
    swap = board("hex8").num_actions(2) - 1
    taken = 0
    for i in range(len(states)):
        position = states[i : i + 1].copy()
        scalars = position[0, k.F_SCALAR]
        if scalars[k.S_PLAYER] != 2 or scalars[k.S_PHASE] != k.RING_PLACEMENT or taken == 3:
            continue
        scalars[k.S_SWAP_OPEN] = 1
        values = dict(plain_values(HEX, position, 1, 2))
        search = deepened(position, 0, 1, quiescence=False)
        assert search.value == max(values.values())
        assert values[search.action] == search.value
        taken += search.action == swap
    assert taken >= 3


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_wins_of_one_turn_are_found(config):
    """Where up to three decisions of the mover win the game, a search of that depth finds it, and plays it out."""
    states = random_positions(config, games=6, seed=11, most=400)
    found = [(i, quickest_win(config, states[i : i + 1])) for i in range(len(states))]
    wins = [(i, length) for i, length in found if length is not None and length <= 3]
    assert sum(length > 1 for _, length in wins) >= 5
    search = MinimaxSearch(config, quiescence=False)
    for i, length in wins:
        position, seat = states[i : i + 1].copy(), mover(states[i : i + 1])
        for left in range(length, 0, -1):
            if mover(position) != seat:
                break
            search.begin(position, 0, 1)
            position = after(config, position, search.search(left, ANY))
            assert search.solved
        assert winner(position) == seat


def test_takes_a_win_at_once():
    """A win in one move is taken, whatever the seed and however small the budget."""
    game = winning_now()
    agent = make_agent(AgentSpec("minimax", nodes=1), HEX)
    states = np.repeat(game.states, 10, axis=0)
    for action in agent.choose(states, seeds_for(10)).tolist():
        assert quickest_win(HEX, game.states) == 1
        assert mover(after(HEX, game.states, action)) == 0


def test_a_search_in_pieces_is_the_same():
    """Interrupted after every few positions, a search comes to the same end."""
    states = small_positions(HEX, most_actions=30, count=5)
    for i in range(len(states)):
        whole = deepened(states, i, 3)
        pieces = MinimaxSearch(HEX)
        pieces.begin(states, i, 1)
        for _ in range(3):
            while not pieces.deepen(pieces.positions + 7):
                pass
        found = (pieces.depth, pieces.value, pieces.action, pieces.positions)
        assert found == (whole.depth, whole.value, whole.action, whole.positions)


def test_beats_the_heuristic():
    """Over 40 games on square8 it beats the one-ply player by a clear margin, with a small budget."""
    spec = MatchSpec(
        Config("square8", 2), AgentSpec("minimax", nodes=5000), AgentSpec("heuristic"), 40, 3
    )
    assert play_match(spec, lambda _: None).interval.low > 0.7
