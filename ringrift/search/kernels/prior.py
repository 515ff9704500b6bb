"""Play by the prior alone."""

from ringrift.compile import entry


@entry
def choose_prior(start, actions, logits, out_actions):
    """The legal action with the largest logit in each position, the first of equal ones.

    start: int32[B + 1], actions: int32[L] as in `ringrift.rules.legal`; logits: float32[L]; out_actions: int32[B].
    """
    for g in range(out_actions.size):
        best = start[g]
        for i in range(start[g] + 1, start[g + 1]):
            if logits[i] > logits[best]:
                best = i
        out_actions[g] = actions[best]
