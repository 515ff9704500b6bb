"""How many games a shard holds: decided before it is played, never inside it.

A shard is one task. It must last long enough that the price of a task is nothing beside it, and hold
its batch so many times over that the thin batches of its last games are a small part; otherwise it
is as short as it can be, so that many workers share a run and little hangs on one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Final

from ringrift.configs import Config

#: Fillings of its slots that a shard holds at least. The last filling runs thin: an eighth of the
#: whole. On a large board one filling is half an hour of work, and three are what can be waited for.
FILLINGS_SMALL: Final = 8
FILLINGS_LARGE: Final = 3

#: By name: the pipeline plans without loading the rules.
SMALL_BOARDS: Final = ("square8", "hex8")

#: Part of a shard that may be missing for one shard more: with 64 slots 1000 games are two shards, of 62 slots each,
#: and not one that leaves the other core idle.
SLACK: Final = 0.05

#: Games of a shard at most: what the settings allow.
MOST_GAMES: Final = 100_000


def shard_games(
    config: Config,
    slots: int,
    least_seconds: float,
    games_per_second: float | None,
    least_fillings: int | None = None,
) -> int:
    """Games of a shard that lasts so long at this speed and holds enough fillings of its slots.

    games_per_second: as measured on finished shards of the same kind; None: nothing is known yet,
    and the fillings alone decide. least_fillings: None: those of `fillings`.
    """
    lasting = ceil(least_seconds * games_per_second) if games_per_second else 0
    least = fillings(config) if least_fillings is None else least_fillings
    return min(max(least * slots, lasting), MOST_GAMES)


def fillings(config: Config) -> int:
    """Fillings of its slots that a shard holds at least, unless somebody waits for its end."""
    return FILLINGS_SMALL if config.board in SMALL_BOARDS else FILLINGS_LARGE


def fitting_slots(config: Config, slots: int, sizes: Sequence[int]) -> int:
    """Slots that each of these shards fills so often; all of them where a single shard is too small for that."""
    return min(slots, min(sizes) // fillings(config)) if len(sizes) > 1 else slots


def even_sizes(games: int, size: int) -> list[int]:
    """So many games in shards of at least about `size` (one smaller shard if there are fewer), all alike.

    >>> even_sizes(1000, 300)
    [334, 333, 333]
    >>> even_sizes(1000, 512)
    [500, 500]
    """
    count = max(1, int(games / size + SLACK))
    each, more = divmod(games, count)
    return [each + 1] * more + [each] * (count - more)


def fixed_sizes(games: int, size: int) -> list[int]:
    """So many games in shards of `size`; the last takes the rest.

    >>> fixed_sizes(10, 4)
    [4, 4, 2]
    """
    full, rest = divmod(games, size)
    return [size] * full + ([rest] if rest else [])
