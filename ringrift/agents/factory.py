"""From a spec to an agent that plays."""

from __future__ import annotations

from pathlib import Path

from ringrift.agents.base import Agent
from ringrift.agents.lookahead import MctsAgent, MinimaxAgent
from ringrift.agents.simple import HeuristicAgent, RandomAgent
from ringrift.agents.spec import AgentSpec
from ringrift.configs import Config
from ringrift.errors import BadInput


def make_agent(spec: AgentSpec, config: Config, model_path: Path | None = None) -> Agent:
    """Build the agent of a spec; ``model_path`` is the file of its weights.

    Raises BadInput when a model is missing, broken, of another configuration or not the one the spec names.
    """
    if spec.kind == "random":
        return RandomAgent(spec, config)
    if spec.kind == "heuristic":
        return HeuristicAgent(spec, config)
    if spec.kind == "mcts":
        return MctsAgent(spec, config)
    if spec.kind == "minimax":
        return MinimaxAgent(spec, config)
    if model_path is None:
        raise BadInput(f"agent {spec.identity} needs the file of its model")
    if spec.milliseconds is not None:
        from ringrift.agents.timed import TimedAgent  # loads torch

        return TimedAgent(spec, config, model_path)
    from ringrift.agents.network import NetworkAgent

    return NetworkAgent(spec, config, model_path)
