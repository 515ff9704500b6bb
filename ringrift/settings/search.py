"""Settings of the search that selfplay and evaluation share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ringrift.settings.base import Section


class SearchSettings(Section):
    """Search with a network; keys in config/unified_loop.yaml."""

    rule: Literal["gumbel", "puct"]
    tree_reuse: bool
    c_visit: Annotated[float, Field(ge=0, le=1000)]
    c_scale: Annotated[float, Field(gt=0, le=100)]
    max_considered: Annotated[int, Field(ge=2, le=256)]
