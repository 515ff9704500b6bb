"""The formulas of Gumbel MuZero (Danihelka et al., "Policy improvement by planning with Gumbel", ICLR 2022).

π is the prior, N(a) the visits and q(a) the mean value of an action; values are chances to win, in [0, 1].

    σ(q)          = (c_visit + max_b N(b)) · c_scale · q                       (eq. 8)
    v_mix         = (v + ΣN / Σ_{N>0} π · Σ_{N>0} π q) / (1 + ΣN)              (eq. 33, appendix D)
    completed q   = q(a) where N(a) > 0, else v_mix                            (eq. 10)
    π'            = softmax(log π + σ(completed q))                            (eq. 11)
    root          : argmax of g(a) + log π(a) + σ(q) among the actions in turn (sequential halving, fig. 1)
    interior      : argmax of π'(a) - N(a) / (1 + ΣN)                          (eq. 14)
"""

import numpy as np

from ringrift.compile import kernel


@kernel
def mixed_value(trees, g, node):
    """v_mix of a node for the seat that decides there, and the largest visit count of its edges."""
    seat = trees.player[g, node]
    raw = np.float64(trees.value[g, node, seat - 1])
    first = trees.first_edge[g, node]
    visits = 0
    most = 0
    prior = 0.0
    weighted = 0.0
    for i in range(trees.edges[g, node]):
        e = first + i
        count = trees.visits[g, e]
        if count > 0:
            p = np.exp(np.float64(trees.logit[g, e]))
            visits += count
            most = max(most, count)
            prior += p
            weighted += p * trees.total[g, e] / count
    if visits == 0 or prior <= 0.0:
        return raw, most
    return (raw + visits / prior * weighted) / (1.0 + visits), most


@kernel
def improved_policy(trees, g, node, c_visit, c_scale, out_policy):
    """π' over the edges of a node (eq. 11); out_policy: float32[>= edges]. Returns the sum of visits."""
    first = trees.first_edge[g, node]
    n = trees.edges[g, node]
    mixed, most = mixed_value(trees, g, node)
    scale = (c_visit + most) * c_scale
    top = -1e30
    visits = 0
    for i in range(n):
        e = first + i
        count = trees.visits[g, e]
        visits += count
        q = trees.total[g, e] / count if count > 0 else mixed
        x = trees.logit[g, e] + scale * q
        out_policy[i] = x
        top = max(top, x)
    total = 0.0
    for i in range(n):
        x = np.exp(out_policy[i] - top)
        out_policy[i] = x
        total += x
    for i in range(n):
        out_policy[i] /= total
    return visits


@kernel
def select_interior(trees, g, node, c_visit, c_scale, scratch):
    """Edge to follow below the root (eq. 14); scratch: float32[>= edges]."""
    visits = improved_policy(trees, g, node, c_visit, c_scale, scratch)
    first = trees.first_edge[g, node]
    best = -1e30
    pick = first
    for i in range(trees.edges[g, node]):
        score = scratch[i] - trees.visits[g, first + i] / (1.0 + visits)
        if score > best:
            best = score
            pick = first + i
    return pick


@kernel
def select_root(trees, g, gumbel, wanted, c_visit, c_scale):
    """Root edge with the best g + log π + σ(completed q) among those visited ``wanted`` times.

    gumbel: float32[>= edges]. If no edge has that count, all edges compete.
    """
    first = trees.first_edge[g, 0]
    mixed, most = mixed_value(trees, g, 0)
    scale = (c_visit + most) * c_scale
    best = -1e30
    pick = -1
    for attempt in range(2):
        for i in range(trees.edges[g, 0]):
            e = first + i
            count = trees.visits[g, e]
            if attempt == 0 and count != wanted:
                continue
            q = trees.total[g, e] / count if count > 0 else mixed
            score = gumbel[i] + trees.logit[g, e] + scale * q
            if score > best:
                best = score
                pick = e
        if pick >= 0:
            return pick
    return pick


@kernel
def most_visits(trees, g):
    """Largest visit count of the root's edges."""
    first = trees.first_edge[g, 0]
    most = 0
    for i in range(trees.edges[g, 0]):
        most = max(most, trees.visits[g, first + i])
    return most


@kernel
def root_value(trees, g, out_value):
    """Value of the root per absolute seat: v_mix for the seat that decides, the rest shared as the network says.

    out_value: float32[4].
    """
    seat = trees.player[g, 0]
    mixed, _ = mixed_value(trees, g, 0)
    rest = 0.0
    for q in range(4):
        if q + 1 != seat:
            rest += trees.value[g, 0, q]
    for q in range(4):
        if q + 1 == seat:
            out_value[q] = mixed
        elif rest > 0.0:
            out_value[q] = trees.value[g, 0, q] / rest * (1.0 - mixed)
        else:
            out_value[q] = 0.0
