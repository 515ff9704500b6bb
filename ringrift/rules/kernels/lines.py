"""Lines: maximal straight runs of the mover's markers (rules §8)."""

from ringrift.compile import kernel
from ringrift.rules.kernels.cells import scalar, word
from ringrift.rules.kernels.constants import (
    KIND_SHIFT,
    MARKER,
    PLANE_RAY,
    S_DETECT,
    S_LINE,
    S_MARKERS,
    S_PLAYER,
)


@kernel
def own_marker(s, g, c, seat):
    return word(s, g, c) == seat | (MARKER << KIND_SHIFT)


@kernel
def run_length(s, g, t, c, axis, seat):
    """Length of the run that starts at ``c``, itself an own marker, along the axis."""
    length = 1
    x = t.axis_next[c, axis]
    while x >= 0 and own_marker(s, g, x, seat):
        length += 1
        x = t.axis_next[x, axis]
    return length


@kernel
def run_from(s, g, t, c, axis, seat):
    """Length of the run if the own marker on ``c`` is its first cell, else 0; lone markers count as 0 too."""
    x = t.axis_next[c, axis]
    if x < 0 or not own_marker(s, g, x, seat):
        return 0
    prev = t.axis_prev[c, axis]
    if prev >= 0 and own_marker(s, g, prev, seat):
        return 0
    return run_length(s, g, t, c, axis, seat)


@kernel
def any_line(s, g, t):
    """Whether the mover has a line of at least Dt cells (rules §8.1)."""
    seat = scalar(s, g, S_PLAYER)
    least = scalar(s, g, S_DETECT)
    if scalar(s, g, S_MARKERS + seat - 1) < least:
        return False
    for c in range(t.n):
        if own_marker(s, g, c, seat):
            for axis in range(t.A):
                if run_from(s, g, t, c, axis, seat) >= least:
                    return True
    return False


@kernel
def list_lines(s, g, t, out, n):
    """Append one action per exact line, and the options of rules §8.4 per overlength line.

    The whole (or exact) line is keyed by its first cell and axis, a segment by its own first cell and axis.
    """
    seat = scalar(s, g, S_PLAYER)
    exact = scalar(s, g, S_LINE)
    least = scalar(s, g, S_DETECT)
    whole_plane = PLANE_RAY + t.D * t.max_ray
    if scalar(s, g, S_MARKERS + seat - 1) < least:
        return n
    for c in range(t.n):
        if not own_marker(s, g, c, seat):
            continue
        for axis in range(t.A):
            length = run_from(s, g, t, c, axis, seat)
            if length < least:
                continue
            if n < out.size:
                out[n] = (whole_plane + axis) * t.n + c
                n += 1
            if length > exact:
                x = c
                for _ in range(length - exact + 1):
                    if n < out.size:
                        out[n] = (whole_plane + t.A + axis) * t.n + x
                        n += 1
                    x = t.axis_next[x, axis]
    return n
