"""Drawings: the right thing at the right place, and readable."""

import re

from ringrift.configs import ALL_CONFIGS, Config
from ringrift.rules.game import Game
from tests.rules.play import random_game
from tests.rules.positions import position

SQUARE = """\
square8, turn 1, move 1: seat 1 in ring placement

   y\\x     0     1     2     3     4     5     6     7
     0     .     .     .     .     .     .     .    #2
     1     .     .     .     .     .     .     .     .
     2     .     .     .     .     .     .     .     .
     3     .     .     .     .     .     .     .     .
     4     .     .     .     .     .     .     .     .
     5     .     .     .     .     .     .     .     .
     6     .     .     .     .     .     .     .     .
     7     .    o1 1^3/2     .     .     .     .   2^1

  seat   hand  stacks  rings  buried  markers  eliminated/18  territory/33
> seat 1    16       1      2       1        1              0             0
  seat 2    16       1      2       1        0              0             1"""


def test_square():
    """A square position is drawn with x to the right and y downwards."""
    game = position(
        "square8:2",
        "ring_placement",
        1,
        stacks={"2,7": [1, 1, 2], "7,7": [2]},
        markers={"1,7": 1},
        collapsed={"7,0": 2},
    )
    assert game.draw() == SQUARE


def test_hexagon_rows():
    """A hexagon has a row per y, half a cell further right than the one above it."""
    game = position(
        "hex8:2", "ring_placement", 2, markers={"0,0": 1, "1,0": 2, "0,1": 1, "-1,1": 2}
    )
    lines = {line.split()[1]: line for line in game.draw().split("\n") if line.startswith("   y ")}
    lines |= {line.split()[1]: line for line in game.draw().split("\n") if line.startswith("  y ")}
    assert sorted(map(int, lines)) == list(range(-4, 5))
    column = {name: lines["0"].index(name) for name in ("o1", "o2")}
    below = {name: lines["1"].index(name) for name in ("o1", "o2")}
    width = column["o2"] - column["o1"]
    assert below["o1"] - column["o1"] == width // 2
    assert column["o1"] - below["o2"] == width // 2


def test_every_position_can_be_drawn():
    """In all configurations any position draws, one cell for each of the board's."""
    for config in ALL_CONFIGS:
        for number, (game, _, _) in enumerate(random_game(config, 2)):
            if number % 97 and game.result is None:
                continue
            rows = [
                re.sub(r" x -?\d+\.\.-?\d+$", "", line)
                for line in game.draw().split("\n")
                if re.match(r"\s+(y )?-?\d+ ", line)
            ]
            cells = [
                cell for line in rows for cell in re.findall(r"\.(?= |$)|[o#]\d|\d\^\d+", line)
            ]
            assert len(cells) == game.board.n


def test_colour_only_adds_codes():
    """With the colour codes taken out, the coloured drawing is the plain one."""
    game = Game.new(Config("hex8", 2))
    game.apply("PL 0,0,0 2")
    coloured = game.draw(colour=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == game.draw()


def test_the_end_is_told():
    """A finished game says who won and how."""
    *_, (game, _, _) = random_game(Config("hex8", 2), 1)
    assert f"seat {game.result.winner} wins by {game.result.victory}" in game.draw()
