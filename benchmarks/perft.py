"""Makes the published perft tables: finds the positions, counts, and writes the files.

    python -m benchmarks.perft [--config hex8:2 ...] [--out FOLDER] [--markdown]

Per configuration there is the opening, and positions that random games (`ringrift.parity.record`,
policy bytype, seeds 1, 2, ...) come to first: inside a chain, with two lines or an overlength one,
with two regions, with a recovery slide that makes a line, with a strike, with forced eliminations
to choose from, and three turns before an end.

The opening is counted to the greatest length with fewer than 10^7 sequences, or to the first with
10^5 where that is longer, and by the reference to the first length with 10^5. The other positions
go to fewer than 3 * 10^5, and by the reference to the first length with 10^4; on the large boards to
fewer than 10^5, and by the reference to the first length with 3000. With --markdown the tables of docs/perft.md are printed from
the files instead.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ringrift.configs import ALL_CONFIGS, Config
from ringrift.parity.perft import (
    PerftTable,
    counts,
    deepest,
    depth_within,
    kinds,
    read_tables,
    tree,
    write_tables,
)
from ringrift.parity.record import play
from ringrift.rules.game import Game

FOLDER = Path(__file__).parents[1] / "tests" / "data" / "perft"

#: Games looked through for a position.
SEEDS = 400


def _words(legal: list[str], word: str) -> list[str]:
    return [text for text in legal if text.startswith(word)]


#: Name -> whether a node shows what the position is for.
FEATURES: dict[str, Callable[[list[str]], bool]] = {
    "chain": lambda legal: len(_words(legal, "CC")) > 1,
    "lines": lambda legal: len(_words(legal, "L")) > 1,  # two lines, or one with options
    "regions": lambda legal: len(_words(legal, "TO")) > 1,
    "recovery": lambda legal: len(_words(legal, "RL")) > 0,
    "strike": lambda legal: len(_words(legal, "RS")) > 0,
    "forced": lambda legal: len(_words(legal, "FE")) > 1,
}


def positions(config: Config) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Name, recipe and state+ of each position."""
    yield "opening", "a new game", Game.new(config).state_plus()
    wanted = dict(FEATURES)
    ending = False
    for seed in range(1, SEEDS + 1):
        game = Game.new(config)
        starts: list[tuple[int, dict[str, Any]]] = []
        for ply, (legal, _) in enumerate(play(game, "bytype", seed)):
            if game.phase == "ring_placement":
                starts.append((ply, game.state_plus()))
            for name in [name for name, shows in wanted.items() if shows(legal)]:
                yield name, f"bytype, seed {seed}, after {ply} moves", game.state_plus()
                del wanted[name]
        if not ending and len(starts) > 3:
            ply, state = starts[-3]
            yield "ending", f"bytype, seed {seed}, after {ply} moves", state
            ending = True
        if not wanted:
            return


def table(config: Config, name: str, recipe: str, state: dict[str, Any]) -> PerftTable:
    """Count a position by both engines; ends the program where they differ."""
    if name == "opening":
        below, agree, some = 10**7, 10**5, 3000
    elif config.board in ("square8", "hex8"):
        below, agree, some = 3 * 10**5, 10**4, 500
    else:
        below, agree, some = 10**5, 3000, 300
    found = deepest(config, state, below)
    if not found or (found[-1] < agree and name == "opening"):
        found = counts(tree(config, state, len(found) + 1, "compiled"), len(found) + 1)
    agreed = next((d for d, n in enumerate(found, start=1) if n >= agree), len(found))
    oracle = counts(tree(config, state, agreed, "reference"), agreed)
    if oracle != found[:agreed]:
        sys.exit(f"{config} {name}: {found[:agreed]} compiled, {oracle} by the reference")
    made = PerftTable(str(config), name, recipe, found, agreed, {}, 1, state)
    depth = depth_within(made, some)
    return PerftTable(
        str(config), name, recipe, found, agreed, kinds(config, state, depth), depth, state
    )


def make(config: Config, folder: Path) -> None:
    """Make the file of one configuration."""
    tables = []
    for name, recipe, state in positions(config):
        start = time.perf_counter()
        tables.append(table(config, name, recipe, state))
        seconds = time.perf_counter() - start
        print(f"{config} {name} ({recipe}): {tables[-1].counts}, {seconds:.0f} s", flush=True)
    write_tables(folder / f"{config.board}_{config.players}p.jsonl", tables)


def markdown(folder: Path) -> None:
    """Print the tables of docs/perft.md."""
    for config in ALL_CONFIGS:
        print(f"\n### {config}\n")
        print("| position | moves by length | reference agrees to | kinds of moves |")
        print("| --- | --- | --- | --- |")
        for found in read_tables(folder / f"{config.board}_{config.players}p.jsonl"):
            numbers = " · ".join(f"{n:,}" for n in found.counts)
            words = ", ".join(f"{word} {n}" for word, n in found.kinds.items())
            agreed = f"{found.agreed} ({found.counts[found.agreed - 1]:,})"
            where = found.name if found.name == "opening" else f"{found.name}: {found.recipe}"
            print(f"| {where} | {numbers} | {agreed} | {words} |")


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description="Make the published perft tables.")
    parser.add_argument("--config", action="append", type=Config.parse)
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--markdown", action="store_true")
    given = parser.parse_args()
    if given.markdown:
        markdown(given.out)
        return
    given.out.mkdir(parents=True, exist_ok=True)
    for config in given.config or ALL_CONFIGS:
        make(config, given.out)


if __name__ == "__main__":
    main()
