"""Golden trees: each file holds its recipe and the tree that the plain search grew from it.

python -m tests.search.test_golden_trees      writes the files again, in seconds
"""

import json
from pathlib import Path

import numpy as np
import pytest

from ringrift.configs import Config
from ringrift.rules.game import Game
from ringrift.search.gumbel import Puct, SearchPool
from tests.search.decisions import decision_positions
from tests.search.drawn import plain_tree, pool_tree
from tests.search.evaluators import HashEvaluator
from tests.search.next_search import search_next
from tests.search.reference import Search
from tests.search.test_gumbel import crafted, near_the_end, opened

FOLDER = Path(__file__).parents[1] / "data" / "trees"


def from_play(name, index):
    """A position of random play."""
    config = Config.parse(name)
    return Game(config, decision_positions(config, 40, seed=3)[index : index + 1].copy())


#: Where the trees grow: the pie rule, a slide in two decisions, ends of games, and more than two seats.
POSITIONS = {
    "pie": opened,
    "slide": crafted,
    "end": near_the_end,
    "three": lambda: from_play("hex8:3", 1),
    "four": lambda: from_play("hex8:4", 10),
}
#: "moves": so many moves are played from there, each searched on in what its tree knows (tree reuse).
RECIPES = [
    {"position": position, "rule": rule, "simulations": simulations, "considered": 8, "c": [50.0, c_scale],
     "noise": noise, "seed": 11, "moves": moves}
    for position, simulations, c_scale, noise, moves in (
        ("pie", 48, 0.2, 0.0, 0), ("slide", 48, 0.2, 1.0, 0), ("end", 48, 0.2, 0.0, 0),
        ("three", 96, 0.1, 0.0, 0), ("three", 96, 0.3, 1.0, 3),
        ("four", 96, 0.1, 1.0, 0), ("four", 96, 0.3, 0.0, 3),
    )
    for rule in ("gumbel", "puct")
]  # fmt: skip


def name_of(recipe):
    """File of a recipe."""
    moves = f"-{recipe['moves']}" if recipe["moves"] else ""
    return f"{recipe['position']}-{recipe['rule']}{moves}.json"


def seed_of(recipe, move):
    """uint64[1]: the seed of the search after so many moves."""
    return np.array([recipe["seed"] + move], np.uint64)


def seats_of(trees, node=0):
    """Pairs of seats that decide one after the other in a compiled tree."""
    edges = slice(trees.first_edge[0, node], trees.first_edge[0, node] + trees.edges[0, node])
    for child in trees.child[0, edges]:
        if child >= 0 and trees.player[0, child]:
            yield int(trees.player[0, node]), int(trees.player[0, child])
            yield from seats_of(trees, child)


@pytest.mark.parametrize("recipe", RECIPES, ids=name_of)
def test_golden(recipe):
    """The compiled search grows the tree of the file from the file's own recipe."""
    data = json.loads((FOLDER / name_of(recipe)).read_text(encoding="utf-8"))
    r = data["recipe"]
    assert r == recipe
    game = POSITIONS[r["position"]]()
    pool = SearchPool(
        HashEvaluator(game.config, 1), [r["simulations"]], r["considered"], *r["c"],
        rule=r["rule"], reuse=r["moves"] > 0,
    )  # fmt: skip
    chosen, _ = pool.search(game.states, seed_of(r, 0), r["noise"])
    for move in range(r["moves"]):
        chosen, _ = search_next(pool, chosen, seed_of(r, move + 1), r["noise"])
    assert pool_tree(pool.trees) == data["tree"]
    pairs = set(seats_of(pool.trees))
    if r["position"] in ("three", "four"):
        assert any(a == b for a, b in pairs), "a seat decides twice in a row"
        assert len({seat for pair in pairs for seat in pair}) > 2


def test_files():
    """There is no golden tree without a recipe that makes it."""
    assert sorted(p.name for p in FOLDER.iterdir()) == sorted(map(name_of, RECIPES))


def main():
    """Write the files."""
    for r in RECIPES:
        game = POSITIONS[r["position"]]()
        puct = Puct() if r["rule"] == "puct" else None
        room = (2 if r["moves"] else 1) * r["simulations"] + 2
        search = Search(HashEvaluator(game.config, 1), r["considered"], *r["c"], puct, room)
        found = search.run(game.states[0], r["simulations"], seed_of(r, 0)[0], r["noise"])
        for move in range(r["moves"]):
            seed = seed_of(r, move + 1)[0]
            found = search.next(found.action, r["simulations"], seed, r["noise"])
        data = {"recipe": r, "tree": plain_tree(search.root)}
        (FOLDER / name_of(r)).write_text(json.dumps(data) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
