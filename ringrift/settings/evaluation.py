"""Settings of evaluation and promotion."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from ringrift.settings.base import Section


class EvaluationSettings(Section):
    """How models are compared and what promotion asks; keys in config/unified_loop.yaml."""

    shadow_interval_seconds: Annotated[float, Field(ge=10, le=604800)]
    full_tournament_interval_seconds: Annotated[float, Field(ge=60, le=2592000)]
    simulations: Annotated[int, Field(ge=2, le=4096)]
    opening_decisions: Annotated[int, Field(ge=0, le=100)]
    games_per_task: Annotated[int, Field(ge=2, le=10_000)]
    min_games: Annotated[int, Field(ge=2, le=100_000)]
    max_games: Annotated[int, Field(ge=2, le=100_000)]
    policy_lower_bound: Annotated[float, Field(ge=0, lt=1)]
    random_lower_bound: Annotated[float, Field(ge=0, lt=1)]
    start_lower_bound: Annotated[float, Field(ge=0, lt=1)]
    sprt_elo0: Annotated[float, Field(ge=-400, le=400)]
    sprt_elo1: Annotated[float, Field(ge=-400, le=400)]
    sprt_alpha: Annotated[float, Field(gt=0, lt=0.5)]
    sprt_beta: Annotated[float, Field(gt=0, lt=0.5)]
    rollback_min_games: Annotated[int, Field(ge=0, le=1_000_000)]

    @model_validator(mode="after")
    def _bounds_are_ordered(self) -> Self:
        if self.min_games > self.max_games:
            raise ValueError(
                f"min_games: expected at most max_games ({self.max_games}), not {self.min_games}"
            )
        if self.sprt_elo0 >= self.sprt_elo1:
            raise ValueError(
                f"sprt_elo0: expected less than sprt_elo1 ({self.sprt_elo1}), not {self.sprt_elo0}"
            )
        return self
