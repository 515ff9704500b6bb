"""Searches of trees that nobody played: drawn by hand with their visits, and drawn at random."""

import numpy as np
import pytest

from ringrift.configs import Config
from ringrift.search.evaluator import UniformEvaluator
from ringrift.search.gumbel import RULES, Puct, SearchPool
from tests.search.drawn import (
    decision,
    end,
    plain_search,
    plain_tree,
    pool_tree,
    random_tree,
    search_drawn,
    size,
)
from tests.search.next_search import search_next
from tests.search.test_gumbel import root_of, seeds_for
from tests.search.test_rules import same


def pool_for(config, simulations, slots=1, considered=8, c=(50.0, 1.0), **options):
    """A pool with room for trees of twice so many nodes."""
    return SearchPool(
        UniformEvaluator(Config.parse(config), slots), [simulations], considered, *c, **options
    )


def line(pool, *steps):
    """Totals and visits of the edges along actions from the root of slot 0."""
    trees, node, found = pool.trees, 0, []
    for action in steps:
        first = int(trees.first_edge[0, node])
        edges = trees.action[0, first : first + int(trees.edges[0, node])]
        e = first + edges.tolist().index(action)
        found.append((int(trees.visits[0, e]), float(trees.total[0, e])))
        node = int(trees.child[0, e])
    return found


@pytest.mark.parametrize("rule", RULES)
def test_seats_in_any_order(rule):
    """A line of seats 3, 3, 1, 4, 2, 2: every edge sums up what the end is worth to the seat that chose it.

    seat 3 ─ seat 3 ─ seat 1 ─ seat 4 ─ seat 2 ─ seat 2 ─ end (1/16, 2/16, 4/16, 9/16), visited 8 times
    """
    node = end(1 / 16, 2 / 16, 4 / 16, 9 / 16)
    seats = (3, 3, 1, 4, 2, 2)
    for seat in reversed(seats):
        node = decision(seat, (0.25,) * 4, (seat, 1.0, node))
    pool = pool_for("square8:4", 8, rule=rule)
    search_drawn(pool, [node], seeds_for(1))
    worth = {1: 0.5, 2: 1.0, 3: 2.0, 4: 4.5}
    assert line(pool, *seats) == [(8, worth[seat]) for seat in seats]


@pytest.mark.parametrize("rule", RULES)
def test_swap_between_moves(rule):
    """Above a swap the agents sit the other way round, above a second one as before; below nothing changes.

    seat 1 ─ swap ─ seat 2 ─ seat 2 ─ swap ─ seat 1 ─ end (3/4, 1/4), visited 4 times: 1/4 of it for seat 1 is 1
    """
    pool = pool_for("hex8:2", 4, rule=rule)
    swap = int(pool.slots.swap[0])
    node = decision(1, (0.5, 0.5), (5, 1.0, end(3 / 4, 1 / 4)))
    # seat 2 swaps: its agent plays on as seat 1, for whom the end is worth 3/4
    node = decision(2, (0.5, 0.5), (swap, 1.0, node))
    node = decision(2, (0.5, 0.5), (6, 1.0, node))
    node = decision(1, (0.5, 0.5), (swap, 1.0, node))
    node = decision(1, (0.5, 0.5), (7, 1.0, node))
    search_drawn(pool, [node], seeds_for(1))
    expected = [(4, 3.0), (4, 3.0), (4, 3.0), (4, 3.0), (4, 3.0)]
    assert line(pool, 7, swap, 6, swap, 5) == expected
    once = decision(
        2, (0.5, 0.5), (6, 1.0, decision(2, (0.5, 0.5), (swap, 1.0, end(3 / 4, 1 / 4))))
    )
    once = decision(1, (0.5, 0.5), (7, 1.0, once))
    search_drawn(pool, [once], seeds_for(1))
    assert line(pool, 7, 6, swap) == [(4, 1.0), (4, 3.0), (4, 3.0)]


def test_each_seat_for_itself():
    """Max^n and eq. 14 on paper, 16 simulations: seats 2 and 3 take what is best for themselves.

                         seat 1
                     1 /        \\ 2
                seat 2           end (.5, .2, .3)
              3 /    \\ 4
         seat 3       end (.9, .1, 0)
        5 /  \\ 6
    (0,.3,.7)  (.8,.2,0)

    Priors are equal, the network says .25 to seat 2 and .4 to seat 3, σ(q) = (50 + max N) q. Each root action has
    8 visits. Those of seat 2, by score π' - N / (1 + ΣN):

    =====  =======  ======  ==================  =====
    visit  N        v_mix   scores of 3 and 4   takes
    =====  =======  ======  ==================  =====
    1      0 and 0  .25     .5, .5              3
    2      1 and 0  .275    .282, .218          3
    3      2 and 0  .2833   .037, .296          4
    4 ..   2 and 1          .500, -.250         3, and so on: .1 is far behind .3
    =====  =======  ======  ==================  =====

    Seat 3 takes 5 six times, while v_mix comes up to .657 and π' of 6 to .083; then 5 scores .917 - 6/7 = .060 and the
    seventh visit is for 6.
    """
    low = decision(3, (0.4, 0.2, 0.4), (5, 0.5, end(0, 0.3, 0.7)), (6, 0.5, end(0.8, 0.2, 0)))
    left = decision(2, (0.5, 0.25, 0.25), (3, 0.5, low), (4, 0.5, end(0.9, 0.1, 0)))
    root = decision(1, (0.4, 0.3, 0.3), (1, 0.5, left), (2, 0.5, end(0.5, 0.2, 0.3)))
    pool = pool_for("hex8:3", 16)
    chosen, _ = search_drawn(pool, [root], seeds_for(1))
    assert chosen.tolist() == [2]
    assert pool_tree(pool.trees) == {
        "1": [
            8,
            pytest.approx(1.7),
            {
                "3": [
                    7,
                    pytest.approx(2.0),
                    {"5": [6, pytest.approx(4.2), {}], "6": [1, 0, {}]},
                ],
                "4": [1, pytest.approx(0.1), {}],
            },
        ],
        "2": [8, 4.0, {}],
    }


def test_puct_on_paper():
    """Seven simulations of plain PUCT, c = 1.25, from a position worth .5.

    action  prior  q      taken in simulations
    1       .5     .2     1: all untried are worth the same, the first is taken
    2       .3     .6     2 to 5: 1.234, 1.465, 1.417, 1.388 against 1.321 at most for 3
    3       .2     .9     6: .821 + 1.25 · √5 · .2 = 1.380 against 1.368 for 2; then 7, since .9 was found
    """
    ends = [end(q, 1 - q) for q in (0.2, 0.6, 0.9)]
    root = decision(1, (0.5, 0.5), *zip((1, 2, 3), (0.5, 0.3, 0.2), ends, strict=True))
    pool = pool_for("hex8:2", 7, rule="puct")
    chosen, values = search_drawn(pool, [root], seeds_for(1))
    assert root_of(pool, 0)[1].tolist() == [1, 4, 2]
    assert chosen.tolist() == [2]
    assert values[0, 0] == pytest.approx((0.5 + 0.2 + 4 * 0.6 + 2 * 0.9) / 8)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("config", "seed"), [("hex8:2", 1), ("square8:3", 2), ("hex8:4", 3)])
def test_random_trees(config, seed, rule):
    """On 60 random trees each search is the plain one to the last visit of the tree, with any constants."""
    rng = np.random.default_rng(seed)
    simulations, slots = 60, 15
    for considered, c, noise in (
        (8, (50.0, 1.0), 0.0),
        (4, (50.0, 0.1), 1.0 if rule == "gumbel" else 0.0),
        (2, (0.0, 3.0), 0.3 if rule == "gumbel" else 0.0),
        (16, (10.0, 0.02), 0.0),
    ):
        pool = pool_for(config, simulations, slots, considered, c, rule=rule, reuse=True)
        swap = int(pool.slots.swap[0])
        roots = planted(rng, pool, slots, swap)
        seeds = seeds_for(slots, seed)
        chosen, values = search_drawn(pool, roots, seeds, noise)
        plain = [plain_search(pool, Puct() if rule == "puct" else None) for _ in roots]
        for g, root in enumerate(roots):
            expected = plain[g].search(root, simulations, seeds[g], noise)
            same(pool, g, chosen[g], values[g], expected)
            assert pool_tree(pool.trees, g) == plain_tree(root)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("config", "seed"), [("hex8:2", 4), ("square8:3", 5), ("hex8:4", 6)])
def test_reuse_in_random_trees(config, seed, rule):
    """Searching on below one move after the other, whatever seat follows, is what the plain search does."""
    rng = np.random.default_rng(seed)
    pool = pool_for(config, 60, considered=4, c=(20.0, 0.1), rule=rule, reuse=True)
    noise = 0.0 if rule == "puct" else 1.0
    again = swaps = 0
    for root in planted(rng, pool, 25, int(pool.slots.swap[0])):
        plain = plain_search(pool, Puct() if rule == "puct" else None)
        seeds = seeds_for(1, seed)
        search_drawn(pool, [root], seeds, noise)
        plain.search(root, 60, seeds[0], noise)
        while (action := most_visited(plain.root)) is not None:
            swaps += action == plain.swap
            seeds = rng.integers(0, 2**63, 1, np.uint64)
            chosen, values = search_next(pool, np.array([action], np.int32), seeds, noise)
            same(pool, 0, chosen[0], values[0], plain.next(action, 60, seeds[0], noise))
            assert pool_tree(pool.trees) == plain_tree(plain.root)
            again += sum(plain.root.visits) > 60
    assert again > 20
    assert swaps > 0 or config != "hex8:2"


def most_visited(root):
    """The most visited action that does not end the game, or None."""
    onward = [i for i, child in enumerate(root.children) if child.actions]
    return root.actions[max(onward, key=lambda i: root.visits[i])] if onward else None


def planted(rng, pool, count, swap):
    """Random trees that fit into a pool."""
    players, found = pool.evaluator.config.players, []
    while len(found) < count:
        root = random_tree(rng, players, swap, int(rng.integers(1, 6)))
        # half of the room, so that every subtree can be searched on in it
        if root.actions and size(root)[0] * 2 <= pool.trees.player.shape[1]:
            found.append(root)
    return found
