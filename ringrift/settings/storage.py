"""Settings of the state directory."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ringrift.settings.base import Section


class StorageSettings(Section):
    """How much room the state directory needs; keys in config/unified_loop.yaml."""

    min_free_mib: Annotated[int, Field(ge=0, le=1_000_000)]
