"""Searching on in the subtrees of a pool's last searches, all slots at once: what selfplay does slot by slot."""

import numpy as np

from ringrift.search.kernels import lockstep


def search_next(pool, actions, seeds, noise=0.0):
    """Play an action in each slot of the last search and search what follows with what its tree knows of it.

    actions: int32[n], legal, n at most the positions of the last search, which were no more than the slots. What
    is forced is played as well. Returns as `SearchPool.search`; a game that is over has action -1 and the values of its end.
    """
    count = len(actions)
    chosen, values = np.empty(count, np.int32), np.empty((count, 4), np.float32)
    lockstep.begin_next(pool.trees, pool.slots, pool.scratch, pool.tables, actions, 0, noise, seeds)
    pool.finish()
    lockstep.read_results(pool.trees, pool.slots, pool.scratch, count, chosen, values)
    return chosen, values[:, : pool.evaluator.config.players]
