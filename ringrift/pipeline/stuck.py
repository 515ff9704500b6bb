"""Work that is claimed and alive and does not get on, or takes far longer than its like.

A worker that is dead stops renewing its claim: the reconciler's. One whose thread hangs without a
word ends itself (`workers.watchdog`). What is left is work that says the same again and again, and
work that gets on, but slowly; the first is taken back, the second only told, since trying it again
elsewhere would begin it anew.
"""

from __future__ import annotations

from typing import Final

from ringrift.settings.cluster import ClusterSettings
from ringrift.store.upkeep import Unit

#: What is done about it: it is taken from its worker and tried again; only told; the reconciler's.
TAKE_BACK, TELL, WAIT = "take back", "tell", "wait"

#: Figure of a claim's progress: seconds since any other of its figures last changed (`heartbeat.Work`).
STILL: Final = "still_seconds"

#: A stage is known by so many of its units that were done.
ENOUGH: Final = 3


def judge_work(
    unit: Unit, now: float, like: tuple[int, float] | None, settings: ClusterSettings
) -> tuple[str, str] | None:
    """(what is to be done, why) of a claimed unit; None if it is well.

    `like` is the number of its like that were done lately, and the seconds of the longest.
    """
    row = unit.row
    if (row.lease_until or 0.0) <= now:
        gone = now - (row.heartbeat_at or 0.0)
        return WAIT, f"{row.owner} has been silent for {gone:.0f} s; the reconciler issues it again"
    still = (row.progress or {}).get(STILL)
    if isinstance(still, int | float) and still >= settings.stuck_seconds:
        bound = f"cluster.stuck_seconds {settings.stuck_seconds:g}"
        said = f"{row.owner} is alive, and nothing has changed for {still:.0f} s ({bound})"
        return TAKE_BACK, said
    took = now - (row.claimed_at or now)
    number, longest = like or (0, 0.0)
    if number >= ENOUGH and took > max(settings.stuck_seconds, settings.stuck_factor * longest):
        like_it = f"the longest of {number} like it took {longest:.0f} s"
        return TELL, f"at work for {took:.0f} s, while {like_it}"
    return None
