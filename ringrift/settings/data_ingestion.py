"""Settings of taking shards in."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ringrift.settings.base import Section


class DataIngestionSettings(Section):
    """How new games are found and checked; keys in config/unified_loop.yaml."""

    poll_interval_seconds: Annotated[float, Field(ge=1, le=86400)]
    replayed_games_per_shard: Annotated[int, Field(ge=0, le=1000)]
    parity_games: Annotated[int, Field(ge=0, le=100000)]
    parity_moves: Annotated[int, Field(ge=1, le=1000000000)]
    parity_max_failing: Annotated[float, Field(ge=0, le=1)]
