"""The set of solved endgames: how it is chosen, written and read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.endgames.making import compose
from benchmarks.endgames.solver import Solution, Solver, TooLargeError
from ringrift.configs import Config
from ringrift.rules.boards import tables
from ringrift.rules.game import Game
from ringrift.search.kernels.heuristic import choose_greedy

FOLDER = Path(__file__).parents[2] / "tests" / "data" / "endgames"

#: Configurations with a set of endgames.
KEPT = tuple(Config.parse(name) for name in ("hex8:2", "square8:2", "hex8:3", "square8:3"))

#: Different positions of a kept endgame.
FEWEST, MOST = 1_000, 15_000
#: Decisions on its main line, at least.
DECISIONS = 3


@dataclass(frozen=True, slots=True)
class Endgame:
    """A decision with moves that win for certain and moves that lose for certain, and none between."""

    config: Config
    #: Seed of `making.compose`.
    seed: int
    #: state+ (see ringrift/rules/canonical.py).
    state: dict[str, Any]
    #: Actions after which the seat to decide wins against any defence, whatever the rule for ties.
    winning: tuple[int, ...]
    #: Actions after which it loses against the right play, whatever the rule for ties.
    losing: tuple[int, ...]
    #: Different positions in its tree.
    nodes: int
    #: Decisions from here to the end when all play right and take the first of equal moves.
    decisions: int
    #: What looking one ply ahead plays: the agent `heuristic`, seed 0.
    one_ply: int

    @property
    def one_ply_is_right(self) -> bool:
        """Whether one ply is enough here."""
        return self.one_ply in self.winning

    @property
    def game(self) -> Game:
        """The position."""
        return Game.from_canonical(self.config, self.state)


def one_ply(game: Game) -> int:
    """Action that the agent `heuristic` takes with seed 0."""
    out = np.zeros(1, np.int32)
    t = tables(game.config.board)
    choose_greedy(game.states, np.zeros(1, np.int64), t, np.zeros(1, np.uint64), out)
    return int(out[0])


def worth_keeping(solution: Solution) -> bool:
    """Whether the endgame asks something: long enough, and its outcome hangs on this decision alone."""
    return (
        solution.nodes >= FEWEST
        and solution.root.decisions >= DECISIONS
        and bool(solution.winning)
        and bool(solution.losing)
        and len(solution.winning) + len(solution.losing) == len(solution.moves)
    )


def solved(config: Config, seed: int, game: Game, solver: Solver) -> Endgame | None:
    """The endgame that a seed composes, or None where it is too large or not worth keeping."""
    try:
        solution = solver.solve(game.states[0])
    except TooLargeError:
        return None
    if not worth_keeping(solution):
        return None
    return Endgame(
        config,
        seed,
        game.state_plus(),
        solution.winning,
        solution.losing,
        solution.nodes,
        solution.root.decisions,
        one_ply(game),
    )


def endgames(config: Config, count: int, first_seed: int = 1) -> Iterator[Endgame]:
    """The first ``count`` endgames worth keeping, at most half of them such that one ply is enough."""
    solver = Solver(config, MOST)
    easy = hard = 0
    seed = first_seed - 1
    while easy + hard < count:
        seed += 1
        game = compose(config, seed)
        if game is None or game.result is not None:
            continue
        found = solved(config, seed, game, solver)
        if found is None:
            continue
        if found.one_ply_is_right:
            if easy == count // 2:
                continue
            easy += 1
        else:
            hard += 1
        yield found


def write(config: Config, found: list[Endgame], first_seed: int = 1) -> Path:
    """Write a set with its recipe, one endgame a line."""
    head = {
        "recipe": f"python -m benchmarks.endgames make --config {config} --count {len(found)} "
        f"--first-seed {first_seed}",
        "solved": "max^n over the whole tree; wins and losses hold under every rule for ties",
        "one_ply": "agent heuristic, seed 0",
    }
    lines = [
        json.dumps(
            {
                "seed": e.seed,
                "winning": e.winning,
                "losing": e.losing,
                "nodes": e.nodes,
                "decisions": e.decisions,
                "one_ply": e.one_ply,
                "state": e.state,
            },
            separators=(",", ":"),
        )
        for e in found
    ]
    path = FOLDER / f"{config.board}-{config.players}-{first_seed}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(head, indent=1)[:-2] + ',\n "endgames": [\n' + ",\n".join(lines) + "\n]}\n"
    path.write_text(text, encoding="utf-8")
    return path


def read(config: Config) -> list[Endgame]:
    """The kept endgames of a configuration, from all its files."""
    found: list[Endgame] = []
    for path in sorted(FOLDER.glob(f"{config.board}-{config.players}-*.json")):
        for e in json.loads(path.read_text(encoding="utf-8"))["endgames"]:
            e["winning"], e["losing"] = tuple(e["winning"]), tuple(e["losing"])
            found.append(Endgame(config, **e))
    return found
