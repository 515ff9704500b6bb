"""When a training is due: enough samples, enough of them new, and games that can be trusted.

=========  ==========================================  ===========================================
lacks      met when                                    settings of `training`
=========  ==========================================  ===========================================
samples    so many positions were made, ever           min_samples_to_trigger
quality    at most this part of the games is in        max_quarantined_fraction
           quarantine
freshness  this part of the replay window is new       min_new_fraction, stale_after_seconds
           since the last training, or that was long
           ago; the first training needs none
=========  ==========================================  ===========================================

Pure: figures in, a verdict with its reason out. The export stage asks at the end of each run's
selfplay and ends the run where nothing is due (its games stay); scheduling and status ask any time.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Final

from ringrift.data.window import WindowRule
from ringrift.settings.training import TrainingSettings
from ringrift.store.work import Supply

SAMPLES, QUALITY, FRESHNESS = "samples", "quality", "freshness"

#: What `have` and `need` count.
POSITIONS: Final = "positions"


@dataclass(frozen=True, slots=True)
class Trigger:
    """Whether a training is due."""

    due: bool
    #: samples, quality or freshness; None where it is due.
    lacks: str | None
    #: One sentence with figures.
    reason: str
    #: Of what it lacks, or of the samples: how much is there, and how much must be.
    have: int
    need: int
    unit: str
    #: Positions ever made that may be learned from, and those made since the last training.
    positions: int
    new: int
    #: Games in quarantine.
    quarantined: int

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def training_due(supply: Supply, rules: TrainingSettings, now: float) -> Trigger:
    """The verdict; `now` in seconds since 1970."""
    least = rules.min_samples_to_trigger
    if supply.positions < least:
        reason = (
            f"{supply.positions} of {least} positions to begin training "
            "(training.min_samples_to_trigger)"
        )
        return _verdict(supply, SAMPLES, reason, supply.positions, least)
    bad = supply.quarantined
    if bad > rules.max_quarantined_fraction * supply.games:
        reason = (
            f"{bad} of {supply.games} games are in quarantine, at most "
            f"{rules.max_quarantined_fraction:.0%} may be (training.max_quarantined_fraction)"
        )
        most = rules.max_quarantined_fraction
        enough = math.ceil(bad / most) - bad if most else supply.games
        return _verdict(supply, QUALITY, reason, supply.games - bad, enough, "sound games")
    if supply.trained_at is None:
        reason = f"{supply.positions} of {least} positions, none of them learned from yet"
        return _verdict(supply, None, reason, supply.positions, least)
    age = max(0.0, now - supply.trained_at)
    window = WindowRule(rules.window_rows, rules.window_exponent, rules.window_growth)
    least_new = max(1, math.ceil(rules.min_new_fraction * window.size(supply.positions)))
    if supply.new >= least_new:
        reason = f"{supply.new} new positions since the last training ({least_new} are enough)"
        return _verdict(supply, None, reason, supply.new, least_new)
    if supply.new and age >= rules.stale_after_seconds:
        reason = (
            f"the last training was {_ago(age)} ago (training.stale_after_seconds); "
            f"{supply.new} positions are new"
        )
        return _verdict(supply, None, reason, supply.new, 1)
    reason = (
        f"{supply.new} of {least_new} new positions since the last training, {_ago(age)} ago "
        "(training.min_new_fraction)"
    )
    return _verdict(supply, FRESHNESS, reason, supply.new, least_new)


def _verdict(
    supply: Supply, lacks: str | None, reason: str, have: int, need: int, unit: str = POSITIONS
) -> Trigger:
    return Trigger(
        due=lacks is None,
        lacks=lacks,
        reason=reason,
        have=have,
        need=need,
        unit=unit,
        positions=supply.positions,
        new=supply.new,
        quarantined=supply.quarantined,
    )


def _ago(seconds: float) -> str:
    """A length of time as a person says it."""
    for unit, size in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
