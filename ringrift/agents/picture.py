"""A position as a picture: pixels for those who make films of games."""

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle, RegularPolygon
from numpy.typing import NDArray

from ringrift.rules.game import Game
from ringrift.rules.kernels import constants as k

#: Colours of seats 1 to 4, as in the terminal: red, blue, green, yellow.
COLOURS: Final = ("#c0392b", "#2c5fb3", "#2e8b57", "#c9a227")
#: Pixels of one side.
SIZE: Final = 480


def _place(game: Game, text: str) -> tuple[float, float]:
    """Middle of a cell: squares with y downwards, hexagons in rows of equal y (as ringrift/rules/drawing.py)."""
    x, y = (int(part) for part in text.split(",")[:2])
    return (x + y / 2, -y * 3**0.5 / 2) if game.board.hexa else (float(x), float(-y))


def picture(game: Game) -> NDArray[np.uint8]:
    """Draw a position: uint8[SIZE, SIZE, 3].

    Collapsed cells are filled, markers small rings, stacks discs with their height, and their cap where it is lower.
    """
    figure = Figure(figsize=(SIZE / 100, SIZE / 100), dpi=100)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    words = game.states[0, k.F_CELL].tolist()
    places = [_place(game, text) for text in game.board.texts]
    shape = (6, 1 / 3**0.5, 0.0) if game.board.hexa else (4, 0.5**0.5, np.pi / 4)
    for place, word in zip(places, words, strict=True):
        kind, owner = word >> k.KIND_SHIFT & k.KIND_MASK, word & k.OWNER_MASK
        colour = COLOURS[owner - 1] if owner else "none"
        ground = colour if kind == k.COLLAPSED else "#f4efe4"
        axes.add_patch(
            RegularPolygon(
                place, shape[0], radius=shape[1], orientation=shape[2], fc=ground, ec="#8a8272"
            )
        )
        if kind == k.MARKER:
            axes.add_patch(Circle(place, 0.18, fc="none", ec=colour, lw=2))
        elif kind == k.STACK:
            height, cap = word >> k.HEIGHT_SHIFT & k.HEIGHT_MASK, word >> k.CAP_SHIFT & k.CAP_MASK
            axes.add_patch(Circle(place, 0.38, fc=colour, ec="black"))
            label = str(height) if cap == height else f"{height}/{cap}"
            axes.text(
                *place,
                label,
                ha="center",
                va="center",
                color="white",
                fontsize=90 / len(places) ** 0.5,
            )
    across, down = zip(*places, strict=True)
    axes.set_xlim(min(across) - 0.8, max(across) + 0.8)
    axes.set_ylim(min(down) - 0.8, max(down) + 0.8)
    axes.set_aspect("equal")
    axes.axis("off")
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
