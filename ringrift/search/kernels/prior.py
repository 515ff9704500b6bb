"""Play by the prior alone."""

import numpy as np

from ringrift.compile import entry
from ringrift.rules.kernels.constants import MAX_MOVES
from ringrift.rules.kernels.moves import legal_actions


@entry
def choose_prior(s, t, logits, out_actions):
    """The legal action with the largest logit in each state.

    s: uint16[n, F, N]; logits: float32[>= n, A]; out_actions: int32[n].
    """
    actions = np.empty(MAX_MOVES, np.int32)
    for g in range(s.shape[0]):
        n = legal_actions(s, g, t, actions)
        best = actions[0]
        for i in range(1, n):
            if logits[g, actions[i]] > logits[g, best]:
                best = actions[i]
        out_actions[g] = best
