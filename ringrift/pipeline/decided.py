"""What the games of a run that were called decided say of that judgement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ringrift.store import stages
from ringrift.store.stages import StageRow


def entry(counts: Mapping[str, float], most_false: float) -> dict[str, Any]:
    """What the result of a shard says of its decided games; nothing where there were none.

    counts: `ringrift.data.decided.DecidedGames.as_dict`; most_false: part of the audited ones that may be false.
    """
    return {"decided": {**counts, "most_false": most_false}} if counts else {}


def warnings(rows: Sequence[StageRow]) -> list[str]:
    """A line where too many of a run's audited games were not won by the seat that they were given to."""
    from ringrift.evaluation.stats import wilson_interval

    found = [
        row.result["decided"]
        for row in rows
        if row.stage == "selfplay"
        and row.state == stages.DONE
        and row.result is not None
        and "decided" in row.result
    ]
    audited, false = (int(sum(one[key] for one in found)) for key in ("audited", "audited_false"))
    if not audited:
        return []
    rate, most = wilson_interval(false, audited), max(one["most_false"] for one in found)
    if rate.low <= most:
        return []
    line = (
        f"{false} of {audited} decided games that were searched to the end were not won by their seat "
        f"(95%: {rate.low:.1%} .. {rate.high:.1%}), at most {most:.0%} may "
        "(selfplay.decided_max_false): raise selfplay.decided_threshold or decided_after"
    )
    return [line]
