"""Settings of the loops: which configs, how often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, field_validator

from ringrift.configs import Config
from ringrift.settings.base import Section
from ringrift.settings.profiles import Profile


class LoopSettings(Section):
    """What the loops work on; keys in config/unified_loop.yaml."""

    configs: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    max_iterations: Annotated[int, Field(ge=0, le=1_000_000)]
    profile: Profile

    @field_validator("configs")
    @classmethod
    def _configs_exist(cls, value: Sequence[str]) -> tuple[str, ...]:
        return tuple(str(Config.parse(text)) for text in value)

    def parsed(self) -> tuple[Config, ...]:
        """Return the configs as records."""
        return tuple(Config.parse(text) for text in self.configs)
