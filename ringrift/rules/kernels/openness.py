"""Cells in the open: all at once, those from which three free cells follow in some direction.

One, two or three rings placed on an empty cell of that kind can all move, and a ring on a stack of up to two (rules
§5.2), which spares most cells of most positions the walk of `mobility.mobile`. Sets of cells are row masks as in territory.py; on every board a step in
direction (dr, db) goes from bit b of row r to bit b + db of row r + dr.
"""

import numpy as np

from ringrift.compile import kernel
from ringrift.rules.kernels.cells import height_of, kind_of, word
from ringrift.rules.kernels.constants import BLOCKED, EMPTY, STACK

#: Rows of the masks: int64[OPEN_ROWS, OPEN_STEPS + side + OPEN_STEPS], FREE zero beyond the board.
FREE = 0  # cells to land on
BARE = 1  # empty cells
LOW = 2  # stacks of less than OPEN_STEPS rings: with one more they still move that far
TALL = 3  # the other stacks
OPEN_ROWS = 4

#: Free cells that make a direction open.
OPEN_STEPS = 3

#: Directions as (dr, db), those along the row first; the last two exist on square boards only.
STEPS = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, -1), (-1, 1), (1, 1), (-1, -1))


@kernel
def row_begin(t, r):
    """Lowest bit of row ``r``."""
    return max(0, t.side // 2 - r) if t.hexa else 0


@kernel
def row_end(t, r):
    """One more than the highest bit of row ``r``."""
    return min(t.side, t.side // 2 + t.side - r) if t.hexa else t.side


@kernel
def fill_open_rows(s, g, t, rows):
    """Fill the masks from the cells, which lie in order of row and bit."""
    for r in range(OPEN_STEPS):
        rows[FREE, r] = 0
        rows[FREE, OPEN_STEPS + t.side + r] = 0
    c = np.int64(0)
    for r in range(t.side):
        free = np.int64(0)
        bare = np.int64(0)
        low = np.int64(0)
        tall = np.int64(0)
        for b in range(row_begin(t, r), row_end(t, r)):
            # without branches: nobody could foresee them
            w = word(s, g, c)
            stack = np.int64(kind_of(w) == STACK)
            short = np.int64(height_of(w) < OPEN_STEPS)
            free |= np.int64(w & BLOCKED == 0) << b
            bare |= np.int64(w == EMPTY) << b
            low |= (stack & short) << b
            tall |= (stack & ~short) << b
            c += 1
        rows[FREE, OPEN_STEPS + r] = free
        rows[BARE, OPEN_STEPS + r] = bare
        rows[LOW, OPEN_STEPS + r] = low
        rows[TALL, OPEN_STEPS + r] = tall


@kernel
def stepped(rows, r, db):
    """Cells, as bits of the row they start from, that land on a free cell of row ``r`` with ``db`` bits to go."""
    free = rows[FREE, OPEN_STEPS + r]
    return free >> db if db >= 0 else free << -db


@kernel
def open_cells(t, rows, r):
    """Empty cells and low stacks of row ``r`` in the open."""
    wanted = rows[BARE, OPEN_STEPS + r] | rows[LOW, OPEN_STEPS + r]
    found = np.int64(0)
    for i in range(t.D):
        dr = STEPS[i][0]
        db = STEPS[i][1]
        found |= (
            stepped(rows, r + dr, db)
            & stepped(rows, r + 2 * dr, 2 * db)
            & stepped(rows, r + 3 * dr, 3 * db)
        )
        if wanted & ~found == 0:
            break
    return wanted & found
