"""Uniformly random playouts in every config, moves per second on one core."""

from __future__ import annotations

import numpy as np

from benchmarks.machine import Timing, repeat
from ringrift.configs import ALL_CONFIGS, Config
from ringrift.rules.boards import tables
from ringrift.rules.game import opening
from ringrift.rules.kernels.play import playout

#: Games of one repeat: about half a second on every board.
GAMES = {"square8": 1000, "hex8": 1000, "square19": 60, "hexagonal": 20}


def prepare() -> None:
    """Compile."""
    play(Config("hex8", 2), 1)


def play(config: Config, games: int) -> int:
    """Play `games` random games to their end; the moves played."""
    start = opening(config)
    states, log = start.copy(), np.empty(20_000, np.int32)
    t, moves = tables(config.board), 0
    for seed in range(games):
        states[:] = start
        moves += playout(states, 0, t, np.uint64(seed), log)[0]
    return moves


def timings(quick: bool) -> dict[str, Timing]:
    """Moves per second by config; the same games in every repeat."""
    found = {}
    for config in ALL_CONFIGS:
        games = GAMES[config.board] // (5 if quick else 1)
        moves = play(config, games)
        found[f"moves {config}"] = repeat(
            lambda config=config, games=games: play(config, games),
            items=moves,
            repeats=3 if quick else 5,
            warmups=0,
        )
    return found
