"""What the network sees: the number and the names of its planes and scalars.

The kernel `ringrift.nets.kernels.features` holds the layout; the names here are for documents and tests.
"""

from __future__ import annotations

from typing import Final

from ringrift.nets.kernels import features as k

#: Grows when the meaning of a plane or scalar changes: a network reads only the features it was trained on.
FEATURES_VERSION: Final = 1

_FIXED_PLANES: Final = (
    "board",
    "must_move",
    "may_capture",
    "slide_from",
    "slide_to",
    "height/8",
    "height=1",
    "height=2",
    "height=3",
    "height=4",
    "height>=5",
    "cap/8",
    "cap=1",
    "cap=2",
    "cap=3",
    "cap>=4",
    "mobile",
    "captures",
    "target_of_mover",
    "target_of_others",
)
_SEAT_PLANES: Final = ("marker", "collapsed", "stack", "buried/4", "second_ring", "third_ring")
_FIXED_SCALARS: Final = (
    "ring_placement",
    "movement",
    "capture",
    "chain_capture",
    "line_processing",
    "territory_processing",
    "forced_elimination",
    "line_debt",
    "region_debt",
    "acted",
    "recovered",
    "slide",
    "swap_open",
    "lps_count",
    "line_length_3",
    "detects_more",
)
_SEAT_SCALARS: Final = (
    "hand",
    "hand_empty",
    "eliminated",
    "territory",
    "out",
    "lps_leader",
    "lps_seen",
    "lps_real",
    "lps_seat",
    "last_actor",
)


def num_planes(players: int) -> int:
    """C, planes of the input: 32 with two players."""
    return k.NUM_FIXED_PLANES + k.NUM_SEAT_PLANES * players


def num_scalars(players: int) -> int:
    """K, scalars of the input: 36 with two players."""
    return k.NUM_FIXED_SCALARS + k.NUM_SEAT_SCALARS * players


def plane_names(players: int) -> tuple[str, ...]:
    """Names of the planes in order; ``marker+1`` is the next seat's, ``marker+0`` the mover's own."""
    seats = (f"{name}+{seat}" for name in _SEAT_PLANES for seat in range(players))
    return (*_FIXED_PLANES, *seats)


def scalar_names(players: int) -> tuple[str, ...]:
    """Names of the scalars in order, seats as in `plane_names`."""
    seats = (f"{name}+{seat}" for name in _SEAT_SCALARS for seat in range(players))
    return (*_FIXED_SCALARS, *seats)
