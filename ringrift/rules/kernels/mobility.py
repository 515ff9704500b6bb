"""Where a stack can go: the one walk behind placement, movement, capture and real actions (rules §5.3).

From a cell, along a ray: stop at a collapsed cell; the first stack may be jumped if its cap is no taller than
the mover's; a second stack stops the walk. A free cell at distance >= the stack's height is a destination: of a
plain move if no stack was passed, of a capture if one was.
"""

from ringrift.compile import kernel
from ringrift.rules.kernels.cells import cap_of, controls_stack, height_of, kind_of, owner_of, word
from ringrift.rules.kernels.constants import BLOCKED, COLLAPSED, PLANE_RAY, STACK


@kernel
def mobile(s, g, t, c, height, cap):
    """Whether a stack of this height and cap on ``c`` would have a plain move or a capture (rules §5.3)."""
    for d in range(t.D):
        passed = False
        for k in range(1, t.ray_len[c, d] + 1):
            w = word(s, g, t.ray[c, d, k - 1])
            if w & BLOCKED:
                if passed or kind_of(w) == COLLAPSED or cap_of(w) > cap:
                    break
                passed = True
            elif k >= height:
                return True
    return False


@kernel
def can_capture(s, g, t, c):
    """Whether the stack on ``c`` has a legal capture segment (rules §7.1)."""
    w0 = word(s, g, c)
    height = height_of(w0)
    cap = cap_of(w0)
    for d in range(t.D):
        passed = False
        for k in range(1, t.ray_len[c, d] + 1):
            w = word(s, g, t.ray[c, d, k - 1])
            if w & BLOCKED:
                if passed or kind_of(w) == COLLAPSED or cap_of(w) > cap:
                    break
                passed = True
            elif passed and k >= height:
                return True
    return False


@kernel
def stack_mobile(s, g, t, c):
    w = word(s, g, c)
    return mobile(s, g, t, c, height_of(w), cap_of(w))


@kernel
def any_mobile(s, g, t, seat):
    """Whether some stack controlled by ``seat`` can move or capture."""
    if not controls_stack(s, g, seat):
        return False
    for c in range(t.n):
        w = word(s, g, c)
        if (
            kind_of(w) == STACK
            and owner_of(w) == seat
            and mobile(s, g, t, c, height_of(w), cap_of(w))
        ):
            return True
    return False


@kernel
def list_rays(s, g, t, c, moves, out, n):
    """Append the captures of the stack on ``c``, and its plain moves if wanted (rules §6.1, §7.1, §20.2).

    out: int32[:], filled from index ``n``. Returns the new length.
    """
    w0 = word(s, g, c)
    height = height_of(w0)
    cap = cap_of(w0)
    for d in range(t.D):
        passed = False
        for k in range(1, t.ray_len[c, d] + 1):
            w = word(s, g, t.ray[c, d, k - 1])
            if w & BLOCKED:
                if passed or kind_of(w) == COLLAPSED or cap_of(w) > cap:
                    break
                passed = True
            elif k >= height and (passed or moves) and n < out.size:
                out[n] = (PLANE_RAY + d * t.max_ray + k - 1) * t.n + c
                n += 1
    return n
