"""What the commands of ``ringrift selfplay`` share: plan, search, the way it is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ringrift.cli.stopping import Request
from ringrift.configs import Config
from ringrift.errors import BadInput, nearest

if TYPE_CHECKING:
    from ringrift.selfplay.pool import SelfplayParameters
    from ringrift.selfplay.shard import ShardProgress, ShardResult, ShardSpec
    from ringrift.settings import Settings

#: Agents that play selfplay.
ENGINES: Final = ("gumbel-mcts",)

#: Run of all shards made by hand: the same arguments give the same files.
RUN: Final = "by hand"


def check_engine(engine: str) -> None:
    """Refuse an agent that plays no selfplay."""
    if engine not in ENGINES:
        raise BadInput(f"engine {engine!r} plays no selfplay yet: {nearest(engine, ENGINES)}")


def shard_specs(
    settings: Settings,
    config: Config,
    sha256: str,
    *,
    games: int,
    simulations: int | None,
    seed: int,
    run: str = RUN,
    known: tuple[float | None, float] = (None, 0.0),
) -> list[ShardSpec]:
    """The shards that hold so many games, each with the search of the settings.

    known: rating and training progress of the model, which a temperature may depend on.
    """
    from ringrift.selfplay.shard import ShardSpec
    from ringrift.selfplay.size import even_sizes, fixed_sizes, shard_games

    rules = settings.selfplay
    # no speed is asked here: the same arguments give the same files
    size = rules.games_per_shard or shard_games(config, rules.slots, rules.shard_seconds, None)
    sizes = fixed_sizes(games, size) if rules.games_per_shard else even_sizes(games, size)
    search = search_of(settings, simulations, min(size, games))
    search = replace(search, elo=known[0], progress=known[1])
    return [
        ShardSpec(run, config, sha256, seed=seed, index=index, games=number, search=search)
        for index, number in enumerate(sizes)
    ]


def search_of(settings: Settings, simulations: int | None, games: int) -> SelfplayParameters:
    """The search of the settings, with another full budget where one is given."""
    from ringrift.selfplay.pool import SelfplayParameters

    play, search = settings.selfplay, settings.search
    full = play.simulations if simulations is None else simulations
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
        temperature_schedule=play.temperature_schedule,
        temperature_elo_low=play.temperature_elo_low,
        temperature_elo_high=play.temperature_elo_high,
        slots=min(play.slots, games),
    )


def play(
    plan: Sequence[ShardSpec],
    model: Path,
    folder: Path,
    every: float,
    request: Request,
    title: str = "selfplay",
) -> list[ShardResult]:
    """Play what of the shards is not there yet, one after the other; a request ends it by Interrupted."""
    from ringrift.selfplay.shard import found_shards, produce_shard

    made: list[ShardResult] = []
    there = found_shards(folder, plan)
    with progress_bar(title, sum(spec.games for spec in plan)) as told:
        for spec in plan:
            if spec.id in there:
                made.append(there[spec.id])
                continue

            def tell(at: ShardProgress) -> None:
                told(list(made), at)
                request.check()

            made.append(produce_shard(spec, model, folder, tell, checkpoint_seconds=every))
            request.check()
    return made


@contextmanager
def progress_bar(
    title: str, games: int | None
) -> Iterator[Callable[[list[ShardResult], ShardProgress], None]]:
    """A bar on stderr with games, rates, time left and endings; yields the function to tell it."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    bar = Progress(
        TextColumn(title),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[endings]}"),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=games, rate="", endings="")

        def told(made: list[ShardResult], at: ShardProgress) -> None:
            seconds = max(sum(result.seconds for result in made) + at.seconds, 1e-9)
            finished = sum(result.games for result in made) + at.games
            evaluations = sum(result.evaluations for result in made) + at.evaluations
            positions = sum(result.positions for result in made) + at.positions
            endings = Counter(at.victories)
            for result in made:
                endings.update(result.victories)
            plies = sum(result.plies for result in made) + at.plies
            rate = f"{finished / seconds:.1f} games/s  {positions / seconds:.0f} positions/s"
            if finished:
                rate += f"  {plies / finished:.0f} plies"
            else:  # a pool finishes its first games all at about the same time
                rate = f"{evaluations / seconds:,.0f} evaluations/s"
            bar.update(task, completed=finished, rate=rate, endings=endings_text(endings))

        yield told


def endings_text(endings: Counter[str]) -> str:
    """Each ending with its games, the most frequent first."""
    return "  ".join(f"{kind} {count}" for kind, count in endings.most_common())


def endings_of(made: Iterable[ShardResult]) -> Counter[str]:
    """Endings of all games."""
    endings: Counter[str] = Counter()
    for result in made:
        endings.update(result.victories)
    return endings
