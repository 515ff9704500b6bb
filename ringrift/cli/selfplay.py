"""``ringrift selfplay``: games of one model against itself, or of any agents, as shards."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ringrift.cli.options import ConfigName, Json, Model, Seed, SettingsFile
from ringrift.cli.selfplay_canonical import canonical
from ringrift.cli.selfplay_common import (
    MOST_GAMES,
    Archive,
    Backend,
    Engine,
    Lanes,
    Rotate,
    Simulations,
    decided_of,
    endings_of,
    endings_text,
    order,
    who_plays,
)
from ringrift.cli.selfplay_decided import decided_figures, decided_lines
from ringrift.cli.selfplay_soak import soak
from ringrift.cli.stopping import on_request

if TYPE_CHECKING:
    from ringrift.selfplay.shard import ShardResult, ShardSpec

app = typer.Typer(help="Games of one model against itself, or of any agents.", no_args_is_help=True)

app.command()(soak)
app.command()(canonical)


@app.callback()
def _group() -> None:
    """Games of one model against itself, or of any agents."""


@app.command()
def run(
    config: ConfigName,
    games: Annotated[
        int, typer.Option(help="games, all played to their end", min=1, max=MOST_GAMES)
    ] = 100,
    model: Model = "champion",
    engine: Engine = "gumbel-mcts",
    rotate: Rotate = False,
    simulations: Simulations = None,
    lanes: Lanes = None,
    backend: Backend = None,
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
    seed: Seed = None,
    archive: Archive = None,
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
    shards that are whole and a checkpoint of the one in hand: the same command with the same seed
    goes on from there, and ends with the files that it would have written at once.
    """
    from ringrift.settings import home

    found = order(
        "by hand",
        config,
        model,
        engine,
        settings,
        games=games,
        simulations=simulations,
        seed=seed,
        known=(elo, progress),
        rotate=rotate,
        lanes=lanes,
        backend=backend,
        archive=archive,
    )
    folder = home() / "games" if out is None else out.expanduser()
    with on_request(f"the shards that are whole are in {folder}; {found.again}") as request:
        made = found.play(folder, request, "selfplay")
    if json:
        print(jsonlib.dumps(as_dict(found.specs, made)))
    else:
        show(model, found.specs, made, found.most_false)


def as_dict(plan: Sequence[ShardSpec], made: Sequence[ShardResult]) -> dict[str, object]:
    """All figures, for JSON."""
    endings = endings_of(made)
    return {
        "config": str(plan[0].config),
        "model": plan[0].model_sha256,
        "engines": [agent.identity for agent in plan[0].seatings[0]],
        "rotate": plan[0].rotate,
        "reproducible": not plan[0].timed,
        "seed": plan[0].seed,
        "simulations": plan[0].search.simulations,
        "games": sum(result.games for result in made),
        "positions": sum(result.positions for result in made),
        "moves": sum(result.plies for result in made),
        "evaluations": sum(result.evaluations for result in made),
        "seconds": sum(result.seconds for result in made),
        "victories": dict(endings),
        "archived": sum(result.archived for result in made),
        "decided": decided_figures(decided_of(made)),
        "backend": None if made[0].backend is None else made[0].backend.to_dict(),
        "lanes": made[0].lanes,
        "shards": [str(result.path) for result in made],
    }


def show(
    model: str,
    plan: Sequence[ShardSpec],
    made: Sequence[ShardResult],
    most_false: float | None = None,
) -> None:
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
    endings = endings_of(made)
    evaluations = sum(result.evaluations for result in made)
    seconds = sum(result.seconds for result in made)
    console = Console(highlight=False)
    who = who_plays(spec)
    if not spec.engines:
        who += f", fast {spec.search.fast_simulations}"
    title = who if spec.model_sha256 is None else f"[bold]{model}[/bold] ({who})"
    console.print(f"{title} on {spec.config}, seed {spec.seed}", soft_wrap=True)
    if spec.timed:
        console.print("an engine has a time: the same seed does not give the same games")
    console.print(table)
    console.print(f"endings: {endings_text(endings)}")
    if plan[0].archive:
        began = sum(result.archived for result in made)
        console.print(f"{began} games began in {len(plan[0].archive)} stored shards")
    for line in decided_lines(decided_of(made), most_false):
        console.print(line)
    lanes = f", {made[0].lanes} lanes" if made[0].lanes > 1 else ""
    if not seconds:
        console.print("nothing was played: all of them were there already")
    elif made[0].backend is not None:
        console.print(f"{evaluations / seconds:,.0f} evaluations/s by {made[0].backend}{lanes}")
    console.print(f"shards in {made[0].path.parent}", soft_wrap=True)


def _figures(made: Sequence[ShardResult]) -> tuple[str, ...]:
    """Cells of the table; shards that were there already have no time, and no part in the rate."""
    seconds = sum(result.seconds for result in made)
    played = sum(result.games for result in made if result.seconds)
    return (
        str(sum(result.games for result in made)),
        str(sum(result.positions for result in made)),
        str(sum(result.plies for result in made)),
        f"{seconds:.1f}" if played else "-",
        f"{played / seconds:.1f}" if played else "-",
    )
