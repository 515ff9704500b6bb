"""A network with a time for each decision, as an agent of matches and of selfplay."""

import numpy as np

from ringrift.agents import AgentSpec, make_agent
from ringrift.agents.searching import Noise
from ringrift.agents.timed import TimedAgent
from ringrift.configs import Config
from ringrift.nets.arch import Arch
from ringrift.nets.checkpoint import save_model
from tests.nets.models import speaking_model
from tests.nets.positions import actions_of, random_positions

HEX = Config("hex8", 2)


def test_choices_are_legal_and_say_what_they_found(tmp_path):
    """Each choice is legal, with chances that sum to 1, even where the time is over at once; states stay as they are."""
    path, sha256 = save_model(speaking_model(HEX, Arch(8, 1, 1, 8, 8, 8), 3), tmp_path)
    agent = make_agent(AgentSpec.parse("gumbel-mcts:t1ms", sha256), HEX, path)
    assert isinstance(agent, TimedAgent)
    states = random_positions(HEX, games=1, seed=2, most=6)
    before = states.copy()
    seeds = np.zeros(len(states), np.uint64)
    noises = [Noise(float(i % 2), i) for i in range(len(states))]
    for i, (action, info) in enumerate(agent.thoughts(states, noises)):
        assert action in actions_of(HEX, states, i)
        assert info.actions[0] == action
        assert abs(sum(info.value) - 1.0) < 1e-3
    assert len(agent.choose(states, seeds)) == len(states)
    assert (states == before).all()
