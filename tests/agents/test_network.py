"""The agents with a network: policy alone, and Gumbel search."""

import numpy as np
import pytest

from ringrift.agents import AgentSpec, make_agent
from ringrift.agents.evaluators import evaluator_of
from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.nets.arch import Arch
from ringrift.nets.checkpoint import init_model, load_model, save_model
from ringrift.nets.choice import default_backend
from ringrift.nets.torch_evaluator import TorchEvaluator
from ringrift.search.evaluator import UniformEvaluator
from tests.nets.models import speaking_model
from tests.nets.positions import actions_of, whole
from tests.search.decisions import decision_positions

HEX = Config("hex8", 2)
SMALL = Arch(8, 1, 1, 8, 8, 8)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """(path, sha256) of a network that says something."""
    return save_model(speaking_model(HEX, SMALL, 3), tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def states():
    """70 positions: more than one batch."""
    return decision_positions(HEX, 70, seed=6)


def seeds_for(count, seed=1):
    """uint64[count]."""
    return np.random.default_rng(seed).integers(0, 2**63, count, np.uint64)


def test_policy_only_plays_the_best_legal_logit(model, states):
    """Policy-only plays the legal action with the largest logit; seeds change nothing."""
    path, sha256 = model
    agent = make_agent(AgentSpec("policy-only", sha256), HEX, path)
    chosen = agent.choose(states, seeds_for(70))
    assert (agent.choose(states, seeds_for(70, 2)) == chosen).all()
    evaluator = TorchEvaluator(load_model(path).net, default_backend(64))
    for i in range(70):
        logits = whole(evaluator, states[i : i + 1])[0][0]
        legal = actions_of(HEX, states, i)
        assert chosen[i] in legal
        assert logits[chosen[i]] == logits[legal].max()


def test_search_agent(model, states):
    """Gumbel search plays legal actions, the same ones whatever the seeds, the company and the order."""
    path, sha256 = model
    agent = make_agent(AgentSpec("gumbel-mcts", sha256, 8), HEX, path)
    chosen = agent.choose(states, seeds_for(70))
    for i in range(70):
        assert chosen[i] in actions_of(HEX, states, i)
    assert (agent.choose(states[::-1], seeds_for(70, 2))[::-1] == chosen).all()
    assert (agent.choose(states[3:5].copy(), seeds_for(2)) == chosen[3:5]).all()


def test_wrong_weights(model, tmp_path):
    """A file with other weights than the spec names, or for another config, is refused by name."""
    path, sha256 = model
    with pytest.raises(BadInput, match="the agent is policy-only:ffffffffffff"):
        make_agent(AgentSpec("policy-only", "f" * 64), HEX, path)
    with pytest.raises(BadInput, match="a network for hex8:2, expected one for square8:2"):
        make_agent(AgentSpec("policy-only", sha256), Config("square8", 2), path)
    broken = tmp_path / path.name
    broken.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(BadInput, match="broken model file"):
        make_agent(AgentSpec("gumbel-mcts", sha256, 8), HEX, broken)


@pytest.mark.parametrize("config", [HEX, Config("square8", 3)])
def test_an_untrained_network_needs_no_computing(config):
    """Its evaluator answers without torch, and bit for bit as torch would; a trained one asks torch."""
    untrained = init_model(config, SMALL, 3)
    backend = default_backend(16)
    quick, slow = evaluator_of(untrained, backend), TorchEvaluator(untrained, backend)
    assert isinstance(quick, UniformEvaluator)
    positions = decision_positions(config, 16, seed=2)
    for found, expected in zip(whole(quick, positions), whole(slow, positions), strict=True):
        assert (found == expected).all()
    assert isinstance(evaluator_of(speaking_model(config, SMALL, 3), backend), TorchEvaluator)
