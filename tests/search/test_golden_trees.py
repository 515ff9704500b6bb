"""Golden trees: each file holds its recipe and the tree that the plain search grew from it.

python -m tests.search.test_golden_trees      writes the files again
"""

import json
from pathlib import Path

import numpy as np
import pytest

from ringrift.configs import Config
from ringrift.search.gumbel import Puct, SearchPool
from tests.search.evaluators import HashEvaluator
from tests.search.reference import Search
from tests.search.test_gumbel import crafted, near_the_end, opened

FOLDER = Path(__file__).parents[1] / "data" / "trees"
POSITIONS = {"pie": opened, "slide": crafted, "end": near_the_end}
RECIPES = [
    {"position": position, "rule": rule, "simulations": 48, "considered": 8, "c": [50.0, 0.2],
     "noise": noise, "seed": 11}
    for position, noise in (("pie", 0.0), ("slide", 1.0), ("end", 0.0))
    for rule in ("gumbel", "puct")
]  # fmt: skip


def name_of(recipe):
    """File of a recipe."""
    return f"{recipe['position']}-{recipe['rule']}.json"


def plain_tree(node):
    """Visited part of a tree of the plain search: {action: [visits, total, subtree]}."""
    return {
        str(a): [n, round(float(t), 4), plain_tree(child) if child else {}]
        for a, n, t, child in zip(
            node.actions, node.visits, node.totals, node.children, strict=True
        )
        if n
    }


def pool_tree(trees, node):
    """The same of a compiled tree."""
    first = int(trees.first_edge[0, node])
    return {
        str(trees.action[0, e]): [
            int(trees.visits[0, e]),
            round(float(trees.total[0, e]), 4),
            pool_tree(trees, int(trees.child[0, e])) if trees.child[0, e] >= 0 else {},
        ]
        for e in range(first, first + int(trees.edges[0, node]))
        if trees.visits[0, e]
    }


@pytest.mark.parametrize("recipe", RECIPES, ids=name_of)
def test_golden(recipe):
    """The compiled search grows the tree of the file from the file's own recipe."""
    data = json.loads((FOLDER / name_of(recipe)).read_text(encoding="utf-8"))
    r = data["recipe"]
    assert r == recipe
    game = POSITIONS[r["position"]]()
    evaluator = HashEvaluator(Config.parse(str(game.config)), 1)
    pool = SearchPool(evaluator, [r["simulations"]], r["considered"], *r["c"], rule=r["rule"])
    pool.search(game.states, np.array([r["seed"]], np.uint64), r["noise"])
    assert pool_tree(pool.trees, 0) == data["tree"]


def main():
    """Write the files."""
    for r in RECIPES:
        game = POSITIONS[r["position"]]()
        puct = Puct() if r["rule"] == "puct" else None
        search = Search(HashEvaluator(game.config, 1), r["considered"], *r["c"], puct)
        search.run(game.states[0], r["simulations"], r["seed"], r["noise"])
        data = {"recipe": r, "tree": plain_tree(search.root)}
        (FOLDER / name_of(r)).write_text(json.dumps(data) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
