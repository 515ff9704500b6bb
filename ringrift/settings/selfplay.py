"""Settings of selfplay."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ringrift.settings.base import Section

#: The kinds of ringrift/search/temperature.py, which lies above the settings.
TemperatureSchedule = Literal[
    "step", "constant", "linear", "exponential", "cosine", "elo", "curriculum", "entropy"
]


class SelfplaySettings(Section):
    """How games are made; keys in config/unified_loop.yaml."""

    games_per_iteration: Annotated[int, Field(ge=1, le=1_000_000)]
    first_games: Annotated[int, Field(ge=1, le=1_000_000)]
    games_per_shard: Annotated[int, Field(ge=0, le=100_000)]
    shard_seconds: Annotated[float, Field(ge=1, le=86_400)]
    checkpoint_seconds: Annotated[float, Field(ge=1, le=86_400)]
    slots: Annotated[int, Field(ge=1, le=4096)]
    lanes: Annotated[int, Field(ge=0, le=64)]
    backend: Literal["auto", "torch", "openvino", "onnx"]
    simulations: Annotated[int, Field(ge=2, le=4096)]
    fast_simulations: Annotated[int, Field(ge=1, le=4096)]
    full_search_fraction: Annotated[float, Field(gt=0, le=1)]
    temperature: Annotated[float, Field(ge=0, le=10)]
    temperature_final: Annotated[float, Field(ge=0, le=10)]
    temperature_decisions: Annotated[int, Field(ge=0, le=10_000)]
    temperature_schedule: TemperatureSchedule
    temperature_elo_low: Annotated[float, Field(ge=-10_000, le=10_000)]
    temperature_elo_high: Annotated[float, Field(ge=-10_000, le=10_000)]
    curriculum_iterations: Annotated[int, Field(ge=1, le=1_000_000)]
    archive_share: Annotated[float, Field(ge=0, le=1)]
    archive_shards: Annotated[int, Field(ge=0, le=64)]
    opening_random_fraction: Annotated[float, Field(ge=0, le=1)]
    opening_random_area: Annotated[float, Field(ge=0, le=1)]
    opening_temperature: Annotated[float, Field(ge=0, le=10)]
    decided_threshold: Annotated[float, Field(ge=0, le=1)]
    decided_after: Annotated[int, Field(ge=1, le=10_000)]
    decided_audit: Annotated[float, Field(ge=0, le=1)]
    decided_max_false: Annotated[float, Field(ge=0, le=1)]

    @model_validator(mode="after")
    def _bounds_are_ordered(self) -> Self:
        if self.fast_simulations > self.simulations:
            raise ValueError(
                f"fast_simulations: expected at most simulations ({self.simulations}), "
                f"not {self.fast_simulations}"
            )
        if self.temperature_elo_low >= self.temperature_elo_high:
            raise ValueError(
                f"temperature_elo_low: expected less than temperature_elo_high "
                f"({self.temperature_elo_high}), not {self.temperature_elo_low}"
            )
        if 0 < self.decided_threshold <= 0.5:
            raise ValueError(
                f"decided_threshold: expected 0 (off) or above 0.5, not {self.decided_threshold}"
            )
        if self.decided_threshold and not self.decided_audit:
            raise ValueError(
                "decided_audit: expected above 0 where decided_threshold is, or nobody would see "
                "how often a decided game is not"
            )
        return self
