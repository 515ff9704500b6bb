"""The agents without a network: random and heuristic."""

import numpy as np
import pytest

from ringrift.agents import AgentSpec, make_agent
from ringrift.configs import ALL_CONFIGS, Config
from ringrift.evaluation.match import play_match
from ringrift.evaluation.spec import MatchSpec
from ringrift.rules.game import Game, GameOptions
from ringrift.rules.kernels import constants as k
from tests.nets.positions import actions_of, random_positions
from tests.rules.positions import position, row

HEX = Config("hex8", 2)


def seeds_for(count, seed=1):
    """uint64[count]."""
    return np.random.default_rng(seed).integers(0, 2**63, count, np.uint64)


def choose(kind, config, states, seed=1):
    """Moves of an agent in states uint16[n, 6, N]."""
    return make_agent(AgentSpec(kind), config).choose(states, seeds_for(len(states), seed))


def recovery():
    """Seat 1 may slide a marker and pay from either of two stacks, or decline."""
    return position(
        "square8:2",
        "movement",
        1,
        stacks={"0,0": [2, 1], "7,7": [2, 2, 1], "0,7": [2]},
        markers={**row(2, 4, 3, 1), "6,5": 1},
        hand=[0, 4],
    )


@pytest.mark.parametrize("kind", ["opening", "recovery"])
def test_random_is_uniform(kind):
    """Random play takes each move of the complete legal list equally often, slides with each stack."""
    game = recovery() if kind == "recovery" else Game.new(HEX, GameOptions(pie=False))
    legal = game.legal_codes()
    n = 60 * len(legal)
    codes = choose("random", game.config, np.repeat(game.states, n, axis=0))
    drawn = np.array([np.count_nonzero(codes == code) for code in legal])
    assert drawn.sum() == n, "only legal moves"
    chi_square = ((drawn - 60) ** 2 / 60).sum()
    degrees = len(legal) - 1
    # mean ± 5 standard deviations of the distribution
    assert abs(chi_square - degrees) < 5 * np.sqrt(2 * degrees)


def test_stacks_are_separate_moves():
    """In a recovery position random play draws from slides joined with their stacks."""
    game = recovery()
    legal = game.legal_codes().tolist()
    assert any(code >> k.STACK_SHIFT for code in legal)
    assert len({code & k.ACTION_MASK for code in legal}) < len(legal)


@pytest.mark.parametrize("kind", ["random", "heuristic"])
@pytest.mark.parametrize("config", ALL_CONFIGS, ids=str)
def test_choices_are_legal(kind, config):
    """In every config each choice is a legal move or action, and leaves the states as they were."""
    states = random_positions(
        config, games=1, seed=2, most=40 if config.board in ("hex8", "square8") else 6
    )
    before = states.copy()
    codes = choose(kind, config, states)
    assert (states == before).all()
    for i, code in enumerate(codes.tolist()):
        legal = set(actions_of(config, states, i).tolist())
        if states[i, k.F_SCALAR, k.S_SLIDE] == 0:
            legal |= set(Game(config, states[i : i + 1].copy()).legal_codes().tolist())
        assert code in legal


@pytest.mark.parametrize("kind", ["random", "heuristic"])
def test_choices_follow_from_state_and_seed(kind):
    """The same position and seed give the same move, alone or among others."""
    states = random_positions(HEX, games=2, seed=4, most=50)
    together = choose(kind, HEX, states)
    agent = make_agent(AgentSpec(kind), HEX)
    for i in (0, 17, 49):
        alone = agent.choose(states[i : i + 1].copy(), seeds_for(50)[i : i + 1])
        assert alone[0] == together[i]
    assert (choose("random", HEX, states, seed=2) != choose("random", HEX, states)).any()


def winning_now():
    """Seat 1 needs one credit more: of all its moves some land on a marker, which earns it."""
    return position(
        "hex8:2",
        "movement",
        1,
        stacks={"0,0": [1, 1], "3,0": [2], "-3,1": [2, 2]},
        markers={"0,2": 2},
        hand=[0, 8],
        elim=[17, 6],
    )


def test_heuristic_takes_a_win():
    """Where a move wins the game at once, the heuristic plays such a move whatever the seed."""
    game = winning_now()
    for code in choose("heuristic", HEX, np.repeat(game.states, 20, axis=0)).tolist():
        after = game.copy()
        after.apply(code)
        while after.result is None and len(after.legal_codes()) == 1:
            after.apply(int(after.legal_codes()[0]))
        assert after.result is not None
        assert after.result.winner == 1


@pytest.mark.parametrize(("stacks", "swaps"), [({"0,0": [1, 1, 1]}, True), ({"4,0": [1]}, None)])
def test_heuristic_judges_the_swap(stacks, swaps):
    """The heuristic looks at the swap from the other seat: it takes over whoever stands better."""
    game = Game.new(HEX)
    game.apply("PL 0,0,0 3" if swaps else "PL 4,0,-4 1")
    while game.player == 1:
        game.apply(int(game.legal_codes()[0]))
    swap = game.board.num_actions(2) - 1
    assert swap in game.legal_codes()
    codes = choose("heuristic", HEX, np.repeat(game.states, 4, axis=0))
    assert len(set((codes == swap).tolist())) == 1, "not a matter of the seed"


@pytest.mark.parametrize(("name", "bound"), [("hex8:2", 0.93), ("square8:2", 0.9)])
def test_heuristic_beats_random(name, bound):
    """Over 1,000 games the heuristic beats random play by a clear margin: above 0.70 and 0.88 at least."""
    spec = MatchSpec(
        Config.parse(name), AgentSpec("heuristic"), AgentSpec("random"), games=1000, seed=8
    )
    result = play_match(spec, lambda _: None)
    assert len(result.games) == 1000
    assert result.interval.low > bound


@pytest.mark.parametrize(("name", "share"), [("hex8:3", 1 / 3), ("square8:4", 1 / 4)])
def test_heuristic_with_more_seats(name, share):
    """Alone among random players it wins far more than its share."""
    spec = MatchSpec(
        Config.parse(name), AgentSpec("heuristic"), AgentSpec("random"), games=240, seed=8
    )
    assert play_match(spec, lambda _: None).interval.low > 1.5 * share
