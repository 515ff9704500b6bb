"""How many decisions a game has: what turns decisions per second into games per hour."""

from __future__ import annotations

import numpy as np

from ringrift.configs import Config
from ringrift.rules.game import opening
from ringrift.search.evaluator import UniformEvaluator
from ringrift.selfplay.pool import SelfplayParameters, SelfplayPool

#: Complete games by search without a network, and their budget.
GAMES, SIMULATIONS = 64, 16


def decisions_per_game(config: Config) -> float:
    """Mean number of decisions of complete games; a search without a network plays as many as a young network's."""
    parameters = SelfplayParameters(simulations=SIMULATIONS, fast_simulations=SIMULATIONS)
    pool = SelfplayPool(UniformEvaluator(config, GAMES), opening(config), parameters)
    games = [game for game in pool.run(np.arange(GAMES, dtype=np.uint64)) if game is not None]
    return sum(len(game.move_index) for game in games) / len(games)
