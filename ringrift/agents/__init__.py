"""Programs that play: a network, a search and a budget make an agent; so do random and one-ply play."""

from ringrift.agents.base import Agent
from ringrift.agents.factory import make_agent
from ringrift.agents.spec import AGENT_KINDS, AgentSpec

__all__ = ["AGENT_KINDS", "Agent", "AgentSpec", "make_agent"]
