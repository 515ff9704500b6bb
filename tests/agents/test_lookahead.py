"""What holds for both agents that look ahead without a network, as an agent and as a thinker."""

import pytest

from ringrift.agents import AgentSpec, lookahead, make_agent
from ringrift.agents.clock import Clock, Limits
from ringrift.agents.lookahead import SLICE_ROLLOUTS
from ringrift.agents.thinking import make_thinker, whole_move
from ringrift.configs import ALL_CONFIGS, Config
from ringrift.errors import Interrupted
from ringrift.rules.game import Game
from ringrift.search import minimax
from tests.agents.test_simple import seeds_for, winning_now
from tests.nets.positions import actions_of, random_positions

HEX = Config("hex8", 2)
MCTS, MINIMAX = AgentSpec("mcts", rollouts=300), AgentSpec("minimax", nodes=5000)


def kind_of(spec):
    """Name of an agent in the names of tests."""
    return spec.kind


@pytest.mark.parametrize(
    "spec", [AgentSpec("mcts", rollouts=60), AgentSpec("minimax", nodes=3000)], ids=kind_of
)
def test_choices_follow_from_state_and_seed(spec):
    """The same position and seed give the same move, alone or among others, whatever was searched before."""
    states, seeds = random_positions(HEX, games=2, seed=4, most=20), seeds_for(20)
    together = make_agent(spec, HEX).choose(states, seeds)
    agent = make_agent(spec, HEX)
    for i in (13, 4, 0):
        assert agent.choose(states[i : i + 1].copy(), seeds[i : i + 1])[0] == together[i]
    # other rollouts for mcts; minimax decides by the seed only between equals
    assert (agent.choose(states, seeds_for(20, seed=2)) != together).any() or (
        spec.kind == "minimax"
    )


@pytest.mark.parametrize(
    "spec", [AgentSpec("mcts", rollouts=12), AgentSpec("minimax", nodes=300)], ids=kind_of
)
@pytest.mark.parametrize("config", ALL_CONFIGS, ids=str)
def test_choices_are_legal(config, spec):
    """In every config each choice is a legal action, and leaves the states as they were."""
    states = random_positions(config, games=1, seed=2, most=4)
    before = states.copy()
    actions = make_agent(spec, config).choose(states, seeds_for(4))
    assert (states == before).all()
    for i, action in enumerate(actions.tolist()):
        assert action in actions_of(config, states, i)


def test_a_depth_alone_has_an_end(monkeypatch):
    """Minimax with nothing but a depth that is out of reach ends at a number of positions, as agent and as thinker."""
    monkeypatch.setattr(lookahead, "DEPTH_NODES", 3000)
    states, seeds = random_positions(HEX, games=1, seed=4, most=20)[6:9], seeds_for(3)
    far, near = AgentSpec("minimax", depth=30), AgentSpec("minimax", nodes=3000)
    assert (
        make_agent(far, HEX).choose(states, seeds) == make_agent(near, HEX).choose(states, seeds)
    ).all()
    made = [search.positions for search in make_agent(far, HEX).searched(states, seeds)]
    assert max(made) < 6000
    _, news = think(far, Game.new(HEX), Limits())
    assert news[-1].nodes < 6000
    both = AgentSpec("minimax", depth=30, nodes=9000)
    assert max(s.positions for s in make_agent(both, HEX).searched(states, seeds)) >= 9000


@pytest.mark.parametrize(
    "spec", [AgentSpec("mcts", rollouts=200), AgentSpec("minimax", nodes=6000)], ids=kind_of
)
def test_a_long_search_can_be_interrupted(spec, monkeypatch):
    """A search comes back from its kernel between slices, where signals are heard, and finds what it finds in one go."""
    states, seeds = random_positions(HEX, games=1, seed=4, most=20)[6:9], seeds_for(3)
    whole = make_agent(spec, HEX).choose(states, seeds)
    monkeypatch.setattr(lookahead, "LONG_ROLLOUTS", 30)
    monkeypatch.setattr(minimax, "SLICE", 500)
    assert (make_agent(spec, HEX).choose(states, seeds) == whole).all()
    agent, calls = make_agent(spec, HEX), []
    name = "run" if spec.kind == "mcts" else "deepen"
    step = getattr(agent._search, name)

    def heard(number):
        calls.append(number)
        if len(calls) == 3:
            raise Interrupted("once more")
        return step(number)

    monkeypatch.setattr(agent._search, name, heard)
    with pytest.raises(Interrupted):
        agent.choose(states, seeds)
    assert calls == [30, 30, 30] or calls[-1] < 2000


def think(spec, game, limits):
    """Play one move as the engine would: (code, news)."""
    thought = whole_move(make_thinker(spec, game.config, None, 64, 1), game, Clock(limits))
    news = []
    while True:
        try:
            step = next(thought)
        except StopIteration as end:
            return end.value, news
        if step is not None:
            news.append(step)


@pytest.mark.parametrize("spec", [MCTS, MINIMAX], ids=kind_of)
@pytest.mark.parametrize("nodes", [None, 1, 700, 150_000])
def test_thinks_within_nodes(spec, nodes):
    """It makes the rollouts that are asked for, or the positions and at most one look at all actions more."""
    if spec is MCTS and nodes == 150_000:
        nodes = 20 * SLICE_ROLLOUTS + 1  # it refuses more than 100,000
    game = Game.new(HEX)
    code, news = think(spec, game, Limits(nodes=nodes))
    assert code in game.legal_codes()
    budget = nodes or spec.rollouts or spec.nodes
    if spec is MCTS:
        assert news[-1].nodes == budget
    else:
        assert budget * 0.99 <= news[-1].nodes <= budget + len(game.legal_codes())


@pytest.mark.parametrize("spec", [MCTS, MINIMAX], ids=kind_of)
def test_thinks_to_a_depth(spec):
    """A limit of depth is reached; minimax, which deepens one by one, does not pass it."""
    for depth in (1, 2):
        found = think(spec, Game.new(HEX), Limits(depth=depth))[1][-1].depth
        assert found == depth or (spec is MCTS and found > depth)


@pytest.mark.parametrize("spec", [MCTS, MINIMAX], ids=kind_of)
@pytest.mark.parametrize(
    "limits", [Limits(), Limits(nodes=5000), Limits(depth=2), Limits(seconds=0.0)], ids=str
)
def test_answers_whatever_the_limits(spec, limits):
    """Near a win, and where there is no time at all, the answer is a legal move with a report of it."""
    game = winning_now()
    code, news = think(spec, game, limits)
    assert code in game.legal_codes()
    assert news[-1].nodes > 0


@pytest.mark.parametrize("text", ["mcts:t1ms", "minimax:t1ms", "mcts:r3:t3600000ms"])
def test_a_time_ends_the_search(text):
    """With a time an agent takes at least one look, and stops by itself; whatever is used up first decides."""
    states = random_positions(HEX, games=1, seed=2, most=4)
    agent = make_agent(AgentSpec.parse(text), HEX)
    for i, action in enumerate(agent.choose(states, seeds_for(4)).tolist()):
        assert action in actions_of(HEX, states, i)
