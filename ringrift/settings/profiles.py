"""How much of a cluster is started: each profile holds those before it, and more.

minimal    what a run needs: broker, one gpu worker, cpu, control, and beat that opens, carries and repairs runs
standard   also a gpu worker for each device or core, shadow matches, upkeep
full       also tournaments, and Flower

Which steps of beat belong to which is in beat_schedule.py, which processes in ringrift/cli/roles.py.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

from ringrift.errors import BadInput, nearest

Profile = Literal["minimal", "standard", "full"]

MINIMAL: Final = "minimal"
STANDARD: Final = "standard"
FULL: Final = "full"

#: From the least to all.
PROFILES: Final[tuple[Profile, ...]] = get_args(Profile)


def covers(profile: Profile, least: Profile) -> bool:
    """Whether a profile holds what belongs to another.

    >>> [covers(profile, "standard") for profile in PROFILES]
    [False, True, True]
    """
    return PROFILES.index(profile) >= PROFILES.index(least)


def profile_of(text: str) -> Profile:
    """The profile of a name. Raises BadInput with the nearest one."""
    for profile in PROFILES:
        if text == profile:
            return profile
    raise BadInput(f"unknown profile {text!r}: {nearest(text, PROFILES)}")
