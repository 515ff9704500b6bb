"""What a person types for an agent."""

from pathlib import Path

import pytest

from ringrift.agents import AgentSpec
from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.evaluation.names import AgentNames
from ringrift.nets.arch import Arch
from ringrift.nets.checkpoint import init_model, save_model
from ringrift.settings import Settings

HEX = Config("hex8", 2)


@pytest.fixture
def model(tmp_path: Path) -> tuple[Path, str]:
    """A network's file and hash."""
    return save_model(init_model(HEX, Arch(channels=8, blocks=1), 1), tmp_path)


@pytest.fixture
def names(model: tuple[Path, str]) -> AgentNames:
    """Names over a state directory whose champion is that network."""

    def lookup(name: str) -> tuple[str, Path]:
        if name not in ("champion", model[1][:8]):
            raise BadInput(f"no model {name}")
        return model[1], model[0]

    return AgentNames(HEX, 48, Settings.load().search, lookup)


def test_simple(names: AgentNames) -> None:
    """Agents without a network are their own names."""
    assert names.agent("random") == AgentSpec("random")
    assert names.agent("heuristic") == AgentSpec("heuristic")
    assert names.agent("mcts") == AgentSpec("mcts", rollouts=2000)
    assert names.agent("minimax:d4:n500") == AgentSpec("minimax", depth=4, nodes=500)


def test_models(names: AgentNames, model: tuple[Path, str]) -> None:
    """A file, a name and a beginning of a hash are the same agent, with the asked budget."""
    path, sha256 = model
    for text in (str(path), "champion", sha256[:8], f"gumbel-mcts:{path}"):
        agent = names.agent(text)
        assert (agent.kind, agent.model_sha256, agent.simulations) == ("gumbel-mcts", sha256, 48)
        assert agent.max_considered == Settings.load().search.max_considered
    policy = names.agent("policy-only:champion")
    assert (policy.kind, policy.simulations) == ("policy-only", None)
    assert names.path(sha256) == path


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("heuristik", "did you mean 'heuristic'?"),
        ("champoin", "did you mean 'champion'?"),
        ("policy-only:", "needs a model"),
        ("gumbel-mcts", "needs a model"),
        ("newest", "no model newest"),
        ("there/is/none.safetensors", "no model there"),
    ],
)
def test_unknown(names: AgentNames, text: str, line: str) -> None:
    """What is no agent is one line with the nearest name."""
    with pytest.raises(BadInput, match=line):
        names.agent(text)
