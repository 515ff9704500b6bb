"""The formulas of Gumbel MuZero (Danihelka et al., "Policy improvement by planning with Gumbel", ICLR 2022).

π is the prior, N(a) the visits and q(a) the mean value of an action; values are chances to win, in [0, 1].

    σ(q)          = (c_visit + max_b N(b)) · c_scale · q                       (eq. 8)
    v_mix         = (v + ΣN / Σ_{N>0} π · Σ_{N>0} π q) / (1 + ΣN)              (eq. 33, appendix D)
    completed q   = q(a) where N(a) > 0, else v_mix                            (eq. 10)
    π'            = softmax(log π + σ(completed q))                            (eq. 11)
    root          : argmax of g(a) + log π(a) + σ(q) among the actions in turn (sequential halving, fig. 1)
    interior      : argmax of π'(a) - N(a) / (1 + ΣN)                          (eq. 14)

Plain PUCT (Silver et al. 2018, "A general reinforcement learning algorithm", supplement) is the other rule, the same
at the root and below it; q is taken to [-1, 1] so that the published constants hold:

    score         = 2 q(a) + c · π(a) · √ΣN / (1 + N(a)),   c = log((1 + ΣN + c_base) / c_base) + c_init
    untried       : 2 q = 2 v - fpu · √(Σ_{N>0} π), at least 0                 (Wu 2019, KataGo; v: the network's)

Constants travel in `Slots.c`, float64[8], at the places named here.
"""

import numpy as np

from ringrift.compile import kernel
from ringrift.rules.kernels.cells import scalar
from ringrift.rules.kernels.constants import S_PLAYERS

C_VISIT = 0
C_SCALE = 1
#: 1 for plain PUCT, 0 for Gumbel.
C_PUCT = 2
C_BASE = 3
C_INIT = 4
C_FPU = 5
#: Root noise of PUCT: share of the Dirichlet draw in the priors, and the sum of its parameters.
C_NOISE = 6
C_ALPHA = 7
NUM_C = 8


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
            p = np.float64(trees.prior[g, e])
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
def select_interior(trees, g, node, c_visit, c_scale):
    """Edge to follow below the root (eq. 14), the first of equal ones.

    The edges that were never followed all have the completed value v_mix: π' is their prior times one factor, so of
    them the one with the largest prior is looked at, and only edges that were followed cost an exponential.
    """
    seat = trees.player[g, node]
    first = trees.first_edge[g, node]
    last = first + trees.edges[g, node]
    visits = 0
    most = 0
    tried = 0.0
    weighted = 0.0
    best_q = 0.0
    untried = 0.0
    likely = np.float32(-1.0)
    pick = -1
    for e in range(first, last):
        count = trees.visits[g, e]
        p = trees.prior[g, e]
        if count == 0:
            untried += p
            if p > likely:
                likely = p
                pick = e
        else:
            q = trees.total[g, e] / count
            visits += count
            most = max(most, count)
            tried += p
            weighted += p * q
            best_q = max(best_q, q)
    if visits == 0:
        return pick
    mixed = np.float64(trees.value[g, node, seat - 1])
    if tried > 0.0:
        mixed = (mixed + visits / tried * weighted) / (1.0 + visits)
    scale = (c_visit + most) * c_scale
    top = scale * max(best_q, mixed)  # keeps the exponentials below in range
    factor = np.exp(scale * mixed - top)
    total = untried * factor
    for e in range(first, last):
        count = trees.visits[g, e]
        if count > 0:
            total += trees.prior[g, e] * np.exp(scale * trees.total[g, e] / count - top)
    total = max(total, 1e-300)  # priors that are zero in float32
    best = likely * factor / total
    for e in range(first, last):
        count = trees.visits[g, e]
        if count > 0:
            share = trees.prior[g, e] * np.exp(scale * trees.total[g, e] / count - top) / total
            score = share - count / (1.0 + visits)
            if pick < 0 or score > best or (score == best and e < pick):
                best = score
                pick = e
    return pick


@kernel
def select_root(trees, g, gumbel, before, wanted, c_visit, c_scale):
    """Root edge with the best g + log π + σ(completed q) among those visited ``wanted`` times in this search.

    gumbel: float32[>= edges]; before: int32[>= edges], visits that the search began with. If no edge has that
    count, all edges compete.
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
            if attempt == 0 and count - before[i] != wanted:
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
def most_visits(trees, g, before):
    """Largest number of visits that this search gave to an edge of the root."""
    first = trees.first_edge[g, 0]
    most = 0
    for i in range(trees.edges[g, 0]):
        most = max(most, trees.visits[g, first + i] - before[i])
    return most


@kernel
def select_puct(trees, g, node, c):
    """Edge to follow by plain PUCT, at the root and below it."""
    first = trees.first_edge[g, node]
    n = trees.edges[g, node]
    visits = 0
    tried = 0.0
    for e in range(first, first + n):
        count = trees.visits[g, e]
        visits += count
        if count > 0:
            tried += trees.prior[g, e]
    raw = np.float64(trees.value[g, node, trees.player[g, node] - 1])
    untried = max(0.0, 2.0 * raw - c[C_FPU] * np.sqrt(tried))
    scale = np.log((1.0 + visits + c[C_BASE]) / c[C_BASE]) + c[C_INIT]
    scale *= np.sqrt(np.float64(visits))
    best = -1e30
    pick = first
    for e in range(first, first + n):
        count = trees.visits[g, e]
        q = 2.0 * trees.total[g, e] / count if count > 0 else untried
        score = q + scale * trees.prior[g, e] / (1.0 + count)
        if score > best:
            best = score
            pick = e
    return pick


@kernel
def select_visits(trees, g, gumbel):
    """Root edge drawn by visits: argmax of log N + g, which takes each with a chance of N^(1/T) / Σ N^(1/T).

    gumbel: float32[>= edges], Gumbel variables times the temperature T; all 0: the most visited edge.
    """
    first = trees.first_edge[g, 0]
    best = -1e30
    pick = first
    for i in range(trees.edges[g, 0]):
        count = trees.visits[g, first + i]
        if count > 0:
            score = np.log(np.float64(count)) + gumbel[i]
            if score > best:
                best = score
                pick = first + i
    return pick


@kernel
def root_policy(trees, g, c, out_policy):
    """Policy target of a finished search: π' of the root, or with PUCT its shares of visits; float32[>= edges]."""
    visits = improved_policy(trees, g, 0, c[C_VISIT], c[C_SCALE], out_policy)
    if c[C_PUCT] != 0.0:
        first = trees.first_edge[g, 0]
        for i in range(trees.edges[g, 0]):
            out_policy[i] = trees.visits[g, first + i] / max(1.0, np.float64(visits))


@kernel
def mean_value(trees, g):
    """Mean over the root's own evaluation and its visits, for the seat that decides there (PUCT)."""
    total = np.float64(trees.value[g, 0, trees.player[g, 0] - 1])
    visits = 1.0
    first = trees.first_edge[g, 0]
    for e in range(first, first + trees.edges[g, 0]):
        total += trees.total[g, e]
        visits += trees.visits[g, e]
    return total / visits


@kernel
def improved_value(trees, g, c_visit, c_scale):
    """What π' of the root is worth to the seat that decides there: Σ π'(a) · completed q(a)."""
    first = trees.first_edge[g, 0]
    n = trees.edges[g, 0]
    mixed, most = mixed_value(trees, g, 0)
    scale = (c_visit + most) * c_scale
    top = -1e30
    for e in range(first, first + n):
        count = trees.visits[g, e]
        q = trees.total[g, e] / count if count > 0 else mixed
        top = max(top, trees.logit[g, e] + scale * q)
    total = 0.0
    worth = 0.0
    for e in range(first, first + n):
        count = trees.visits[g, e]
        q = trees.total[g, e] / count if count > 0 else mixed
        weight = np.exp(trees.logit[g, e] + scale * q - top)
        total += weight
        worth += weight * q
    return worth / total


@kernel
def root_value(trees, g, c, out_value):
    """Value of the root per absolute seat, float32[4], sum 1.

    For the seat that decides what its improved policy is worth (with PUCT the mean of its visits); the rest is shared
    as the network says, equally where it gives the others nothing. Not v_mix: that is what the prior's policy is
    worth, and stays wrong however long the search (docs/search.md).
    """
    seat = trees.player[g, 0]
    if c[C_PUCT] != 0.0:
        own = mean_value(trees, g)
    else:
        own = improved_value(trees, g, c[C_VISIT], c[C_SCALE])
    seats = scalar(trees.states, g * trees.player.shape[1], S_PLAYERS)
    rest = 0.0
    for q in range(seats):
        if q + 1 != seat:
            rest += trees.value[g, 0, q]
    for q in range(4):
        if q + 1 == seat:
            out_value[q] = own
        elif q >= seats:
            out_value[q] = 0.0
        elif rest > 0.0:
            out_value[q] = trees.value[g, 0, q] / rest * (1.0 - own)
        else:
            out_value[q] = (1.0 - own) / (seats - 1.0)
