"""Settings of the networks: one size for each board."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ringrift.configs import BOARD_NAMES
from ringrift.errors import BadInput, nearest
from ringrift.settings.base import Section


class TowerSettings(Section):
    """The residual tower of one board."""

    channels: Annotated[int, Field(ge=8, le=1024)]
    blocks: Annotated[int, Field(ge=1, le=80)]


class NetworkSettings(Section):
    """Sizes of the networks; keys in config/unified_loop.yaml."""

    square8: TowerSettings
    square19: TowerSettings
    hex8: TowerSettings
    hexagonal: TowerSettings

    def tower(self, board: str) -> TowerSettings:
        """Return the tower of a board. Raises BadInput for an unknown one."""
        if board not in BOARD_NAMES:
            raise BadInput(f"unknown board {board!r}: {nearest(board, BOARD_NAMES)}")
        tower: TowerSettings = getattr(self, board)
        return tower
