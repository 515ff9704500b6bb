"""Writes the network's input from states, and its output back to actions and seats.

Legend of shapes: B rows of a batch, S side of the square grid that holds the board, C planes, K scalars,
P seats, N cells, A actions. The grid is stored channels-last, [B, S, S, C]: a cell is written in one go, and
torch reads the same memory as a channels-last [B, C, S, S] without a copy.

Everything is seen from the seat to move: in a group of P planes or scalars the mover's comes first, then the
next seat's, and so on round the table (rules §20.5: the rules are symmetric under this relabelling).

    plane  0       the board: 1 on every cell, 0 on the corners of the grid outside a hexagon
           1       the stack that must move (placed this turn)
           2       the stack that may capture (phases capture and chain_capture)
           3, 4    the half-played recovery slide: its marker, and where it goes
           5       height / 8
           6..10   height is 1, 2, 3, 4, at least 5
          11       cap height / 8
          12..15   cap height is 1, 2, 3, at least 4
          16       the stack has a move or capture (rules §5.3, whoever controls it)
          17       the stack has a capture
          18       the mover could capture this stack (if it were free to)
          19       another seat could capture this stack
          20 + group * P + seat   the groups SEAT_MARKER .. SEAT_THIRD below

    scalar 0..6    phase
           7..15   the flags below
          16 + group * P + seat   the groups SEAT_HAND .. SEAT_LAST below
"""

import numpy as np

from ringrift.compile import entry, kernel
from ringrift.rules.kernels import constants as c

# --- planes ---------------------------------------------------------------------------------------
PLANE_BOARD = 0
PLANE_MUST = 1
PLANE_FROM = 2
PLANE_SLIDE_FROM = 3
PLANE_SLIDE_TO = 4
PLANE_HEIGHT = 5
PLANE_HEIGHT_IS = 6  # 6..10
HEIGHT_CLASSES = 5
PLANE_CAP = 11
PLANE_CAP_IS = 12  # 12..15
CAP_CLASSES = 4
PLANE_MOBILE = 16
PLANE_CAPTURES = 17
PLANE_TARGET_OWN = 18
PLANE_TARGET_OTHER = 19
NUM_FIXED_PLANES = 20

SEAT_MARKER = 0
SEAT_COLLAPSED = 1
SEAT_STACK = 2  # controls the stack
SEAT_BURIED = 3  # rings below the top / 4
SEAT_SECOND = 4  # owns the ring below the top
SEAT_THIRD = 5  # owns the ring below that
NUM_SEAT_PLANES = 6

# --- scalars --------------------------------------------------------------------------------------
SCALAR_PHASE = 0  # 0..6
SCALAR_DEBT = 7
SCALAR_PEND = 8
SCALAR_ACTED = 9
SCALAR_RECOVERED = 10
SCALAR_SLIDE = 11
SCALAR_SWAP_OPEN = 12
SCALAR_LPS_COUNT = 13  # rounds alone / rounds that win
SCALAR_LINE_3 = 14  # lines of three count
SCALAR_DETECT_MORE = 15  # runs of exactly L are not noticed (rules §1.2)
NUM_FIXED_SCALARS = 16

SEAT_HAND = 0  # hand / rings per player
SEAT_HAND_EMPTY = 1
SEAT_ELIM = 2  # eliminated rings / VT
SEAT_TERR = 3  # territory / TM
SEAT_OUT = 4  # permanently eliminated
SEAT_LPS_LEADER = 5
SEAT_LPS_SEEN = 6
SEAT_LPS_REAL = 7
SEAT_LPS_SEAT = 8  # the exclusive seat of rules §15
SEAT_LAST = 9  # made the last move
NUM_SEAT_SCALARS = 10

#: Heights and caps are divided by this, so that the planes stay near 1 on the small boards.
TALL = 8.0


@kernel
def _relative(seat, mover, players):
    """Seat 1..P as seen from the mover: 0 for the mover itself."""
    return (seat - mover + players) % players


@kernel
def _reach(s, g, t, cell, height, cap, out, mobile_row, targets):
    """Walk all rays of a stack: whether it moves and captures; marks the stacks it could take.

    ``targets`` is the plane of ``out`` that gets a 1 at each stack that could be captured.
    """
    mobile = False
    captures = False
    for d in range(t.D):
        target = -1
        for k in range(t.ray_len[cell, d]):
            there = t.ray[cell, d, k]
            word = np.int64(s[g, c.F_CELL, there])
            kind = (word >> c.KIND_SHIFT) & c.KIND_MASK
            if kind == c.COLLAPSED:
                break
            if kind == c.STACK:
                if target >= 0 or ((word >> c.CAP_SHIFT) & c.CAP_MASK) > cap:
                    break
                target = there
                continue
            if k + 1 >= height:
                mobile = True
                if target < 0:
                    continue  # a plain move; a capture further along the ray is still possible
                captures = True
                out[t.row[target], t.bit[target], targets] = 1.0
                break
    if mobile:
        out[t.row[cell], t.bit[cell], mobile_row] = 1.0
    if captures:
        out[t.row[cell], t.bit[cell], mobile_row + 1] = 1.0


@kernel
def _write_stack(s, g, t, cell, word, mover, players, out):
    """Planes of one stack; ``out`` is [S, S, C] of the row."""
    y = t.row[cell]
    x = t.bit[cell]
    owner = word & c.OWNER_MASK
    height = (word >> c.HEIGHT_SHIFT) & c.HEIGHT_MASK
    cap = (word >> c.CAP_SHIFT) & c.CAP_MASK
    out[y, x, PLANE_HEIGHT] = height / TALL
    out[y, x, PLANE_HEIGHT_IS + min(height, HEIGHT_CLASSES) - 1] = 1.0
    out[y, x, PLANE_CAP] = cap / TALL
    out[y, x, PLANE_CAP_IS + min(cap, CAP_CLASSES) - 1] = 1.0
    for i in range(height - 1):
        rings = np.int64(s[g, c.F_RINGS + i // c.RINGS_PER_WORD, cell])
        seat = ((rings >> (2 * (i % c.RINGS_PER_WORD))) & 3) + 1
        who = _relative(seat, mover, players)
        out[y, x, NUM_FIXED_PLANES + SEAT_BURIED * players + who] += 0.25
        if i == height - 2:
            out[y, x, NUM_FIXED_PLANES + SEAT_SECOND * players + who] = 1.0
        if i == height - 3:
            out[y, x, NUM_FIXED_PLANES + SEAT_THIRD * players + who] = 1.0
    targets = PLANE_TARGET_OWN if owner == mover else PLANE_TARGET_OTHER
    _reach(s, g, t, cell, height, cap, out, PLANE_MOBILE, targets)


@kernel
def _write_planes(s, g, t, mover, players, out):
    """All planes of one state; ``out`` is float32[S, S, C]."""
    out[:] = 0.0
    for cell in range(t.n):
        y = t.row[cell]
        x = t.bit[cell]
        out[y, x, PLANE_BOARD] = 1.0
        word = np.int64(s[g, c.F_CELL, cell])
        kind = (word >> c.KIND_SHIFT) & c.KIND_MASK
        if kind == c.EMPTY:
            continue
        # Kinds marker, collapsed, stack are 1, 2, 3, and the seat groups come in that order.
        who = _relative(word & c.OWNER_MASK, mover, players)
        out[y, x, NUM_FIXED_PLANES + (kind - c.MARKER) * players + who] = 1.0
        if kind == c.STACK:
            _write_stack(s, g, t, cell, word, mover, players, out)
    must = np.int64(s[g, c.F_SCALAR, c.S_MUST])
    if must > 0:
        out[t.row[must - 1], t.bit[must - 1], PLANE_MUST] = 1.0
    start = np.int64(s[g, c.F_SCALAR, c.S_FROM])
    if start > 0:
        out[t.row[start - 1], t.bit[start - 1], PLANE_FROM] = 1.0
    slide = np.int64(s[g, c.F_SCALAR, c.S_SLIDE])
    if slide > 0:
        marker = (slide - 1) // t.D
        goal = t.ray[marker, (slide - 1) % t.D, 0]
        out[t.row[marker], t.bit[marker], PLANE_SLIDE_FROM] = 1.0
        if goal >= 0:
            out[t.row[goal], t.bit[goal], PLANE_SLIDE_TO] = 1.0


@kernel
def _write_scalars(s, g, mover, players, out):
    """All scalars of one state; ``out`` is float32[K]."""
    out[:] = 0.0
    row = s[g, c.F_SCALAR]
    phase = np.int64(row[c.S_PHASE])
    if phase < c.GAME_OVER:
        out[SCALAR_PHASE + phase] = 1.0
    out[SCALAR_DEBT] = min(np.int64(row[c.S_DEBT]), 1)
    out[SCALAR_PEND] = min(np.int64(row[c.S_PEND]), 1)
    out[SCALAR_ACTED] = min(np.int64(row[c.S_ACTED]), 1)
    out[SCALAR_RECOVERED] = min(np.int64(row[c.S_RECOVERED]), 1)
    out[SCALAR_SLIDE] = min(np.int64(row[c.S_SLIDE]), 1)
    out[SCALAR_SWAP_OPEN] = min(np.int64(row[c.S_SWAP_OPEN]), 1)
    out[SCALAR_LPS_COUNT] = np.int64(row[c.S_LPS_COUNT]) / max(np.int64(row[c.S_LPS_ROUNDS]), 1)
    out[SCALAR_LINE_3] = 1.0 if row[c.S_LINE] == 3 else 0.0
    out[SCALAR_DETECT_MORE] = 1.0 if row[c.S_DETECT] > row[c.S_LINE] else 0.0
    for seat in range(1, players + 1):
        at = NUM_FIXED_SCALARS + _relative(seat, mover, players)
        hand = np.int64(row[c.S_HAND + seat - 1])
        out[at + SEAT_HAND * players] = hand / max(np.int64(row[c.S_RINGS]), 1)
        out[at + SEAT_HAND_EMPTY * players] = 1.0 if hand == 0 else 0.0
        out[at + SEAT_ELIM * players] = np.int64(row[c.S_ELIM + seat - 1]) / max(
            np.int64(row[c.S_VT]), 1
        )
        out[at + SEAT_TERR * players] = np.int64(row[c.S_TERR + seat - 1]) / max(
            np.int64(row[c.S_TM]), 1
        )
        out[at + SEAT_OUT * players] = 1.0 if row[c.S_OUT + seat - 1] > 0 else 0.0
        out[at + SEAT_LPS_LEADER * players] = 1.0 if row[c.S_LPS_LEADER] == seat else 0.0
        out[at + SEAT_LPS_SEEN * players] = (np.int64(row[c.S_LPS_SEEN]) >> (seat - 1)) & 1
        out[at + SEAT_LPS_REAL * players] = (np.int64(row[c.S_LPS_REAL]) >> (seat - 1)) & 1
        out[at + SEAT_LPS_SEAT * players] = 1.0 if row[c.S_LPS_SEAT] == seat else 0.0
        out[at + SEAT_LAST * players] = 1.0 if row[c.S_LAST] == seat else 0.0


@entry
def write_features(states, count, t, players, out_spatial, out_scalars):
    """Planes and scalars of the first ``count`` states.

    states uint16[B, F, N]; out_spatial float32[B, S, S, C] and out_scalars float32[B, K], C-contiguous,
    of which the first ``count`` rows are overwritten.
    """
    for g in range(count):
        mover = max(np.int64(states[g, c.F_SCALAR, c.S_PLAYER]), 1)
        _write_planes(states, g, t, mover, players, out_spatial[g])
        _write_scalars(states, g, mover, players, out_scalars[g])


@entry
def read_policy(grid, tail, count, t, start, actions, out_logits):
    """Logits of legal actions out of the network's planes, in the order of the actions (rules §20.3).

    grid float32[B, S, S, planes], tail float32[B, 2] (pass, swap); start int32[count + 1], actions int32[L]: those of
    row b from start[b] to start[b + 1]; out_logits float32[L].
    """
    spatial = grid.shape[3] * t.n
    for g in range(count):
        for i in range(start[g], start[g + 1]):
            action = np.int64(actions[i])
            if action >= spatial:
                out_logits[i] = tail[g, action - spatial]
            else:
                cell = action % t.n
                out_logits[i] = grid[g, t.row[cell], t.bit[cell], action // t.n]


@entry
def read_policy_bf16(grid, tail, count, t, start, actions, out_bits):
    """As `read_policy` from bfloat16: its bits are the upper half of a float32's.

    grid uint16[B, S, S, planes]; out_bits uint32[L] is a view of the float32 logits.
    """
    spatial = grid.shape[3] * t.n
    tail_bits = tail.view(np.uint32)
    for g in range(count):
        for i in range(start[g], start[g + 1]):
            action = np.int64(actions[i])
            if action >= spatial:
                out_bits[i] = tail_bits[g, action - spatial]
            else:
                cell = action % t.n
                word = np.uint32(grid[g, t.row[cell], t.bit[cell], action // t.n])
                out_bits[i] = word << np.uint32(16)


@entry
def policy_places(planes, rows, count, t, start, actions, out_places):
    """Where the logits of legal actions lie in the flattened grid [rows, S, S, planes] and, behind it, tail [rows, 2].

    For a device that picks them out itself; start and actions as in `read_policy`; out_places int64[L].
    """
    spatial = planes * t.n
    size = t.side * t.side * planes
    for g in range(count):
        for i in range(start[g], start[g + 1]):
            action = np.int64(actions[i])
            if action >= spatial:
                out_places[i] = rows * size + g * 2 + action - spatial
            else:
                cell = action % t.n
                square = np.int64(t.row[cell]) * t.side + t.bit[cell]
                out_places[i] = g * size + square * planes + action // t.n


@entry
def read_values(logits, states, count, out_values):
    """Softmax over seats, turned from the mover's view to absolute seats.

    logits float32[B, P], mover first; out_values float32[B, P], seat 1 first, rows sum to 1.
    """
    players = logits.shape[1]
    for g in range(count):
        mover = max(np.int64(states[g, c.F_SCALAR, c.S_PLAYER]), 1)
        top = logits[g, 0]
        for i in range(1, players):
            top = max(top, logits[g, i])
        total = 0.0
        for i in range(players):
            total += np.exp(np.float64(logits[g, i] - top))
        for i in range(players):
            share = np.exp(np.float64(logits[g, i] - top)) / total
            out_values[g, (mover - 1 + i) % players] = np.float32(share)
