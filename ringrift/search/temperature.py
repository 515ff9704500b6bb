"""How much a choice of selfplay is left to chance, from the first decision of a game to the last.

A temperature scales the Gumbel variables at the root of a search: at 1 the choice is a draw from the improved policy
(Danihelka et al. 2022, §2), at 0 it is the best action found. Early in a game variety is wanted, late in it strength.

    >>> create_scheduler("linear", initial=1.0, final=0.0, decisions=4).table(6).tolist()
    [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    >>> create_scheduler("step", initial=1.0, final=0.2, decisions=2).temperature(2)
    0.2

A scheduler is a value: it knows no clock and no chance, and what else it depends on is an argument.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, inf, isnan, pi
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ringrift.errors import BadInput, nearest

#: Highest temperature: beyond it a choice is as good as uniform.
MOST: Final = 10.0


@dataclass(frozen=True, slots=True)
class TemperatureScheduler:
    """Temperature by the number of decisions made so far in a game.

    ============= ================================================== ======= =========================================
    field         meaning                                            default published
    ============= ================================================== ======= =========================================
    kind          one of KINDS                                       step    step (AlphaGo Zero), exponential (KataGo)
    initial       temperature of the first decision                  1       1 (AlphaZero), 0.75 (KataGo)
    final         temperature in the end                             0.2     0 (AlphaGo Zero), 0.15 (KataGo)
    decisions     decisions until the end is reached (half-life of   40      30 moves (AlphaGo Zero), half-life of
                  exponential)                                               one board width (KataGo)
    elo_low       elo: at this rating and below, all is as in step   0       --
    elo_high      elo: at this rating and above, `final` from the    1500    --
                  first decision on
    ============= ================================================== ======= =========================================

    With n decisions made, and x = min(n / decisions, 1):

    constant      initial
    linear        initial + (final - initial) · x
    exponential   final + (initial - final) · 2^(-n / decisions)
    step          initial while n < decisions, then final
    cosine        final + (initial - final) · (1 + cos πx) / 2
    elo           step, whose first part falls from initial to final as the player's rating rises from elo_low to elo_high
    curriculum    step, whose first part falls from initial to final as the progress of training goes from 0 to 1
    entropy       final + (initial - final) · h, h the entropy of the root's prior over that of equal chances: where
                  one move stands out it is played, where many are as good they vary

    Every temperature lies between initial and final.
    """

    kind: str = "step"
    initial: float = 1.0
    final: float = 0.2
    decisions: int = 40
    elo_low: float = 0.0
    elo_high: float = 1500.0

    def __post_init__(self) -> None:
        """Refuse what is no schedule."""
        if self.kind not in KINDS:
            raise BadInput(
                f"unknown temperature schedule {self.kind!r}: {nearest(self.kind, KINDS)}"
            )
        for name, value in (("initial", self.initial), ("final", self.final)):
            if not 0 <= value <= MOST:
                raise BadInput(f"{name} temperature is {value}: expected 0 to {MOST:.0f}")
        if self.decisions < 0:
            raise BadInput(f"decisions is {self.decisions}: expected 0 or more")
        if not -inf < self.elo_low < self.elo_high < inf:
            raise BadInput(
                f"elo_low is {self.elo_low}: expected less than elo_high ({self.elo_high})"
            )

    def temperature(
        self,
        decision: int,
        *,
        elo: float | None = None,
        progress: float | None = None,
        entropy: float | None = None,
    ) -> float:
        """Temperature after ``decision`` decisions of a game.

        elo: rating of the player; None counts as elo_low. progress: part of the training done, 0 .. 1; None counts as
        0. entropy: of the root's prior over that of equal chances, 0 .. 1; None counts as 1. Raises BadInput for a
        negative decision and for what is no number.
        """
        if decision < 0:
            raise BadInput(f"decision is {decision}: expected 0 or more")
        point = Point(
            decision,
            self.elo_low if elo is None else elo,
            0.0 if progress is None else progress,
            1.0 if entropy is None else entropy,
        )
        if isnan(point.elo) or isnan(point.progress) or isnan(point.entropy):
            raise BadInput(
                f"elo is {elo}, progress {progress}, entropy {entropy}: expected numbers"
            )
        weight = min(max(_WEIGHTS[self.kind](self, point), 0.0), 1.0)
        if weight in (0.0, 1.0):  # exactly, whatever the arithmetic says
            return self.initial if weight else self.final
        return self.final + (self.initial - self.final) * weight

    def table(
        self, decisions: int, *, elo: float | None = None, progress: float | None = None
    ) -> NDArray[np.float64]:
        """Temperatures of decisions 0 .. decisions - 1, float64[decisions]; those of `entropy` at h = 1."""
        made = [self.temperature(n, elo=elo, progress=progress) for n in range(decisions)]
        return np.array(made, np.float64)

    @property
    def adaptive(self) -> bool:
        """Whether the temperature depends on the position that is searched."""
        return self.kind == "entropy"


@dataclass(frozen=True, slots=True)
class Point:
    """Where a temperature is asked for."""

    decision: int
    elo: float
    progress: float
    entropy: float


def create_scheduler(
    kind: str = "step",
    *,
    initial: float = 1.0,
    final: float = 0.2,
    decisions: int = 40,
    elo_low: float = 0.0,
    elo_high: float = 1500.0,
) -> TemperatureScheduler:
    """The scheduler of a kind; see `TemperatureScheduler`. Raises BadInput for what is no schedule."""
    return TemperatureScheduler(kind, initial, final, decisions, elo_low, elo_high)


def _passed(scheduler: TemperatureScheduler, at: Point) -> float:
    """x: part of the decisions that are made, 0 .. 1."""
    return 1.0 if at.decision >= scheduler.decisions else at.decision / scheduler.decisions


def _constant(_scheduler: TemperatureScheduler, _at: Point) -> float:
    return 1.0


def _linear(scheduler: TemperatureScheduler, at: Point) -> float:
    return 1.0 - _passed(scheduler, at)


def _exponential(scheduler: TemperatureScheduler, at: Point) -> float:
    return 2.0 ** (-at.decision / scheduler.decisions) if scheduler.decisions else 0.0


def _step(scheduler: TemperatureScheduler, at: Point) -> float:
    return float(at.decision < scheduler.decisions)


def _cosine(scheduler: TemperatureScheduler, at: Point) -> float:
    return (1.0 + cos(pi * _passed(scheduler, at))) / 2.0


def _elo(scheduler: TemperatureScheduler, at: Point) -> float:
    risen = (at.elo - scheduler.elo_low) / (scheduler.elo_high - scheduler.elo_low)
    return _step(scheduler, at) * (1.0 - min(max(risen, 0.0), 1.0))


def _curriculum(scheduler: TemperatureScheduler, at: Point) -> float:
    return _step(scheduler, at) * (1.0 - min(max(at.progress, 0.0), 1.0))


def _entropy(_scheduler: TemperatureScheduler, at: Point) -> float:
    return at.entropy


#: Weight of the initial temperature against the final one, 0 .. 1.
_WEIGHTS: Final[dict[str, Callable[[TemperatureScheduler, Point], float]]] = {
    "constant": _constant,
    "linear": _linear,
    "exponential": _exponential,
    "step": _step,
    "cosine": _cosine,
    "elo": _elo,
    "curriculum": _curriculum,
    "entropy": _entropy,
}

#: Kinds of schedules.
KINDS: Final = tuple(_WEIGHTS)
