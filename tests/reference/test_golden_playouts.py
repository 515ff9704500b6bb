"""The golden playouts of rules §19.3, played by the reference."""

import pytest

from ringrift.reference import ReferenceGame
from tests.docs.test_golden_playouts import ROWS, options, play


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name}-{row.players}-{row.seed}")
def test_playout(row):
    """Played by the recipe, each game has the legal moves, the ending and the counts of its row."""
    config, detect = options(row)
    assert play(row, ReferenceGame.new(config, pie=False, line_detect=detect)) == row
