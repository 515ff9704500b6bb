"""``ringrift selfplay``: games of one model against itself, as shards."""

from __future__ import annotations

import json as jsonlib
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ringrift.cli.lookup import find_model
from ringrift.cli.options import Json, SettingsFile
from ringrift.configs import Config
from ringrift.errors import BadInput, Interrupted, nearest

if TYPE_CHECKING:
    from ringrift.selfplay.pool import SelfplayParameters
    from ringrift.selfplay.shard import ShardProgress, ShardResult, ShardSpec
    from ringrift.settings import Settings

app = typer.Typer(help="Games of one model against itself.", no_args_is_help=True)

#: Agents that play selfplay.
ENGINES: Final = ("gumbel-mcts",)

#: Run of all shards made by hand: the same arguments give the same files.
RUN: Final = "by hand"


@app.callback()
def _group() -> None:
    """Games of one model against itself."""


@app.command()
def run(
    config: Annotated[
        str, typer.Option("--config", metavar="BOARD:PLAYERS", help="such as hex8:2")
    ],
    games: Annotated[int, typer.Option(help="games, all played to their end", min=1)] = 100,
    model: Annotated[
        str,
        typer.Option(metavar="MODEL", help="champion, initial, newest, a sha256 or a file"),
    ] = "champion",
    engine: Annotated[str, typer.Option(help="who plays; gumbel-mcts so far")] = "gumbel-mcts",
    simulations: Annotated[
        int | None, typer.Option(help="full search budget; default: settings", min=2)
    ] = None,
    elo: Annotated[
        float | None,
        typer.Option(help="rating of the model, for temperature_schedule elo"),
    ] = None,
    progress: Annotated[
        float,
        typer.Option(
            help="part of its training that is done, for temperature_schedule curriculum",
            min=0.0,
            max=1.0,
        ),
    ] = 0.0,
    seed: Annotated[
        int | None, typer.Option(help="decides every game; default: a fresh one, printed", min=0)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="folder of the shards; default: games/ in the state directory"),
    ] = None,
    settings: SettingsFile = None,
    *,
    json: Json = False,
) -> None:
    """Play games on one core and write them as shards, for people and experiments.

    The ledger does not see these games, and nothing learns from them by itself. Ctrl-C keeps the
    shards that are whole and leaves nothing half-written.
    """
    from ringrift.settings import Settings, home

    wanted = Config.parse(config)
    if engine not in ENGINES:
        raise BadInput(f"engine {engine!r} plays no selfplay yet: {nearest(engine, ENGINES)}")
    found = Settings.load(settings)
    sha256, path = find_model(wanted, model)
    folder = home() / "games" if out is None else out.expanduser()
    plan = shard_specs(
        found,
        wanted,
        sha256,
        games=games,
        simulations=simulations,
        known=(elo, progress),
        seed=secrets.randbits(31) if seed is None else seed,
    )
    made = play(plan, path, folder)
    if json:
        print(jsonlib.dumps(as_dict(plan, made)))
    else:
        show(model, plan, made)


def shard_specs(
    settings: Settings,
    config: Config,
    sha256: str,
    *,
    games: int,
    simulations: int | None,
    seed: int,
    known: tuple[float | None, float] = (None, 0.0),
) -> list[ShardSpec]:
    """The shards that hold so many games, each with the search of the settings.

    known: rating and training progress of the model, which a temperature may depend on.
    """
    from ringrift.selfplay.shard import ShardSpec

    size = settings.selfplay.games_per_shard
    sizes = [min(size, games - first) for first in range(0, games, size)]
    search = search_of(settings, simulations, min(size, games))
    search = replace(search, elo=known[0], progress=known[1])
    return [
        ShardSpec(RUN, config, sha256, seed=seed, index=index, games=number, search=search)
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


def play(plan: Sequence[ShardSpec], model: Path, folder: Path) -> list[ShardResult]:
    """Play the shards one after the other; raises Interrupted at Ctrl-C, saying what is kept."""
    from ringrift.selfplay.shard import produce_shard

    made: list[ShardResult] = []
    try:
        with _progress(sum(spec.games for spec in plan)) as told:
            for spec in plan:
                made.append(produce_shard(spec, model, folder, lambda at: told(list(made), at)))
    except (KeyboardInterrupt, Interrupted):
        # a shard may have got its name just before: the folder knows, `made` may not
        raise Interrupted(f"interrupted: the shards that are whole are in {folder}") from None
    return made


@contextmanager
def _progress(games: int) -> Iterator[Callable[[list[ShardResult], ShardProgress], None]]:
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
        TextColumn("selfplay"),
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
            rate = f"{finished / seconds:.1f} games/s  {positions / seconds:.0f} positions/s"
            if not finished:  # a pool finishes its first games all at about the same time
                rate = f"{evaluations / seconds:,.0f} evaluations/s"
            bar.update(task, completed=finished, rate=rate, endings=_endings(endings))

        yield told


def _endings(endings: Counter[str]) -> str:
    return "  ".join(f"{kind} {count}" for kind, count in endings.most_common())


def as_dict(plan: Sequence[ShardSpec], made: Sequence[ShardResult]) -> dict[str, object]:
    """All figures, for JSON."""
    endings: Counter[str] = Counter()
    for result in made:
        endings.update(result.victories)
    return {
        "config": str(plan[0].config),
        "model": plan[0].model_sha256,
        "seed": plan[0].seed,
        "simulations": plan[0].search.simulations,
        "games": sum(result.games for result in made),
        "positions": sum(result.positions for result in made),
        "moves": sum(result.plies for result in made),
        "evaluations": sum(result.evaluations for result in made),
        "seconds": sum(result.seconds for result in made),
        "victories": dict(endings),
        "backend": made[0].backend.to_dict(),
        "shards": [str(result.path) for result in made],
    }


def show(model: str, plan: Sequence[ShardSpec], made: Sequence[ShardResult]) -> None:
    """A table of the shards, and what was in them."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    spec = plan[0]
    table = Table(box=box.SIMPLE_HEAD)
    for number, column in enumerate(("shard", "games", "positions", "moves", "s", "games/s")):
        table.add_column(column, justify="right" if number else "left")
    for result in made:
        table.add_row(result.sha256[:12], *_figures([result]))
    table.add_row("all", *_figures(made), style="bold")
    endings: Counter[str] = Counter()
    for result in made:
        endings.update(result.victories)
    evaluations = sum(result.evaluations for result in made)
    seconds = max(sum(result.seconds for result in made), 1e-9)
    console = Console(highlight=False)
    console.print(
        f"[bold]{model}[/bold] (gumbel-mcts:{spec.model_sha256[:12]}:s{spec.search.simulations}, "
        f"fast {spec.search.fast_simulations}) on {spec.config}, seed {spec.seed}"
    )
    console.print(table)
    console.print(f"endings: {_endings(endings)}")
    console.print(f"{evaluations / seconds:,.0f} evaluations/s by {made[0].backend}")
    console.print(f"shards in {made[0].path.parent}", soft_wrap=True)


def _figures(made: Sequence[ShardResult]) -> tuple[str, ...]:
    games = sum(result.games for result in made)
    seconds = sum(result.seconds for result in made)
    return (
        str(games),
        str(sum(result.positions for result in made)),
        str(sum(result.plies for result in made)),
        f"{seconds:.1f}",
        f"{games / max(seconds, 1e-9):.1f}",
    )
