"""Make the regression set of the tests: ``python -m ringrift.parity.regression FOLDER``.

About 300 kB of traces recorded by this engine, with every kind of move and of victory and all
configurations in them. They are worth what the engine was worth that recorded them: run this only
at a commit that has passed every trace of an independent engine (``ringrift parity gate``); the
headers name the commit.

Small boards: whole games from the opening, chosen so that few games show many kinds of moves, and
tiny crafted endings for the rare stalemates. Large boards: the last moves of a long game, as a
crafted start.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ringrift.configs import ALL_CONFIGS, Config
from ringrift.parity.record import play, record
from ringrift.parity.trace import write_trace
from ringrift.rules.boards import board, constants, tables
from ringrift.rules.game import Game, GameOptions

#: Games looked at per configuration: enough that the rare recovery slides turn up.
SEARCHED = 240
#: Games kept per configuration of a small board, stalemates apart.
KEPT = 4
#: Moves of the endings recorded on the large boards.
TAIL = 170


@dataclass(frozen=True, slots=True)
class Candidate:
    """One game that may be recorded."""

    config: Config
    options: GameOptions
    policy: str
    seed: int
    plies: int
    features: frozenset[str]


def features_of(game: Game, policy: str, seed: int) -> tuple[int, frozenset[str]]:
    """Play a game to its end; its number of moves and the kinds of things that happened."""
    seen: set[str] = set()
    plies = 0
    for _, move in play(game, policy, seed):
        fields = move.split(" ")
        kind = fields[0]
        if kind == "ER":
            kind += fields[1]
        elif kind in ("RL", "LO"):
            kind += "*" if fields[3] in ("*", "1") else "part"
        seen.add(kind)
        plies += 1
    result = game.result
    assert result is not None, "play goes on to the end"
    seen.add(result.victory)
    return plies, frozenset(seen)


def candidates(config: Config, options: GameOptions) -> list[Candidate]:
    """Games of a configuration from its opening."""
    found = []
    for seed in range(SEARCHED):
        policy = "uniform" if seed % 4 == 0 else "bytype"
        plies, features = features_of(Game.new(config, options), policy, seed)
        found.append(Candidate(config, options, policy, seed, plies, features))
    return found


def choose(pool: list[Candidate], covered: set[str], count: int) -> list[Candidate]:
    """Up to `count` games, each the one that adds most to what is covered, per move."""
    chosen: list[Candidate] = []
    here: set[str] = set()
    for _ in range(count):
        best = max(
            (c for c in pool if c not in chosen),
            # New to the whole set counts most, then new to this configuration.
            key=lambda c: (
                (6 * len(c.features - covered) + len(c.features - here)) / (c.plies + 60),
                -c.seed,
            ),
        )
        chosen.append(best)
        covered |= best.features
        here |= best.features
    return chosen


def stalemate(config: Config, rng: random.Random) -> dict[str, Any]:
    """A crafted start: one ring per seat, each shut in alone, everything else collapsed.

    Each seat in turn must give up its ring, and the bare board decides by the ladder of rules §14.
    """
    b, t, players = board(config.board), tables(config.board), config.players
    cells: list[int] = []
    while len(cells) < players:
        cell = rng.randrange(b.n)
        near = {int(x) for c in cells for x in [c, *t.ray[c, :, 0]]}
        if cell not in near:
            cells.append(cell)
    rest = [cell for cell in range(b.n) if cell not in cells]
    rng.shuffle(rest)
    # As equal as the cells allow; what is left over stays as unclaimable markers would, collapsed.
    owners = [i % players + 1 for i in range(len(rest))]
    collapsed = {b.texts[cell]: owner for cell, owner in zip(rest, owners, strict=True)}
    rings = constants(config).rings
    free = rings * players - players
    hand = [2 + rng.randrange(2) * (rng.random() < 0.5) for _ in range(players)]
    credit = free - sum(hand)
    elim = [credit // players + (seat < credit % players) for seat in range(players)]
    return {
        "acted": False,
        "chain": None,
        "collapsed": collapsed,
        "cur": 1,
        "elim": elim,
        "hand": hand,
        "markers": {},
        "must": None,
        "pend": "",
        "phase": "ring_placement",
        "recov": False,
        "stacks": {b.texts[cell]: str(seat + 1) for seat, cell in enumerate(cells)},
        "swapped": False,
        "terr": [owners.count(seat + 1) for seat in range(players)],
    }


def stalemates(config: Config, covered: set[str]) -> list[tuple[dict[str, Any], int]]:
    """Crafted starts whose games end in a kind of victory that is not covered yet."""
    found = []
    for seed in range(60):
        state = stalemate(config, random.Random(f"{config}:{seed}"))
        game = Game.from_canonical(config, state, GameOptions(pie=False))
        _, features = features_of(game, "uniform", seed)
        if features - covered:
            covered |= features
            found.append((state, seed))
    return found


def ending(candidate: Candidate) -> dict[str, Any]:
    """State at the beginning of the last turn that is at least TAIL moves before the end."""
    game = Game.new(candidate.config, candidate.options)
    state = game.canonical()
    start = game.player
    for number, _ in enumerate(play(game, candidate.policy, candidate.seed)):
        if game.phase == "ring_placement" and number <= candidate.plies - TAIL:
            state, start = game.canonical(), game.player
    assert start == state["cur"], "the state is that of the turn"
    return {**state, "acted": False, "recov": False, "swapped": False}


def small(
    config: Config, options: GameOptions, covered: set[str], name: str, note: str
) -> Iterator[dict[str, Any]]:
    """Lines of the file of a small board."""
    number = 0
    for chosen in choose(candidates(config, options), covered, KEPT):
        number += 1
        game = Game.new(config, options)
        title = f"{name}-{number:03d}"
        yield from record(
            game, options, title, chosen.policy, chosen.seed, crafted=False, note=note
        )
    plain = GameOptions(pie=False, line_detect=options.line_detect)
    for state, seed in stalemates(config, covered):
        number += 1
        game = Game.from_canonical(config, state, plain)
        title = f"{name}-{number:03d}"
        yield from record(game, plain, title, "uniform", seed, crafted=True, note=note)


def large(config: Config, name: str, note: str) -> Iterator[dict[str, Any]]:
    """Lines of the file of a large board: the ending of one game."""
    options = GameOptions(pie=False)
    seed = config.players
    plies, features = features_of(Game.new(config, options), "bytype", seed)
    state = ending(Candidate(config, options, "bytype", seed, plies, features))
    game = Game.from_canonical(config, state, options)
    yield from record(game, options, f"{name}-001", "bytype", seed, crafted=True, note=note)


def make(folder: Path, commit: str) -> None:
    """Write all files of the set into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    note = f"by this engine at commit {commit}, which passed every trace of the public engine"
    covered: set[str] = set()
    for config in ALL_CONFIGS:
        name = f"{config.board}_{config.players}p"
        if board(config.board).n > 100:
            lines = list(large(config, name, note))
        else:
            lines = list(small(config, GameOptions(), covered, name, note))
        write_trace(folder / f"{name}.jsonl.gz", lines)
    config = Config("hex8", 3)
    name = "hex8_3p_detect4"
    lines = list(small(config, GameOptions(line_detect=4), covered, name, note))
    write_trace(folder / f"{name}.jsonl.gz", lines)
    for path in sorted(folder.glob("*.jsonl.gz")):
        sys.stdout.write(f"{path.name} {path.stat().st_size}\n")
    sys.stdout.write(f"kinds: {' '.join(sorted(covered))}\n")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--commit", help="default: that of the working folder")
    arguments = parser.parse_args()
    commit = (
        arguments.commit
        or subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"], check=True, capture_output=True, text=True
        ).stdout.strip()
    )
    make(arguments.folder, commit)


if __name__ == "__main__":
    main()
