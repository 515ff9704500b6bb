"""How the commands of ``ringrift selfplay`` and ``ringrift data`` tell of decided games."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ringrift.data.decided import DecidedGames
    from ringrift.evaluation.stats import Interval


def false_rates(found: DecidedGames) -> tuple[Interval, Interval]:
    """Share of the audited games, and of those that were not searched on, whose decided seat did not win."""
    from ringrift.evaluation.stats import wilson_interval

    return (
        wilson_interval(found.audited_false, found.audited),
        wilson_interval(found.stopped_false, found.stopped),
    )


def decided_figures(found: DecidedGames) -> dict[str, Any]:
    """All figures, for JSON; a rate without games is null."""
    audited, stopped = false_rates(found)
    return {
        **found.as_dict(),
        "audited_false_rate": audited.as_dict() if found.audited else None,
        "stopped_false_rate": stopped.as_dict() if found.stopped else None,
    }


def decided_lines(found: DecidedGames, most_false: float | None = None) -> list[str]:
    """The same for a person, with a warning where more than `most_false` of the audited games are false beyond doubt."""
    if not found.decided:
        return []
    audited, stopped = false_rates(found)
    lines = [
        f"decided: {found.decided} of {found.games} games, {found.saving:.0%} of the simulations saved",
        _rate(f"{found.audited} searched to the end", found.audited, found.audited_false, audited),
        _rate(f"{found.stopped} played on unsearched", found.stopped, found.stopped_false, stopped),
    ]
    if most_false is not None and found.audited and audited.low > most_false:
        lines.append(
            f"warning: more than {most_false:.0%} of the decided games are not "
            "(selfplay.decided_max_false): raise selfplay.decided_threshold or decided_after"
        )
    return lines


def _rate(what: str, games: int, false: int, rate: Interval) -> str:
    if not games:
        return f"  {what}"
    return (
        f"  {what}: the seat did not win {false} "
        f"({rate.estimate:.1%}, 95%: {rate.low:.1%} .. {rate.high:.1%})"
    )
