"""Trees that are drawn, not played: any seats in any order, any values, whole to their ends.

A drawn tree is a tree of the plain search's `Node`s with every child in its place. `plant` lays it into a slot of a
`SearchPool`, and since all its lines come to an end, `collect` searches it without a network and without the rules.
"""

import numpy as np

from ringrift.rules.kernels import constants as k
from ringrift.search.kernels import lockstep
from ringrift.search.kernels.tree import NONE
from tests.search.reference import Node, Search, uniforms


def end(*value):
    """The end of a game, worth so much to each seat."""
    return Node(None, 0, [float(np.float32(v)) for v in value])


def decision(seat, value, *edges):
    """A decision of a seat; value: the network's, per seat; edges: (action, prior, child)."""
    actions, priors, children = zip(*edges, strict=True)
    return Node(
        None,
        seat,
        [float(np.float32(v)) for v in value],
        list(actions),
        [float(np.float32(np.log(p))) for p in priors],
        list(children),
        [0] * len(edges),
        [np.float32(0)] * len(edges),
    )


def random_tree(rng, players, swap, depth):
    """A tree of up to ``depth`` decisions a line; seats at random, ends sure or not, a swap anywhere with 2 seats."""
    kind = rng.integers(3)
    value = rng.dirichlet(np.ones(players))
    if kind == 0:
        value = np.eye(players)[rng.integers(players)]
    if depth == 0:
        return end(*value)
    if kind == 1:
        value = np.full(players, 1 / players)
    count = int(rng.choice([1, 2, 3, 4, 7]))
    actions = rng.choice(swap, count, replace=False).tolist()
    if players == 2 and rng.random() < 0.5:
        actions[int(rng.integers(count))] = swap
    priors = rng.dirichlet(np.full(count, rng.choice([0.3, 1.0, 100.0]))) + 1e-9
    children = [
        random_tree(rng, players, swap, 0 if rng.random() < 0.2 else depth - 1) for _ in actions
    ]
    edges = zip(actions, priors / priors.sum(), children, strict=True)
    return decision(int(rng.integers(players)) + 1, value, *edges)


def size(node):
    """(nodes, edges) at and below a node."""
    below = [size(child) for child in node.children]
    return 1 + sum(n for n, _ in below), len(below) + sum(e for _, e in below)


def plant(pool, g, root):
    """Lay an unvisited tree into slot ``g``, as if its root had been evaluated."""
    trees = pool.trees
    nodes, edges = size(root)
    assert nodes <= trees.player.shape[1]
    assert edges <= trees.action.shape[1]
    trees.num_nodes[g] = trees.num_edges[g] = 0
    state = trees.states[g * trees.player.shape[1] :][:nodes]
    state[:, k.F_SCALAR, k.S_PLAYERS] = pool.evaluator.config.players

    def lay(node, parent, parent_edge):
        at, first = int(trees.num_nodes[g]), int(trees.num_edges[g])
        trees.num_nodes[g] += 1
        trees.num_edges[g] += len(node.actions)
        trees.player[g, at], trees.parent[g, at], trees.parent_edge[g, at] = (
            node.seat,
            parent,
            parent_edge,
        )
        trees.first_edge[g, at], trees.edges[g, at] = first, len(node.actions)
        trees.value[g, at] = node.value + [0] * (4 - len(node.value))
        for i, action in enumerate(node.actions):
            e = first + i
            trees.action[g, e], trees.logit[g, e] = action, node.logits[i]
            trees.prior[g, e] = np.exp(node.logits[i])
            trees.visits[g, e], trees.total[g, e] = 0, 0
        for i, child in enumerate(node.children):
            trees.child[g, first + i] = lay(child, at, first + i)
        return at

    lay(root, NONE, NONE)
    pool.slots.leaf[g], pool.slots.simulations[g], pool.slots.budget[g] = NONE, 0, 0
    pool.slots.before[g] = 0
    pool.slots.gumbel[g] = 0
    pool.slots.status[g] = lockstep.RUNNING


def search_drawn(pool, roots, seeds, noise=0.0):
    """Search drawn trees in the first slots; seeds and noise as in `SearchPool.search`, which see for the results."""
    pool.slots.status[:] = lockstep.IDLE
    for g, root in enumerate(roots):
        plant(pool, g, root)
        numbers = uniforms(seeds[g])
        for i in range(len(root.actions)):
            draw = -np.log(-np.log(next(numbers)))
            pool.slots.gumbel[g, i] = np.float32(np.float32(noise) * draw)
    leaves = lockstep.collect(pool.trees, pool.slots, pool.scratch, pool.tables, pool.batch)
    assert leaves == 0, "a drawn tree has no leaf for the network"
    actions, values = np.empty(len(roots), np.int32), np.empty((len(roots), 4), np.float32)
    lockstep.read_results(pool.trees, pool.slots, pool.scratch, len(roots), actions, values)
    return actions, values[:, : pool.evaluator.config.players]


def plain_search(pool, puct=None):
    """The plain search with the constants and the room of a pool."""
    c_visit, c_scale = pool.slots.c[:2]
    considered = pool.slots.turns.shape[1] - 1
    return Search(
        pool.evaluator, considered, c_visit, c_scale, puct, room=pool.trees.player.shape[1]
    )


def plain_tree(node):
    """Visited part of a tree of the plain search: {action: [visits, total, subtree]}."""
    return {
        str(a): [n, round(float(t), 4), plain_tree(child) if child else {}]
        for a, n, t, child in zip(
            node.actions, node.visits, node.totals, node.children, strict=True
        )
        if n
    }


def pool_tree(trees, g=0, node=0):
    """The same of a compiled tree."""
    first = int(trees.first_edge[g, node])
    return {
        str(trees.action[g, e]): [
            int(trees.visits[g, e]),
            round(float(trees.total[g, e]), 4),
            pool_tree(trees, g, int(trees.child[g, e])) if trees.child[g, e] >= 0 else {},
        ]
        for e in range(first, first + int(trees.edges[g, node]))
        if trees.visits[g, e]
    }
