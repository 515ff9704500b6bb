"""Gumbel search without a network: what tree, rules and batching cost by themselves, on one core."""

from __future__ import annotations

import numpy as np

from benchmarks.machine import Timing, repeat
from ringrift.agents import AgentSpec
from ringrift.configs import Config
from ringrift.evaluation.match import openings
from ringrift.evaluation.spec import MatchSpec
from ringrift.search.evaluator import UniformEvaluator
from ringrift.search.gumbel import SearchPool

SLOTS = 64
SIMULATIONS = 64
CONFIGS = ("hex8:2", "square8:2", "hex8:4", "square19:2")


def search(name: str, repeats: int) -> Timing:
    """Simulations per second from positions 20 random decisions into a game."""
    config = Config.parse(name)
    random = AgentSpec("random")
    spec = MatchSpec(config, random, random, games=SLOTS * config.players, seed=1, opening_plies=20)
    states, _ = openings(spec, range(SLOTS))
    pool = SearchPool(UniformEvaluator(config, SLOTS), [SIMULATIONS], 16, 50.0, 1.0)
    seeds = np.arange(SLOTS, dtype=np.uint64)
    return repeat(
        lambda: pool.search(states.copy(), seeds), items=SLOTS * SIMULATIONS, repeats=repeats
    )


def prepare() -> None:
    """Compile."""
    search("hex8:2", 1)


def timings(quick: bool) -> dict[str, Timing]:
    """Simulations per second by config."""
    return {f"simulations {name}": search(name, 3 if quick else 5) for name in CONFIGS}
