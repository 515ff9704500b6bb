"""Endgames by the thousand: most of the board is territory, few rings are left, every line ends soon.

A position follows from its configuration and a seed alone, so the file that keeps the solved ones can be made again.
"""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np

from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.rules.boards import board, constants, tables
from ringrift.rules.game import Game, GameOptions
from ringrift.rules.kernels.play import play_all

OPTIONS = GameOptions(pie=False)


def neighbours(name: str) -> list[list[int]]:
    """Cells that touch each cell of a board."""
    b = board(name)
    at = {tuple(int(x) for x in text.split(",")[:2]): c for c, text in enumerate(b.texts)}
    steps = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, -1), (-1, 1)]
    return [[at[x + i, y + j] for i, j in steps if (x + i, y + j) in at] for x, y in at]


def compose(config: Config, seed: int) -> Game | None:
    """A random endgame in phase movement, or None when the rules know no such position.

    A blob of 9 to 13 cells is free. On it stand 1 or 2 stacks per seat, of 1 to 4 rings that may be anybody's, and a
    few markers. Rings gone are credited evenly, so that nobody has won yet. Forced moves
    are played at once: a decision is due, or the game is over.
    """
    random = Random(f"{config} {seed}")
    b = board(config.board)
    limits = constants(config, OPTIONS)
    seats = range(1, config.players + 1)
    around = neighbours(config.board)
    blob = {random.randrange(b.n)}
    size = random.randint(9, 13)
    while len(blob) < size:
        blob |= {random.choice(around[random.choice(sorted(blob))])}
    free = sorted(blob)
    random.shuffle(free)
    stacks: dict[str, str] = {}
    for seat in seats:
        for _ in range(random.randint(1, 2)):
            captives = "".join(str(random.choice(seats)) for _ in range(random.randint(0, 2)))
            stacks[b.texts[free.pop()]] = captives + str(seat) * random.randint(1, 2)
    markers = {b.texts[free.pop()]: random.choice(seats) for _ in range(random.randint(0, 3))}
    taken = [b.texts[c] for c in range(b.n) if c not in blob]
    owners = [seats[i % config.players] for i in range(len(taken))]
    random.shuffle(owners)
    gone = limits.rings * config.players - sum(map(len, stacks.values()))
    state: dict[str, Any] = {
        "acted": False,
        "chain": None,
        "collapsed": dict(zip(taken, owners, strict=True)),
        "cur": 1,
        "elim": [gone // config.players + (q < gone % config.players) for q in range(len(seats))],
        "hand": [0] * config.players,
        "markers": markers,
        "must": None,
        "pend": "",
        "phase": "movement",
        "recov": False,
        "stacks": stacks,
        "swapped": False,
        "terr": [owners.count(q) for q in seats],
    }
    try:
        game = Game.from_canonical(config, state, OPTIONS)
    except BadInput:
        return None
    log, lengths, counts = (
        np.zeros((1, 512), np.int32),
        np.zeros(1, np.int64),
        np.zeros(1, np.int32),
    )
    none = np.array([-1], np.int32)
    play_all(game.states, np.zeros(1, np.int64), tables(config.board), none, log, lengths, counts)
    return game
