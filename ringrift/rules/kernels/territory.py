"""Territory: regions cut off by markers, and what claiming one does (rules §9).

A set of cells is a row mask: int64[side], bit ``t.bit[c]`` of row ``t.row[c]`` (at most 25 bits). A board row falls
into runs of cells that are no wall; runs of neighbouring rows that touch are joined (union-find, one pass over the
rows), and each root gathers what its component shows. On hex boards the rows above and below reach two bits each.

Masks of a position, int64[M_ROWS, side]:

    M_COLLAPSED          collapsed cells
    M_MARKER + seat - 1  markers of a seat
    M_STACK + seat - 1   stacks controlled by a seat
    M_PAYER              stacks that may pay for a region of the mover (rules §9.4)
    M_REGION             the component that is looked at

Runs of a label, int64[R_ROWS, runs], in order of their cells:

    R_MASK    bits of the run within its row
    R_PARENT  an earlier run of the same component, or itself: the root is the run with the lowest cell
    R_ROW     its row
    R_SHOWN   bit seat-1: the seat controls a stack in it; PAYS: a payer stands in it. At the root: of the component
"""

import numpy as np

from ringrift.compile import entry, inlined, kernel
from ringrift.rules.kernels.cells import (
    collapse,
    controls_stack,
    credit,
    discount_rings,
    has_buried,
    height_of,
    kind_of,
    owner_of,
    ring_seats,
    scalar,
    word,
)
from ringrift.rules.kernels.constants import (
    COLLAPSED,
    EMPTY,
    F_SCALAR,
    MARKER,
    PLANE_RAY,
    S_KNOWN,
    S_MARKERS,
    S_ON_BOARD,
    S_PLAYER,
    S_PLAYERS,
    S_RECOVERED,
    S_TERR,
    STACK,
    WHOLE,
)
from ringrift.rules.kernels.scratch import scratch, scratch_codes

M_COLLAPSED = 0
M_MARKER = 1
M_STACK = 5
M_PAYER = 9
M_REGION = 10
M_ROWS = 11

R_MASK = 0
R_PARENT = 1
R_ROW = 2
R_SHOWN = 3
R_ROWS = 4

PAYS = 16
SHOWN = 15


@kernel
def fill_masks(s, g, t, masks):
    """Fill the masks from the cells."""
    for r in range(t.side):
        for row in range(M_ROWS):
            masks[row, r] = 0
    for c in range(t.n):
        w = word(s, g, c)
        if w == EMPTY:
            continue
        kind = kind_of(w)
        row = M_COLLAPSED
        if kind != COLLAPSED:
            row = owner_of(w) + (M_MARKER - 1 if kind == MARKER else M_STACK - 1)
        masks[row, t.row[c]] |= 1 << np.int64(t.bit[c])
    mover = scalar(s, g, S_PLAYER)
    if scalar(s, g, S_RECOVERED) == 0:
        for r in range(t.side):
            masks[M_PAYER, r] = masks[M_STACK + mover - 1, r]
        return
    for c in range(t.n):
        if kind_of(word(s, g, c)) == STACK and has_buried(s, g, c, mover):
            masks[M_PAYER, t.row[c]] |= 1 << np.int64(t.bit[c])


@kernel
def label_seat(label, mover, players):
    """Seat whose markers wall the regions of this label; 0 for the label "none" (rules §20.2)."""
    if label == 0:
        return 0
    return (mover - 1 + label - 1) % players + 1


@kernel
def free_row(t, masks, seat, r):
    """Cells of row ``r`` that are no wall for the label of ``seat`` (rules §9.2)."""
    free = np.int64(t.row_mask[r]) & ~masks[M_COLLAPSED, r]
    if seat > 0:
        free &= ~masks[M_MARKER + seat - 1, r]
    return free


@kernel
def reach(m, hexa, downward):
    """Cells of the next (downward) or previous row that touch the cells ``m`` of a row."""
    if hexa:
        return m | (m >> 1) if downward else m | (m << 1)
    return m


@kernel
def root_of(runs, i):
    while runs[R_PARENT, i] != i:
        i = runs[R_PARENT, i]
    return i


@kernel
def find_runs(t, masks, seat, players, runs):
    """Runs of the label of ``seat`` with their components; returns their number."""
    count = 0
    above = 0  # first run of the row above
    for r in range(t.side):
        below = count
        left = free_row(t, masks, seat, r)
        while left:
            low = left & -left
            run = left & ~(left + low)
            left ^= run
            parent = count
            touching = reach(run, t.hexa, False)
            for i in range(above, below):
                if runs[R_MASK, i] & touching:
                    root = root_of(runs, i)
                    if root < parent:
                        if parent < count:
                            runs[R_PARENT, parent] = root
                        parent = root
                    else:
                        runs[R_PARENT, root] = parent
            shown = PAYS if masks[M_PAYER, r] & run else 0
            for q in range(players):
                if masks[M_STACK + q, r] & run:
                    shown |= 1 << q
            runs[R_MASK, count] = run
            runs[R_PARENT, count] = parent
            runs[R_ROW, count] = r
            runs[R_SHOWN, count] = shown
            count += 1
        above = below
    for i in range(count):
        parent = runs[R_PARENT, i]
        if parent != i:
            root = runs[R_PARENT, parent]
            runs[R_PARENT, i] = root
            runs[R_SHOWN, root] |= runs[R_SHOWN, i]
    return count


@kernel
def take_region(t, masks, runs, count, root):
    """The component of a root into masks[M_REGION]."""
    for r in range(t.side):
        masks[M_REGION, r] = 0
    for i in range(root, count):
        if runs[R_PARENT, i] == root:
            masks[M_REGION, runs[R_ROW, i]] |= runs[R_MASK, i]


@kernel
def count_bits(m):
    """Number of seats in a mask."""
    return (m & 1) + ((m >> 1) & 1) + ((m >> 2) & 1) + ((m >> 3) & 1)


@kernel
def neighbour_row(t, masks, r):
    """Cells of row ``r`` that touch the region (territory adjacency), region cells included."""
    m = masks[M_REGION, r]
    m |= (m << 1) | (m >> 1)
    if r > 0:
        m |= reach(masks[M_REGION, r - 1], t.hexa, True)
    if r < t.side - 1:
        m |= reach(masks[M_REGION, r + 1], t.hexa, False)
    return m & np.int64(t.row_mask[r])


@kernel
def also_component_of(t, masks, seat):
    """Whether the region in masks[M_REGION] is a component for the label of ``seat`` as well (rules §9.3)."""
    for r in range(t.side):
        region = masks[M_REGION, r]
        if seat > 0 and region & masks[M_MARKER + seat - 1, r]:
            return False
        walls = masks[M_COLLAPSED, r]
        if seat > 0:
            walls |= masks[M_MARKER + seat - 1, r]
        if neighbour_row(t, masks, r) & ~region & ~walls:
            return False
    return True


@kernel
def bit_number(m):
    """Which bit the single bit of ``m`` is."""
    k = 0
    while not (m >> k) & 1:
        k += 1
    return k


@kernel
def may_pay(s, g):
    """Whether the mover has anything to pay a region with, wherever it stands (rules §9.4)."""
    mover = scalar(s, g, S_PLAYER)
    if scalar(s, g, S_RECOVERED) != 0:
        return scalar(s, g, S_ON_BOARD + mover - 1) > 0
    return controls_stack(s, g, mover)


@kernel
def is_label(s, g, seat):
    """Whether components for the label of ``seat`` differ from those of the label "none" at all."""
    return seat == 0 or scalar(s, g, S_MARKERS + seat - 1) > 0


@kernel
def known_before(s, g, t, masks, label, shown):
    """Whether the region in masks[M_REGION] is listed under a smaller label too."""
    mover = scalar(s, g, S_PLAYER)
    players = scalar(s, g, S_PLAYERS)
    for earlier in range(label):
        if earlier == 0 and shown != 1:
            continue
        seat = label_seat(earlier, mover, players)
        if is_label(s, g, seat) and also_component_of(t, masks, seat):
            return True
    return False


@inlined
def scan_regions(s, g, t, masks, runs, out, n, limit):
    """The body of `list_regions`, with room for masks and runs."""
    active = count_bits(ring_seats(s, g))
    mover = scalar(s, g, S_PLAYER)
    players = scalar(s, g, S_PLAYERS)
    filled = False
    collapsed = 0
    for q in range(players):
        collapsed += scalar(s, g, S_TERR + q)
    region_plane = PLANE_RAY + t.D * t.max_ray + 2 * t.A + 1
    for label in range(players + 1):
        seat = label_seat(label, mover, players)
        walls = collapsed
        if seat > 0:
            walls += scalar(s, g, S_MARKERS + seat - 1)
        if walls < 2 or not is_label(s, g, seat) or scalar(s, g, S_KNOWN) & (WHOLE << seat):
            continue  # one wall cuts nothing off, and the whole board is no region
        if not filled:
            fill_masks(s, g, t, masks)
            filled = True
        count = find_runs(t, masks, seat, players, runs)
        components = 0
        payers = 0  # components with a payer in them
        for i in range(count):
            if runs[R_PARENT, i] == i:
                components += 1
                if runs[R_SHOWN, i] & PAYS:
                    payers += 1
        if components == 1:
            s[g, F_SCALAR, S_KNOWN] |= WHOLE << seat
            continue
        for i in range(count):
            if runs[R_PARENT, i] != i:
                continue
            pays = 1 if runs[R_SHOWN, i] & PAYS else 0
            shown = count_bits(runs[R_SHOWN, i] & SHOWN)
            if payers - pays < 1 or shown >= active or (label == 0 and shown != 1):
                continue
            row = runs[R_ROW, i]
            lowest = runs[R_MASK, i] & -runs[R_MASK, i]
            if label > 0:
                take_region(t, masks, runs, count, i)
                if known_before(s, g, t, masks, label, shown):
                    continue
            if n >= out.size or n >= limit:
                return n
            out[n] = (region_plane + label) * t.n + t.cell_at[row, bit_number(lowest)]
            n += 1
    return n


@kernel
def list_regions(s, g, t, out, n, limit):
    """Append one action per distinct region that the mover may claim, up to ``limit`` actions in all.

    Equal cell sets found under several labels are listed once, under the smallest label (rules §20.2). Components
    are found in order of their lowest cell, which is the cell that names them.
    """
    if not may_pay(s, g):
        return n
    masks = scratch(M_ROWS, t.side)
    runs = scratch(R_ROWS, t.side * (t.side + 1) // 2)
    return scan_regions(s, g, t, masks, runs, out, n, limit)


@kernel
def any_region(s, g, t):
    """Whether the mover may claim a region."""
    out = scratch_codes(1)
    return list_regions(s, g, t, out, np.int64(0), np.int64(1)) > 0


@kernel
def find_region(s, g, t, label, lowest, masks, runs):
    """The component of the cell ``lowest`` for a label into masks[M_REGION]."""
    players = scalar(s, g, S_PLAYERS)
    seat = label_seat(label, scalar(s, g, S_PLAYER), players)
    fill_masks(s, g, t, masks)
    count = find_runs(t, masks, seat, players, runs)
    row = np.int64(t.row[lowest])
    bit = 1 << np.int64(t.bit[lowest])
    for i in range(count):
        if runs[R_ROW, i] == row and runs[R_MASK, i] & bit:
            take_region(t, masks, runs, count, runs[R_PARENT, i])


@entry
def region_cells(s, g, t, label, lowest, out_cells):
    """Cells of the component of ``lowest`` for a label, in index order.

    out_cells: int16[N]. Returns their number.
    """
    masks = scratch(M_ROWS, t.side)
    runs = scratch(R_ROWS, t.side * (t.side + 1) // 2)
    find_region(s, g, t, label, lowest, masks, runs)
    n = 0
    for c in range(t.n):
        if (masks[M_REGION, t.row[c]] >> np.int64(t.bit[c])) & 1:
            out_cells[n] = c
            n += 1
    return n


@kernel
def add_markers(s, g, neighbours, c, reached, border, count):
    """Append the markers beside cell ``c`` that are not reached yet to a border; returns its new length."""
    for j in range(neighbours.shape[1]):
        x = neighbours[c, j]
        if x >= 0 and reached[0, x] == 0 and kind_of(word(s, g, x)) == MARKER:
            reached[0, x] = 1
            border[0, count] = x
            count += 1
    return count


@kernel
def claim_region(s, g, t, label, lowest):
    """Effect of claiming a region (rules §9.5): border cluster, rings inside, cells."""
    mover = scalar(s, g, S_PLAYER)
    masks = scratch(M_ROWS, t.side)
    runs = scratch(R_ROWS, t.side * (t.side + 1) // 2)
    find_region(s, g, t, label, lowest, masks, runs)
    reached = scratch(1, t.n)
    border = scratch(1, t.n)
    for c in range(t.n):
        reached[0, c] = (masks[M_REGION, t.row[c]] >> np.int64(t.bit[c])) & 1
    # 1. markers that touch the region, then the whole cluster of markers connected to them
    count = np.int64(0)
    for c in range(t.n):
        if (masks[M_REGION, t.row[c]] >> np.int64(t.bit[c])) & 1:
            count = add_markers(s, g, t.terr_nbr, c, reached, border, count)
    i = 0
    while i < count:
        count = add_markers(s, g, t.grow_nbr, border[0, i], reached, border, count)
        i += 1
    # 2.-4. rings inside are eliminated, region and border collapse
    for c in range(t.n):
        if not (masks[M_REGION, t.row[c]] >> np.int64(t.bit[c])) & 1:
            continue
        w = word(s, g, c)
        if kind_of(w) == STACK:
            credit(s, g, mover, height_of(w))
            discount_rings(s, g, c)
        collapse(s, g, c, mover)
    for i in range(count):
        collapse(s, g, border[0, i], mover)
