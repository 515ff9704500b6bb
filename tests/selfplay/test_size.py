"""How large shards are."""

import pytest

from ringrift.configs import Config
from ringrift.selfplay.size import (
    MOST_GAMES,
    SLACK,
    even_sizes,
    fitting_slots,
    fixed_sizes,
    shard_games,
)


@pytest.mark.parametrize(
    ("config", "speed", "games"),
    [
        ("hex8:2", None, 512),  # nothing measured: 8 fillings of 64 slots
        ("hex8:2", 0.5, 512),
        ("hex8:2", 25.6, 512),
        ("hex8:2", 100.0, 2000),  # 20 s at that speed
        ("square8:4", 60.3, 1206),
        ("hexagonal:2", 0.036, 192),  # 3 fillings: an hour and a half of work
        ("square19:3", None, 192),
        ("square19:3", 50.0, 1000),
        ("hex8:2", 1e9, MOST_GAMES),
    ],
)
def test_size_follows_the_speed(config, speed, games):
    """A shard lasts 20 s at the measured speed and holds 8 fillings, on a large board 3."""
    assert shard_games(Config.parse(config), 64, 20.0, speed) == games


@pytest.mark.parametrize("games", [1, 5, 299, 300, 301, 599, 600, 1000, 4999])
def test_shards_of_a_run_are_alike(games):
    """No game is lost, no shard is much smaller than asked unless it is the only one, none differs by more than a game."""
    sizes = even_sizes(games, 300)
    assert sum(sizes) == games
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= 300 * (1 - SLACK) or len(sizes) == 1
    assert max(sizes) < 600


def test_two_cores_share_an_iteration():
    """1000 games are two shards, and each fills the slots that it has 8 times; a single small shard keeps its slots."""
    hexagonal, hex8 = Config("hexagonal", 2), Config("hex8", 2)
    assert even_sizes(1000, shard_games(hex8, 64, 20.0, 1.0)) == [500, 500]
    assert fitting_slots(hex8, 64, [500, 500]) == 62
    assert fitting_slots(hex8, 64, [600, 512]) == 64
    assert fitting_slots(hex8, 64, [100]) == 64
    assert fitting_slots(hexagonal, 64, [190, 189]) == 63


def test_a_fixed_size_is_kept():
    """With a number in the settings all shards have it, and the last the rest."""
    assert fixed_sizes(10, 4) == [4, 4, 2]
    assert fixed_sizes(8, 4) == [4, 4]
    assert fixed_sizes(3, 4) == [3]
