"""Recovery: a seat without a stack slides a marker and pays with a buried ring (rules §11)."""

import numpy as np

from ringrift.compile import kernel
from ringrift.rules.kernels.cells import (
    clear_cell,
    collapse,
    extract_lowest,
    has_buried,
    kind_of,
    put_marker,
    remove_top,
    scalar,
    word,
)
from ringrift.rules.kernels.constants import (
    EMPTY,
    PLANE_RAY,
    S_LINE,
    S_MARKERS,
    S_ON_BOARD,
    S_PLAYER,
    S_STACKS,
    STACK,
    STACK_SHIFT,
)
from ringrift.rules.kernels.lines import own_marker


@kernel
def eligible(s, g, seat):
    """Whether ``seat`` controls no stack, owns a marker and has a buried ring (rules §11.1)."""
    # Without a stack of its own, each ring of the seat is buried.
    return (
        scalar(s, g, S_STACKS + seat - 1) == 0
        and scalar(s, g, S_MARKERS + seat - 1) > 0
        and scalar(s, g, S_ON_BOARD + seat - 1) > 0
    )


@kernel
def run_through(s, g, t, seat, source, target):
    """RUN of rules §11.2: the longest own run through ``target`` once the marker has left ``source``.

    Returns (length, axis, first cell); among equal lengths the first axis in recovery order.
    """
    best = 0
    best_axis = 0
    best_first = target
    for i in range(t.A):
        axis = t.recovery_axes[i]
        length = 1
        first = target
        x = t.axis_prev[target, axis]
        while x >= 0 and x != source and own_marker(s, g, x, seat):
            length += 1
            first = x
            x = t.axis_prev[x, axis]
        x = t.axis_next[target, axis]
        while x >= 0 and x != source and own_marker(s, g, x, seat):
            length += 1
            x = t.axis_next[x, axis]
        if length > best:
            best = length
            best_axis = axis
            best_first = first
    return best, best_axis, best_first


@kernel
def ray_action(t, c, d, k):
    return (PLANE_RAY + d * t.max_ray + k - 1) * t.n + c


@kernel
def append_paid(s, g, t, seat, action, joint, out, n):
    """Append a paid slide: once per extraction stack, or once in all where the stack is chosen later."""
    if not joint:
        if n < out.size:
            out[n] = action
            n += 1
        return n
    for c in range(t.n):
        if kind_of(word(s, g, c)) == STACK and has_buried(s, g, c, seat) and n < out.size:
            out[n] = action | ((c + 1) << STACK_SHIFT)
            n += 1
    return n


@kernel
def list_slides(s, g, t, joint, out, n):
    """Append all recovery slides of an eligible mover (rules §11.2).

    joint: True lists one move per slide and extraction stack (records), False one action per slide (search).
    """
    seat = scalar(s, g, S_PLAYER)
    exact = scalar(s, g, S_LINE)
    start = n
    for c in range(t.n):
        if not own_marker(s, g, c, seat):
            continue
        for d in range(t.D):
            if t.ray_len[c, d] == 0:
                continue
            x = np.int64(t.ray[c, d, 0])
            if kind_of(word(s, g, x)) != EMPTY:
                continue
            length, axis, first = run_through(s, g, t, seat, c, x)
            if length < exact:
                continue
            n = append_paid(s, g, t, seat, ray_action(t, c, d, 1), joint, out, n)
            if length > exact:
                # x is cell number `at` of the run; stretches of L cells that contain it start at at-o
                at = 0
                y = first
                while y != x:
                    at += 1
                    y = t.axis_next[y, axis]
                for o in range(exact):
                    begin = at - o
                    if begin >= 0 and begin + exact <= length and n < out.size:
                        out[n] = ray_action(t, c, d, 2 + o)
                        n += 1
    if n > start:
        return n
    for c in range(t.n):
        if not own_marker(s, g, c, seat):
            continue
        for d in range(t.D):
            if t.ray_len[c, d] == 0:
                continue
            kind = kind_of(word(s, g, t.ray[c, d, 0]))
            if kind == EMPTY or kind == STACK:
                n = append_paid(s, g, t, seat, ray_action(t, c, d, 1), joint, out, n)
    return n


@kernel
def apply_slide(s, g, t, source, d, k, stack):
    """Effect of a recovery slide (rules §11.3): k = 1 paid from ``stack``, k = 2 + o a free part with offset o."""
    seat = scalar(s, g, S_PLAYER)
    exact = scalar(s, g, S_LINE)
    target = np.int64(t.ray[source, d, 0])
    if kind_of(word(s, g, target)) == STACK:
        clear_cell(s, g, source)
        remove_top(s, g, target, np.int64(1))
        extract_lowest(s, g, stack, seat)
        return
    length, axis, first = run_through(s, g, t, seat, source, target)
    clear_cell(s, g, source)
    put_marker(s, g, target, seat)
    if k >= 2:
        x = target
        for _ in range(k - 2):
            x = np.int64(t.axis_prev[x, axis])
        for _ in range(exact):
            following = np.int64(t.axis_next[x, axis])
            collapse(s, g, x, seat)
            x = following
        return
    if length >= exact:
        x = first
        for _ in range(length):
            following = np.int64(t.axis_next[x, axis])
            collapse(s, g, x, seat)
            x = following
    extract_lowest(s, g, stack, seat)
