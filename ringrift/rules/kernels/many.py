"""Legal actions of many positions at once."""

import numpy as np

from ringrift.compile import entry
from ringrift.rules.kernels.constants import MAX_MOVES
from ringrift.rules.kernels.moves import legal_actions


@entry
def list_many(s, count, t, out_start, out_actions):
    """List the legal actions of states 0..count-1 one after the other.

    s: uint16[B, F, N]; out_start: int32[count + 1]; out_actions: int32[>= count * A].
    """
    actions = np.empty(MAX_MOVES, np.int32)
    at = 0
    out_start[0] = 0
    for g in range(count):
        n = legal_actions(s, g, t, actions)
        for i in range(n):
            out_actions[at + i] = actions[i]
        at += n
        out_start[g + 1] = at
