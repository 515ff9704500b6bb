"""What a move does: board effects (rules §5-§11) and the step to the next phase (rules §4)."""

import numpy as np

from ringrift.compile import entry, inlined, kernel
from ringrift.rules.kernels.cells import (
    cap_of,
    collapse,
    controls_stack,
    extract_lowest,
    get_rings,
    height_of,
    kind_of,
    owner_of,
    pass_over,
    put_marker,
    put_stack,
    remove_top,
    scalar,
    word,
)
from ringrift.rules.kernels.constants import (
    ACTION_MASK,
    F_SCALAR,
    FORCED_ELIMINATION,
    GAME_OVER,
    LINE_PROCESSING,
    MARKER,
    MOVEMENT,
    OK,
    OVER,
    PLANE_RAY,
    RING_PLACEMENT,
    S_ACTED,
    S_DEBT,
    S_HAND,
    S_LAST,
    S_LINE,
    S_MUST,
    S_ON_BOARD,
    S_PEND,
    S_PHASE,
    S_PLAYER,
    S_PLIES,
    S_RECOVERED,
    S_SLIDE,
    S_SWAP_OPEN,
    S_SWAPPED,
    STACK,
    STACK_SHIFT,
    TERRITORY_PROCESSING,
)
from ringrift.rules.kernels.lines import any_line, run_length
from ringrift.rules.kernels.moves import elimination_plane, pass_action
from ringrift.rules.kernels.recovery import apply_slide
from ringrift.rules.kernels.territory import claim_region
from ringrift.rules.kernels.turn import (
    EXIT_LINES,
    EXIT_PAYMENT,
    EXIT_TERRITORY,
    EXIT_TURN,
    STAY,
    after_landing,
    enter_lines,
    go_on,
    set_phase,
)


@kernel
def place(s, g, c, count):
    """Put ``count`` rings of the mover on top of the cell (rules §5.5)."""
    seat = scalar(s, g, S_PLAYER)
    w = word(s, g, c)
    height = height_of(w) if kind_of(w) == STACK else 0
    rings = get_rings(s, g, c)
    for i in range(count):
        rings |= (seat - 1) << (2 * (height + i))
    put_stack(s, g, c, rings, height + count)
    s[g, F_SCALAR, S_HAND + seat - 1] -= count
    s[g, F_SCALAR, S_ON_BOARD + seat - 1] += count
    s[g, F_SCALAR, S_MUST] = c + 1
    set_phase(s, g, MOVEMENT)


@kernel
def land(s, g, c, rings, height):
    """The moving stack comes down on ``c``; a marker there costs its top ring (rules §6.2.3, §7.2.5)."""
    marked = kind_of(word(s, g, c)) == MARKER
    put_stack(s, g, c, rings, height)
    if marked:
        remove_top(s, g, c, np.int64(1))


@kernel
def ride(s, g, t, source, d, k):
    """Move or capture along a ray to distance k (rules §6.2, §7.2); returns whether it captured."""
    seat = scalar(s, g, S_PLAYER)
    height = height_of(word(s, g, source))
    rings = get_rings(s, g, source)
    put_marker(s, g, source, seat)
    captured = False
    for i in range(k - 1):
        x = np.int64(t.ray[source, d, i])
        w = word(s, g, x)
        if kind_of(w) == STACK:
            # the captured ring goes under the moving stack
            top = owner_of(w)
            left = height_of(w) - 1
            put_stack(s, g, x, get_rings(s, g, x) & ((1 << (2 * left)) - 1), left)
            rings = (rings << 2) | (top - 1)
            height += 1
            captured = True
        else:
            pass_over(s, g, x, seat)
    land(s, g, np.int64(t.ray[source, d, k - 1]), rings, height)
    return captured


@kernel
def collapse_run(s, g, t, c, axis, length):
    seat = scalar(s, g, S_PLAYER)
    for _ in range(length):
        following = np.int64(t.axis_next[c, axis])
        collapse(s, g, c, seat)
        c = following


@kernel
def play_line(s, g, t, plane, c):
    """Collapse a line or a segment; returns the exit of rules §4.3."""
    seat = scalar(s, g, S_PLAYER)
    axis = plane - (PLANE_RAY + t.D * t.max_ray)
    if axis < t.A:
        collapse_run(s, g, t, c, axis, run_length(s, g, t, c, axis, seat))
        if controls_stack(s, g, seat):
            s[g, F_SCALAR, S_DEBT] = 1
            return STAY
    else:
        collapse_run(s, g, t, c, axis - t.A, scalar(s, g, S_LINE))
    return STAY if any_line(s, g, t) else EXIT_LINES


@kernel
def pay(s, g, c):
    """An elimination choice: line fee, region fee or forced elimination (rules §10.1); returns the exit."""
    phase = scalar(s, g, S_PHASE)
    if phase == LINE_PROCESSING:
        remove_top(s, g, c, np.int64(1))
        s[g, F_SCALAR, S_DEBT] = 0
        return STAY
    if phase == TERRITORY_PROCESSING and scalar(s, g, S_RECOVERED) != 0:
        extract_lowest(s, g, c, scalar(s, g, S_PLAYER))
    else:
        remove_top(s, g, c, cap_of(word(s, g, c)))
    if phase == FORCED_ELIMINATION:
        return EXIT_TURN
    s[g, F_SCALAR, S_PEND] = 0
    return EXIT_PAYMENT


@kernel
def do_pass(s, g):
    """The one bookkeeping move of the phase (rules §4.7); returns the exit."""
    phase = scalar(s, g, S_PHASE)
    if phase == RING_PLACEMENT:
        set_phase(s, g, MOVEMENT)
        return STAY
    if phase == LINE_PROCESSING:
        return EXIT_LINES
    if phase == TERRITORY_PROCESSING:
        return EXIT_TERRITORY
    enter_lines(s, g)
    return STAY


@inlined
def apply_kernel(s, g, t, code):
    """Apply one legal move or action; trusts that it is legal (rules §4.8 names them).

    A paid recovery slide without its stack only sets S_SLIDE, and is no move of the record.
    Returns OK, or OVER when the game has ended.
    """
    if scalar(s, g, S_PHASE) == GAME_OVER:
        return OVER
    seat = scalar(s, g, S_PLAYER)
    action = code & ACTION_MASK
    stack = (code >> STACK_SHIFT) - 1
    plane = action // t.n
    c = action % t.n
    rays_end = PLANE_RAY + t.D * t.max_ray
    slide = scalar(s, g, S_SLIDE)
    if slide != 0:
        # the stack that pays for the slide chosen before
        source = (slide - 1) // t.D
        action = (PLANE_RAY + (slide - 1) % t.D * t.max_ray) * t.n + source
        plane = action // t.n
        stack = c
        c = source
        s[g, F_SCALAR, S_SLIDE] = 0
    passing = pass_action(s, g, t)
    recovery = (
        PLANE_RAY <= plane < rays_end
        and scalar(s, g, S_PHASE) == MOVEMENT
        and kind_of(word(s, g, c)) == MARKER
    )
    if recovery and stack < 0 and (plane - PLANE_RAY) % t.max_ray == 0:
        s[g, F_SCALAR, S_SLIDE] = 1 + c * t.D + (plane - PLANE_RAY) // t.max_ray
        return OK
    s[g, F_SCALAR, S_PLIES] += 1
    s[g, F_SCALAR, S_LAST] = seat
    if seat == 2:
        s[g, F_SCALAR, S_SWAP_OPEN] = 0
    leaving = STAY
    if action == passing:
        leaving = do_pass(s, g)
    elif action == passing + 1:
        s[g, F_SCALAR, S_ACTED] = 1
        s[g, F_SCALAR, S_SWAPPED] = 1
    else:
        s[g, F_SCALAR, S_ACTED] = 1
        if plane < PLANE_RAY:
            place(s, g, c, plane + 1)
        elif plane < rays_end:
            d = (plane - PLANE_RAY) // t.max_ray
            k = (plane - PLANE_RAY) % t.max_ray + 1
            if recovery:
                apply_slide(s, g, t, c, d, k, stack)
                s[g, F_SCALAR, S_RECOVERED] = 1
                enter_lines(s, g)
            else:
                captured = ride(s, g, t, c, d, k)
                after_landing(s, g, t, np.int64(t.ray[c, d, k - 1]), captured)
        elif plane < elimination_plane(t):
            leaving = play_line(s, g, t, plane, c)
        elif plane == elimination_plane(t):
            leaving = pay(s, g, c)
        else:
            claim_region(s, g, t, plane - elimination_plane(t) - 1, c)
            s[g, F_SCALAR, S_PEND] = 1
    go_on(s, g, t, leaving)
    return OVER if scalar(s, g, S_PHASE) == GAME_OVER else OK


@entry
def apply_move(s, g, t, code):
    """Apply a legal move code to state ``g`` of uint16[G, F, N]; returns OK or OVER."""
    return apply_kernel(s, g, t, code)
