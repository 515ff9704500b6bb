"""Settings of the loops: which configs, how often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field, field_validator

from ringrift.configs import Config, each_once
from ringrift.settings.base import Section
from ringrift.settings.profiles import Profile


class LoopSettings(Section):
    """What the loops work on; keys in config/unified_loop.yaml."""

    configs: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    max_iterations: Annotated[int, Field(ge=0, le=1_000_000)]
    iteration_cooldown_seconds: Annotated[float, Field(ge=0, le=86400)]
    profile: Profile
    weights: dict[str, Annotated[float, Field(ge=0.001, le=1000)]]
    share_window_seconds: Annotated[float, Field(ge=60, le=2_592_000)]
    queue_seconds: Annotated[float, Field(ge=1, le=86400)]

    @field_validator("configs")
    @classmethod
    def _configs_exist(cls, value: Sequence[str]) -> tuple[str, ...]:
        return tuple(each_once(value))

    @field_validator("weights")
    @classmethod
    def _weighed_configs_exist(cls, value: Mapping[str, float]) -> dict[str, float]:
        return dict(zip(each_once(value), value.values(), strict=True))

    def parsed(self) -> tuple[Config, ...]:
        """Return the configs as records."""
        return tuple(Config.parse(text) for text in self.configs)
