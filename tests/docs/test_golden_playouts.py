"""The golden playouts of rules §19.3, read from the document and played by the engine.

The recipe, random numbers and order of moves included, stands in docs/rules.md; the rows there were
made by another engine.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from ringrift.configs import Config
from ringrift.reference import ReferenceGame
from ringrift.rules.boards import board, tables
from ringrift.rules.game import Game, GameOptions

RULES = Path(__file__).parents[2] / "docs" / "rules.md"
MODULUS = 1_000_000_007


class Row(NamedTuple):
    """One line of the table."""

    name: str  #: board, with /Dt3 where runs of 3 are lines
    players: int
    seed: int
    nodes: int
    multi: int  #: nodes with a choice
    turns: int
    chk: int
    winner: int
    ending: str
    totals: tuple[tuple[int, ...], ...]  #: credit, territory, markers, hands
    counts: tuple[int, ...]  #: recovery slides, line moves, forced eliminations


def _rows() -> list[Row]:
    rows = []
    for line in re.findall(
        r"^\| (?:sq|hex)\S* \| \d \| \d+ .*\|$", RULES.read_text(), re.MULTILINE
    ):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 14:
            continue
        players, seed, nodes, multi, turns, chk, winner = map(int, cells[1:8])
        totals = tuple(tuple(map(int, cell.split(","))) for cell in cells[9:13])
        counts = tuple(map(int, cells[13].split("/")))
        head = (cells[0], players, seed, nodes, multi, turns, chk, winner)
        rows.append(Row(*head, cells[8], totals, counts))
    return rows


class Keys:
    """Moves as the tuples of five integers that the recipe sorts by."""

    def __init__(self, name: str) -> None:
        self.cell = board(name).cell_of
        self.tables = tables(name)

    def _ray(self, start: int, end: int) -> tuple[int, int]:
        """Direction and distance from one cell to another."""
        for d in range(self.tables.D):
            cells = self.tables.ray[start, d, : self.tables.ray_len[start, d]].tolist()
            if end in cells:
                return d, cells.index(end) + 1
        raise AssertionError(f"no ray from {start} to {end}")

    def _line(self, cells: set[int]) -> tuple[int, int, int]:
        """First cell, axis and length of a line."""
        for axis in range(self.tables.A):
            first = [c for c in cells if int(self.tables.axis_prev[c, axis]) not in cells]
            if len(first) == 1 and len(cells) > 1:
                return first[0], axis, len(cells)
        raise AssertionError(f"no line: {cells}")

    def key(self, move: str) -> tuple[int, ...]:
        """The tuple of one move in record notation."""
        kind, *words = move.split(" ")
        sets = [
            {self.cell(pos) for pos in word.split(";")} if "," in word else set() for word in words
        ]
        cell = [min(cells) if cells else 0 for cells in sets]
        match kind:
            case "PL":
                return 1, cell[0], int(words[1]), 0, 0
            case "MV":
                return 2, cell[0], *self._ray(cell[0], cell[1]), 0
            case "CA" | "CC":
                return 3, cell[0], *self._ray(cell[0], cell[2]), 0
            case "RL" if words[2] == "2":
                return 4, cell[0], self._ray(cell[0], cell[1])[0], 2, self._line(sets[3])[0]
            case "RL" | "RF" | "RS":
                return 4, cell[0], self._ray(cell[0], cell[1])[0], 1, cell[-1]
            case "LO" if words[2] != "*":
                return 6, *self._line(sets[2])[:2], 0, 0
            case "LN" | "LO":
                return 5, *self._line(sets[0]), 0
            case "ER" | "FE":
                return 7, cell[-1], 0, 0, 0
            case "TO":
                return 8, cell[0], len(sets[0]), sum(sets[0]), 0
            case _:
                return 0, 0, 0, 0, 0


def options(row: Row) -> tuple[Config, int | None]:
    """Configuration of a row and its shortest run that is a line."""
    name, _, suffix = row.name.partition("/")
    detect = (3 if suffix else 4) if name == "hex8" and row.players > 2 else None
    return Config(name, row.players), detect


def play(row: Row, game: Game | ReferenceGame) -> Row:
    """Play a new game by the recipe with a row's seed, and write its row."""
    keys = Keys(game.config.board)
    x, chk, nodes, multi, counts = row.seed, 0, 0, 0, [0, 0, 0]
    while game.result is None:
        moves = sorted(game.legal(), key=keys.key)
        nodes += 1
        chk = (31 * chk + len(moves)) % MODULUS
        choice = 0
        if len(moves) > 1:
            multi += 1
            x = (1103515245 * x + 12345) % 2**31
            choice = x // 65536 % len(moves)
        played = moves[choice]
        for n, kinds in enumerate((("RL", "RF", "RS"), ("LN", "LO"), ("FE",))):
            counts[n] += played.startswith(kinds)
        game.apply(played)
    end, state = game.result, game.canonical()
    markers = [list(state["markers"].values()).count(seat + 1) for seat in range(row.players)]
    totals = tuple(tuple(part) for part in (state["elim"], state["terr"], markers, state["hand"]))
    return Row(
        *(row.name, row.players, row.seed, nodes, multi, end.turns, chk),
        *(end.winner, end.victory, totals, tuple(counts)),
    )


ROWS = _rows()


def test_the_table_is_read() -> None:
    """The document holds 54 playouts, in all 12 configurations."""
    assert len(ROWS) == 54
    assert len({(row.name.partition("/")[0], row.players) for row in ROWS}) == 12


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name}-{row.players}-{row.seed}")
def test_playout(row: Row) -> None:
    """Played by the recipe, each game has the legal moves, the ending and the counts of its row."""
    config, detect = options(row)
    game = Game.new(config, GameOptions(pie=False, line_detect=detect))
    assert play(row, game) == row
