"""Territory: regions cut off by markers, and what claiming one does (rules §9).

A set of cells is a row mask: int64[side], bit ``t.bit[c]`` of row ``t.row[c]`` (at most 25 bits). A region is found
by flooding whole rows at once; on hex boards the rows above and below reach two bits each.

Masks of a position, int64[M_ROWS, side]:

    M_COLLAPSED          collapsed cells
    M_MARKER + seat - 1  markers of a seat
    M_STACK + seat - 1   stacks controlled by a seat
    M_OUTSIDE            stacks that may pay for a region of the mover (rules §9.4)
"""

import numpy as np

from ringrift.compile import entry, kernel
from ringrift.rules.kernels.cells import (
    collapse,
    credit,
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
    MARKER,
    PLANE_RAY,
    S_PLAYER,
    S_PLAYERS,
    S_RECOVERED,
    STACK,
)

M_COLLAPSED = 0
M_MARKER = 1
M_STACK = 5
M_OUTSIDE = 9
M_VISITED = 10
M_REGION = 11
M_BOARD = 12
M_ROWS = 13


@kernel
def build_masks(s, g, t, out_masks):
    """Fill the masks above from the cells; M_VISITED and M_REGION are cleared."""
    out_masks[:] = 0
    mover = scalar(s, g, S_PLAYER)
    recovered = scalar(s, g, S_RECOVERED) != 0
    for r in range(t.side):
        out_masks[M_BOARD, r] = np.int64(t.row_mask[r])
    for c in range(t.n):
        w = word(s, g, c)
        kind = kind_of(w)
        if kind == EMPTY:
            continue
        bit = 1 << np.int64(t.bit[c])
        r = t.row[c]
        if kind == COLLAPSED:
            out_masks[M_COLLAPSED, r] |= bit
        elif kind == MARKER:
            out_masks[M_MARKER + owner_of(w) - 1, r] |= bit
        else:
            out_masks[M_STACK + owner_of(w) - 1, r] |= bit
            if recovered:
                if has_buried(s, g, c, mover):
                    out_masks[M_OUTSIDE, r] |= bit
            elif owner_of(w) == mover:
                out_masks[M_OUTSIDE, r] |= bit


@kernel
def any_in_row_mask(masks, row, side):
    for r in range(side):
        if masks[row, r] != 0:
            return True
    return False


@kernel
def label_seat(label, mover, players):
    """Seat whose markers wall the regions of this label; 0 for the label "none" (rules §20.2)."""
    if label == 0:
        return 0
    return (mover - 1 + label - 1) % players + 1


@kernel
def free_row(masks, seat, r):
    """Cells of row ``r`` that are no wall for the label of ``seat`` (rules §9.2)."""
    free = masks[M_BOARD, r] & ~masks[M_COLLAPSED, r]
    if seat > 0:
        free &= ~masks[M_MARKER + seat - 1, r]
    return free


@kernel
def spread(m, free):
    """Grow the bits of ``m`` along the free runs of their row."""
    while True:
        grown = (m | (m << 1) | (m >> 1)) & free
        if grown == m:
            return m
        m = grown


@kernel
def reach(m, hexa, downward):
    """Cells of the next (downward) or previous row that touch the cells ``m`` of a row."""
    if hexa:
        return m | (m >> 1) if downward else m | (m << 1)
    return m


@kernel
def flood(t, masks, seat, row, bit):
    """Component of the cell (row, bit) for the label of ``seat`` into masks[M_REGION].

    Sweeps the rows down and up again until nothing changes.
    """
    for r in range(t.side):
        masks[M_REGION, r] = 0
    masks[M_REGION, row] = spread(bit, free_row(masks, seat, row))
    low = row
    high = row
    changed = True
    while changed:
        changed = False
        r = low + 1
        while r < t.side and r <= high + 1:
            free = free_row(masks, seat, r)
            new = reach(masks[M_REGION, r - 1], t.hexa, True) & free & ~masks[M_REGION, r]
            if new:
                masks[M_REGION, r] = spread(masks[M_REGION, r] | new, free)
                high = max(high, r)
                changed = True
            r += 1
        r = high - 1
        while r >= 0 and r >= low - 1:
            free = free_row(masks, seat, r)
            new = reach(masks[M_REGION, r + 1], t.hexa, False) & free & ~masks[M_REGION, r]
            if new:
                masks[M_REGION, r] = spread(masks[M_REGION, r] | new, free)
                low = min(low, r)
                changed = True
            r -= 1


@kernel
def shown_in_region(t, masks, players):
    """Number of colours that control a stack in the region (rules §9.3)."""
    shown = 0
    for q in range(players):
        for r in range(t.side):
            if masks[M_STACK + q, r] & masks[M_REGION, r]:
                shown += 1
                break
    return shown


@kernel
def has_payer_outside(t, masks):
    for r in range(t.side):
        if masks[M_OUTSIDE, r] & ~masks[M_REGION, r]:
            return True
    return False


@kernel
def neighbour_row(t, masks, r):
    """Cells of row ``r`` that touch the region (territory adjacency), region cells included."""
    m = masks[M_REGION, r]
    m |= (m << 1) | (m >> 1)
    if r > 0:
        m |= reach(masks[M_REGION, r - 1], t.hexa, True)
    if r < t.side - 1:
        m |= reach(masks[M_REGION, r + 1], t.hexa, False)
    return m & masks[M_BOARD, r]


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
def lowest_bit(m):
    k = 0
    while not (m >> k) & 1:
        k += 1
    return k


@kernel
def list_regions(s, g, t, out, n, limit):
    """Append one action per distinct region that the mover may claim, up to ``limit`` actions in all.

    Equal cell sets found under several labels are listed once, under the smallest label (rules §20.2). Components
    are found in order of their lowest cell, which is the cell that names them.
    """
    seats = ring_seats(s, g, t.n)
    active = 0
    for q in range(4):
        active += (seats >> q) & 1
    if active == 0:
        return n
    masks = np.zeros((M_ROWS, t.side), np.int64)
    build_masks(s, g, t, masks)
    mover = scalar(s, g, S_PLAYER)
    players = scalar(s, g, S_PLAYERS)
    if not any_in_row_mask(masks, M_OUTSIDE, t.side):
        return n
    region_plane = PLANE_RAY + t.D * t.max_ray + 2 * t.A + 1
    for label in range(players + 1):
        seat = label_seat(label, mover, players)
        if seat > 0 and not any_in_row_mask(masks, M_MARKER + seat - 1, t.side):
            continue
        for r in range(t.side):
            masks[M_VISITED, r] = 0
        for row in range(t.side):
            while True:
                left = free_row(masks, seat, row) & ~masks[M_VISITED, row]
                if left == 0:
                    break
                k = lowest_bit(left)
                flood(t, masks, seat, row, 1 << k)
                for r in range(t.side):
                    masks[M_VISITED, r] |= masks[M_REGION, r]
                shown = shown_in_region(t, masks, players)
                if (
                    shown >= active
                    or (label == 0 and shown != 1)
                    or not has_payer_outside(t, masks)
                ):
                    continue
                known = False
                for earlier in range(label):
                    other = label_seat(earlier, mover, players)
                    if earlier == 0:
                        if shown != 1:
                            continue
                    elif not any_in_row_mask(masks, M_MARKER + other - 1, t.side):
                        continue
                    if also_component_of(t, masks, other):
                        known = True
                        break
                if known:
                    continue
                if n >= out.size or n >= limit:
                    return n
                out[n] = (region_plane + label) * t.n + t.cell_at[row, k]
                n += 1
    return n


@kernel
def any_region(s, g, t):
    """Whether the mover may claim a region."""
    out = np.empty(1, np.int32)
    return list_regions(s, g, t, out, 0, 1) > 0


@entry
def region_cells(s, g, t, label, lowest, out_cells):
    """Cells of the component of ``lowest`` for a label, in index order.

    out_cells: int16[N]. Returns their number.
    """
    masks = np.zeros((M_ROWS, t.side), np.int64)
    build_masks(s, g, t, masks)
    seat = label_seat(label, scalar(s, g, S_PLAYER), scalar(s, g, S_PLAYERS))
    flood(t, masks, seat, np.int64(t.row[lowest]), 1 << np.int64(t.bit[lowest]))
    n = 0
    for c in range(t.n):
        if (masks[M_REGION, t.row[c]] >> np.int64(t.bit[c])) & 1:
            out_cells[n] = c
            n += 1
    return n


@kernel
def claim_region(s, g, t, label, lowest):
    """Effect of claiming a region (rules §9.5): border cluster, rings inside, cells."""
    mover = scalar(s, g, S_PLAYER)
    cells = np.empty(t.n, np.int16)
    size = region_cells(s, g, t, label, lowest, cells)
    inside = np.zeros(t.n, np.bool_)
    for i in range(size):
        inside[cells[i]] = True
    # 1. markers that touch the region, then the whole cluster of markers connected to them
    border = np.empty(t.n, np.int16)
    in_border = np.zeros(t.n, np.bool_)
    count = 0
    for i in range(size):
        for j in range(t.terr_nbr.shape[1]):
            x = t.terr_nbr[cells[i], j]
            if x >= 0 and not inside[x] and not in_border[x] and kind_of(word(s, g, x)) == MARKER:
                in_border[x] = True
                border[count] = x
                count += 1
    i = 0
    while i < count:
        for j in range(t.grow_nbr.shape[1]):
            x = t.grow_nbr[border[i], j]
            if x >= 0 and not inside[x] and not in_border[x] and kind_of(word(s, g, x)) == MARKER:
                in_border[x] = True
                border[count] = x
                count += 1
        i += 1
    # 2.-4. rings inside are eliminated, region and border collapse
    for i in range(size):
        c = cells[i]
        w = word(s, g, c)
        if kind_of(w) == STACK:
            credit(s, g, mover, height_of(w))
        collapse(s, g, c, mover)
    for i in range(count):
        collapse(s, g, border[i], mover)
