"""How a config's settings become the search of its selfplay: one place for the loops and the commands."""

from __future__ import annotations

from typing import Final

from ringrift.selfplay.pool import SelfplayParameters
from ringrift.settings.search import SearchSettings
from ringrift.settings.selfplay import SelfplaySettings

#: The temperature schedule that depends on the network's rating, and the one that depends on how far its training is.
BY_ELO: Final = "elo"
BY_PROGRESS: Final = "curriculum"


def parameters_of(
    play: SelfplaySettings,
    search: SearchSettings,
    *,
    games: int,
    simulations: int | None = None,
    archive: bool = False,
    elo: float | None = None,
    progress: float = 0.0,
) -> SelfplayParameters:
    """The search of a shard of so many games.

    simulations: another full budget than the settings'. archive: there are stored games to begin in. elo, progress: of
    the network that plays; each is kept only where the schedule of the temperature depends on it, since whatever is
    kept decides the games.
    """
    full = play.simulations if simulations is None else simulations
    schedule = play.temperature_schedule
    return SelfplayParameters(
        simulations=full,
        fast_simulations=min(play.fast_simulations, full),
        full_search_fraction=play.full_search_fraction,
        max_considered=search.max_considered,
        c_visit=search.c_visit,
        c_scale=search.c_scale,
        rule=search.rule,
        tree_reuse=search.tree_reuse,
        temperature=play.temperature,
        temperature_final=play.temperature_final,
        temperature_decisions=play.temperature_decisions,
        temperature_schedule=schedule,
        temperature_elo_low=play.temperature_elo_low,
        temperature_elo_high=play.temperature_elo_high,
        elo=elo if schedule == BY_ELO else None,
        progress=progress if schedule == BY_PROGRESS else 0.0,
        slots=min(play.slots, games),
        archive_share=play.archive_share if archive else 0.0,
        opening_random_fraction=play.opening_random_fraction,
        opening_random_area=play.opening_random_area,
        opening_temperature=play.opening_temperature,
        decided_threshold=play.decided_threshold,
        decided_after=play.decided_after,
        decided_audit=play.decided_audit,
    )
