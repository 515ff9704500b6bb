"""Search trees of many games in flat arrays: nodes, edges, expansion and backup.

Legend of shapes: G trees (one per slot), K nodes per tree, E edges per tree, F x N a state (see
rules/kernels/constants.py), 4 seats (unused ones zero).

A node is a position in which a decision is due, or the end of a game. Its edges are its legal actions, stored side by
side from ``first_edge``. Node 0 is the root; a child always has a larger index than its parent.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ringrift.compile import kernel
from ringrift.rules.kernels.cells import copy_state, scalar
from ringrift.rules.kernels.constants import S_PLAYER, S_WINNER
from ringrift.rules.kernels.play import advance_kernel

#: No child yet; no parent; no leaf waiting.
NONE = -1


class Trees(NamedTuple):
    """All trees of a pool."""

    states: NDArray[np.uint16]  # [G * K, F, N] position of node k of tree g at g * K + k
    num_nodes: NDArray[np.int32]  # [G]
    num_edges: NDArray[np.int32]  # [G]
    player: NDArray[np.int8]  # [G, K] seat that decides; 0 when the game is over
    parent: NDArray[np.int32]  # [G, K]
    parent_edge: NDArray[np.int32]  # [G, K]
    first_edge: NDArray[np.int32]  # [G, K]
    edges: NDArray[np.int32]  # [G, K] number of legal actions
    value: NDArray[np.float32]  # [G, K, 4] value of the network, or of the end, per absolute seat
    action: NDArray[np.int32]  # [G, E]
    logit: NDArray[np.float32]  # [G, E] log prior, normalised over the legal actions
    prior: NDArray[np.float32]  # [G, E] its exponential, so that a look at an edge needs none
    child: NDArray[np.int32]  # [G, E]
    visits: NDArray[np.int32]  # [G, E]
    total: NDArray[np.float32]  # [G, E] sum of the values for the seat that chose the edge


def make_trees(slots: int, nodes: int, edges: int, fields: int, cells: int) -> Trees:
    """Allocate empty trees: G = slots, K = nodes, E = edges."""
    return Trees(
        states=np.zeros((slots * nodes, fields, cells), np.uint16),
        num_nodes=np.zeros(slots, np.int32),
        num_edges=np.zeros(slots, np.int32),
        player=np.zeros((slots, nodes), np.int8),
        parent=np.zeros((slots, nodes), np.int32),
        parent_edge=np.zeros((slots, nodes), np.int32),
        first_edge=np.zeros((slots, nodes), np.int32),
        edges=np.zeros((slots, nodes), np.int32),
        value=np.zeros((slots, nodes, 4), np.float32),
        action=np.zeros((slots, edges), np.int32),
        logit=np.zeros((slots, edges), np.float32),
        prior=np.zeros((slots, edges), np.float32),
        child=np.zeros((slots, edges), np.int32),
        visits=np.zeros((slots, edges), np.int32),
        total=np.zeros((slots, edges), np.float32),
    )


@kernel
def add_node(trees, g, parent, parent_edge, actions, n):
    """Register the node whose state already lies in its place; returns its index.

    actions: int32[>= n], its legal actions. When the edges do not fit, the node is kept without any: it is evaluated
    and backed up, but not searched further.
    """
    node = trees.num_nodes[g]
    k = trees.player.shape[1]
    trees.num_nodes[g] = node + 1
    trees.player[g, node] = scalar(trees.states, g * k + node, S_PLAYER)
    trees.parent[g, node] = parent
    trees.parent_edge[g, node] = parent_edge
    first = trees.num_edges[g]
    if first + n > trees.action.shape[1]:
        n = 0
    trees.first_edge[g, node] = first
    trees.edges[g, node] = n
    trees.num_edges[g] = first + n
    for i in range(n):
        e = first + i
        trees.action[g, e] = actions[i]
        trees.child[g, e] = NONE
        trees.visits[g, e] = 0
        trees.total[g, e] = 0.0
    return node


@kernel
def clear_tree(trees, g, s, index):
    """Empty tree ``g`` and put state ``index`` of ``s`` where its root will be."""
    trees.num_nodes[g] = 0
    trees.num_edges[g] = 0
    copy_state(s, index, trees.states, g * trees.player.shape[1])


@kernel
def keep_subtree(trees, g, root, moved):
    """Make node ``root`` the root of its tree and drop all that is not below it.

    Nodes and edges move down in their order, so that a child keeps a larger index than its parent; visits and
    totals stay. moved: int32[2, K], room for the new indices and for how far edges move.
    """
    k = trees.player.shape[1]
    nodes = 0
    edges = 0
    for node in range(root, trees.num_nodes[g]):
        moved[0, node] = NONE
        parent = trees.parent[g, node]
        if node != root and (parent < root or moved[0, parent] == NONE):
            continue
        first = trees.first_edge[g, node]
        n = trees.edges[g, node]
        moved[0, node] = nodes
        moved[1, node] = first - edges
        if node == root:
            trees.parent[g, nodes] = NONE
            trees.parent_edge[g, nodes] = NONE
        else:
            above = trees.parent_edge[g, node] - moved[1, parent]
            trees.parent[g, nodes] = moved[0, parent]
            trees.parent_edge[g, nodes] = above
            trees.child[g, above] = nodes
        copy_state(trees.states, g * k + node, trees.states, g * k + nodes)
        trees.player[g, nodes] = trees.player[g, node]
        for q in range(4):
            trees.value[g, nodes, q] = trees.value[g, node, q]
        trees.first_edge[g, nodes] = edges
        trees.edges[g, nodes] = n
        for i in range(n):
            trees.action[g, edges + i] = trees.action[g, first + i]
            trees.logit[g, edges + i] = trees.logit[g, first + i]
            trees.prior[g, edges + i] = trees.prior[g, first + i]
            trees.child[g, edges + i] = trees.child[
                g, first + i
            ]  # an old index until the child moves
            trees.visits[g, edges + i] = trees.visits[g, first + i]
            trees.total[g, edges + i] = trees.total[g, first + i]
        edges += n
        nodes += 1
    trees.num_nodes[g] = nodes
    trees.num_edges[g] = edges


@kernel
def subtree_size(trees, g, root, moved):
    """Number of nodes at and below ``root``; moved: int32[2, K], room for marks."""
    nodes = 0
    for node in range(root, trees.num_nodes[g]):
        parent = trees.parent[g, node]
        inside = node == root or (parent >= root and moved[0, parent] != NONE)
        moved[0, node] = 0 if inside else NONE
        if inside:
            nodes += 1
    return nodes


@kernel
def grow(trees, g, t, node, edge, actions, log):
    """Add the child behind an edge, or the root (node and edge NONE); returns its index.

    Plays the action and what is forced after it. A finished game gets the value of its end.
    """
    k = trees.player.shape[1]
    child = trees.num_nodes[g]
    at = g * k + child
    code = np.int64(-1)
    if edge != NONE:
        copy_state(trees.states, g * k + node, trees.states, at)
        code = np.int64(trees.action[g, edge])
        trees.child[g, edge] = child
    n, _ = advance_kernel(trees.states, at, t, code, log, np.int64(0), actions)
    add_node(trees, g, node, edge, actions, n)
    if trees.player[g, child] == 0:
        winner = scalar(trees.states, at, S_WINNER)
        for q in range(4):
            trees.value[g, child, q] = 1.0 if q + 1 == winner else 0.0
    return child


@kernel
def backup(trees, g, node, swap):
    """Add the value of ``node`` to every edge above it (max^n: each edge counts for the seat that chose it).

    swap: number of the action of the pie rule. Above a swap edge the agents of seats 1 and 2 have changed places, so
    the two components of the value do as well (rules §12).
    """
    v0 = trees.value[g, node, 0]
    v1 = trees.value[g, node, 1]
    v2 = trees.value[g, node, 2]
    v3 = trees.value[g, node, 3]
    while trees.parent[g, node] != NONE:
        edge = trees.parent_edge[g, node]
        node = trees.parent[g, node]
        if trees.action[g, edge] == swap:
            v0, v1 = v1, v0
        seat = trees.player[g, node]
        own = v0
        if seat == 2:
            own = v1
        elif seat == 3:
            own = v2
        elif seat == 4:
            own = v3
        trees.visits[g, edge] += 1
        trees.total[g, edge] += own


@kernel
def set_priors(trees, g, node, logits, at):
    """Take over the network's logits of the legal actions, logits[at], logits[at + 1], …, as log priors."""
    first = trees.first_edge[g, node]
    n = trees.edges[g, node]
    top = np.float32(-1e30)
    for i in range(n):
        top = max(top, logits[at + i])
    total = 0.0
    for i in range(n):
        x = logits[at + i] - top
        trees.logit[g, first + i] = x
        p = np.exp(x)
        trees.prior[g, first + i] = p
        total += p
    shift = np.float32(np.log(total)) if n > 0 else np.float32(0.0)
    share = np.float32(1.0 / total) if n > 0 else np.float32(0.0)
    for i in range(n):
        trees.logit[g, first + i] -= shift
        trees.prior[g, first + i] *= share
