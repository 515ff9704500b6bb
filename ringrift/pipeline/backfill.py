"""Backfill: what devices play that would idle though every config has its run.

A config plays nothing while its own run is taken in, trains or is judged. Where no other config has games left to play,
backfill runs (the word of batch schedulers: small jobs in the gaps of a large one) are opened beside the runs:
selfplay by the newest accepted network, whose games are those of the next training. Their shards are short and go
last, so that what is urgent waits for no more than one of them.

    shards_wanted   how many shards of which config; pure
    pipeline.runs.open_backfill   opens them
"""

from __future__ import annotations

from typing import Final

from ringrift.pipeline.schedule_view import LEAST_SECONDS, ConfigView, View

#: Part of the queue's seconds for which games are planned at a time, a shard for each slot at least. What is left of them
#: when an iteration begins waits for the next gap, and its network grows old.
FILLED: Final = 1 / 3


def shards_wanted(view: View) -> dict[str, int]:
    """Shards of a new backfill run of each config, in the order of their turns; none while there is enough to do.

    Begun when less than half of what is enough is left, so that they are few: one shard after the other would be as
    many runs.
    """
    units, seconds = view.left
    enough = FILLED * view.enough
    if not view.slots or (units >= view.room / 2 and seconds >= enough / 2):
        return {}
    by_name = {one.config: one for one in view.configs if wants_more(view, one)}
    turns = {name: one.turn for name, one in by_name.items()}
    shards: dict[str, int] = {}
    while turns and (units < view.room or seconds < enough):
        config = min(turns, key=lambda name: (turns[name], name))
        each = max(by_name[config].backfill_seconds, LEAST_SECONDS)
        shards[config] = shards.get(config, 0) + 1
        units += 1
        seconds += each
        turns[config] += each / by_name[config].share
    return shards


def wants_more(view: View, one: ConfigView) -> bool:
    """Whether a config has use for games beside its open run: all shards of that are on their way, and another follows.

    Of a trained network only: an untrained one, which is not computed, would fill the replay window with games of
    chance within a minute.
    """
    limit = view.rules.max_iterations
    follows = one.listed and one.auto and (not limit or one.iterations + 1 < limit)
    kept_back = one.pause is not None or one.backfill_pause is not None
    played = one.run is not None and not (one.run.plays and one.run.load.fresh)
    return follows and one.trained and played and not kept_back
