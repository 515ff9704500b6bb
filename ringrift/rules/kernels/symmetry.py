"""States, moves and policies under the exact symmetries of a board (rules §20.5).

A symmetry moves cells, directions and axes; seats stay. The tables are made by `ringrift.rules.symmetry`.
Actions that are named by one end of something need care: a reflection may exchange the ends of a run, and
the lowest cell of a region is another cell afterwards. Then the state says how long the run is and which
cells the region has.
"""

import numpy as np

from ringrift.compile import entry, kernel
from ringrift.rules.kernels.cells import kind_of, scalar, word
from ringrift.rules.kernels.constants import (
    ACTION_MASK,
    F_CELL,
    F_SCALAR,
    MARKER,
    MAX_MOVES,
    PLANE_RAY,
    S_FROM,
    S_LINE,
    S_MUST,
    S_PLAYER,
    S_SLIDE,
    STACK_SHIFT,
)
from ringrift.rules.kernels.lines import run_length
from ringrift.rules.kernels.moves import legal_actions, num_planes
from ringrift.rules.kernels.recovery import run_through
from ringrift.rules.kernels.scratch import scratch_cells
from ringrift.rules.kernels.territory import region_cells


@kernel
def move_state(s, g, t, sym, k, out, h):
    """State ``g`` of ``s`` under symmetry ``k`` into state ``h`` of ``out``."""
    for f in range(F_CELL, F_SCALAR):
        for cell in range(t.n):
            out[h, f, sym.cell[k, cell]] = s[g, f, cell]
    for index in range(t.n):
        out[h, F_SCALAR, index] = s[g, F_SCALAR, index]
    for index in (S_MUST, S_FROM):
        place = scalar(s, g, index)
        if place > 0:
            out[h, F_SCALAR, index] = 1 + sym.cell[k, place - 1]
    slide = scalar(s, g, S_SLIDE)
    if slide > 0:
        marker = np.int64(sym.cell[k, (slide - 1) // t.D])
        out[h, F_SCALAR, S_SLIDE] = 1 + marker * t.D + sym.direction[k, (slide - 1) % t.D]


@kernel
def _step(t, cell, axis, steps):
    for _ in range(steps):
        cell = np.int64(t.axis_next[cell, axis])
    return cell


@kernel
def _move_ray(s, g, t, sym, k, plane, cell):
    """A move, a capture, or a recovery slide (a ray that starts at a marker)."""
    direction = (plane - PLANE_RAY) // t.max_ray
    slot = (plane - PLANE_RAY) % t.max_ray
    if slot > 0 and kind_of(word(s, g, cell)) == MARKER:
        # A free slide: slot 1 + o says that the marker lands on the o-th cell of the stretch (rules §20.2).
        target = np.int64(t.ray[cell, direction, 0])
        _, axis, _ = run_through(s, g, t, scalar(s, g, S_PLAYER), cell, target)
        if sym.flip[k, axis]:
            slot = 1 + (scalar(s, g, S_LINE) - 1 - (slot - 1))
    return PLANE_RAY + np.int64(sym.direction[k, direction]) * t.max_ray + slot


@kernel
def move_action(s, g, t, sym, k, action):
    """The action that means the same after symmetry ``k`` of state ``g``; ``action`` must be legal there."""
    n = t.n
    plane = action // n
    cell = action % n
    line_plane = PLANE_RAY + t.D * t.max_ray
    segment_plane = line_plane + t.A
    region_plane = segment_plane + t.A + 1
    if plane < PLANE_RAY or plane == region_plane - 1:
        return plane * n + np.int64(sym.cell[k, cell])  # placements and eliminations
    if plane < line_plane:
        return _move_ray(s, g, t, sym, k, plane, cell) * n + np.int64(sym.cell[k, cell])
    if plane < region_plane:
        whole = plane < segment_plane
        base = line_plane if whole else segment_plane
        axis = plane - base
        if sym.flip[k, axis]:
            if whole:
                length = run_length(s, g, t, cell, axis, scalar(s, g, S_PLAYER))
            else:
                length = scalar(s, g, S_LINE)
            cell = _step(t, cell, axis, length - 1)
        return (base + np.int64(sym.axis[k, axis])) * n + np.int64(sym.cell[k, cell])
    if plane < num_planes(t, sym.players):
        cells = scratch_cells(n)
        size = region_cells(s, g, t, plane - region_plane, cell, cells)
        lowest = n
        for i in range(size):
            lowest = min(lowest, np.int64(sym.cell[k, cells[i]]))
        return plane * n + lowest
    return action  # pass and swap


@kernel
def move_code(s, g, t, sym, k, code):
    """As `move_action`, for the code of a record: a slide's extraction stack goes along."""
    moved = move_action(s, g, t, sym, k, code & ACTION_MASK)
    stack = code >> STACK_SHIFT
    if stack > 0:
        moved |= (1 + np.int64(sym.cell[k, stack - 1])) << STACK_SHIFT
    return moved


@entry
def transform_states(states, count, t, sym, which, out_states):
    """The first ``count`` states, each under its own symmetry.

    states, out_states: uint16[B, F, N]; which: int64[B], numbers of symmetries.
    """
    for g in range(count):
        move_state(states, g, t, sym, which[g], out_states, g)


@entry
def transform_codes(states, g, t, sym, which, codes, out_codes):
    """Moves or actions that are legal in state ``g``, under symmetry ``which``.

    codes, out_codes: int32[n].
    """
    for i in range(codes.size):
        out_codes[i] = move_code(states, g, t, sym, which, np.int64(codes[i]))


@entry
def transform_policy(states, g, t, sym, which, policy, out_policy):
    """The entries of the legal actions of state ``g``, under symmetry ``which``; the others become 0.

    policy, out_policy: float32[A], one number per action of the action space (rules §20.3).
    """
    legal = np.empty(MAX_MOVES, np.int32)
    for i in range(out_policy.size):
        out_policy[i] = 0.0
    for i in range(legal_actions(states, g, t, legal)):
        action = np.int64(legal[i])
        out_policy[move_action(states, g, t, sym, which, action)] = policy[action]
