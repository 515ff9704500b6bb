"""``ringrift data``: what recorded games are like, whether they may be used, and datasets of them."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringrift.cli.options import Json, SettingsFile
from ringrift.cli.selfplay_decided import decided_figures, decided_lines
from ringrift.configs import Config
from ringrift.errors import BadInput, NegativeVerdict

if TYPE_CHECKING:
    from ringrift.data.statistics import GameStatistics, Spread

app = typer.Typer(help="Recorded games and datasets.", no_args_is_help=True)

Files = Annotated[
    list[Path], typer.Argument(metavar="FILE...", help="files of games, or folders of such files")
]


@app.command()
def stats(
    files: Files,
    sample: Annotated[int, typer.Option(help="games replayed for branching; 0: none", min=0)] = 50,
    *,
    json: Json = False,
) -> None:
    """Lengths, endings, wins by seat, branching and search figures, by config."""
    from ringrift.data.statistics import statistics
    from ringrift.rules.records import RecordReader

    games = (game for path in _files(files) for game in RecordReader(path))
    found = statistics(games, sample)
    if json:
        told = [{**one.as_dict(), "decided": decided_figures(one.decided)} for one in found]
        print(jsonlib.dumps(told))
        return
    if not found:
        raise NegativeVerdict("the files hold no games")
    for one in found:
        _show(one)


@app.command()
def check(
    files: Files,
    parity: Annotated[
        int, typer.Option(help="games of each file compared with the oracle; 0: none", min=0)
    ] = 4,
    *,
    json: Json = False,
) -> None:
    """Judge files as they are judged before anything learns from them; exit 1 if one must not be used.

    Content and name, the quality of the games, a sample replayed by the engine, and another one
    made again by the oracle beside it (the parity gate).
    """
    from ringrift.data.parity import compare_games
    from ringrift.data.sync import BadShard, check_shard, spread
    from ringrift.parity.shadow import reason

    rows: list[dict[str, Any]] = []
    for path in _files(files):
        try:
            report = check_shard(path)
        except BadShard as error:
            rows.append({"file": str(path), "good": False, "reason": str(error)})
            continue
        row: dict[str, Any] = {
            "file": str(path),
            "good": True,
            "config": str(report.config),
            "games": len(report.games),
            "positions": report.positions,
            "compared": 0,
        }
        for game, difference in compare_games(path, [g.id for g in spread(report.games, parity)]):
            row["compared"] += 1
            if difference is not None:
                said = f"{path}: game {game.id[:12]}, {reason(difference)}"
                row = {"file": str(path), "good": False, "reason": said}
                break
        rows.append(row)
    bad = [row for row in rows if not row["good"]]
    if json:
        print(jsonlib.dumps(rows))
    else:
        for row in rows:
            if row["good"]:
                print(
                    f"{row['file']}: good, {row['config']}, {row['games']} games, "
                    f"{row['positions']} positions, {row['compared']} games as the oracle has them"
                )
            else:
                print(row["reason"])
    if bad:
        raise NegativeVerdict(f"{len(bad)} of {len(rows)} files must not be used")


@app.command()
def export(
    files: Files,
    config: Annotated[str, typer.Option("--config", metavar="BOARD:PLAYERS")],
    out: Annotated[Path, typer.Option(help="folder of the dataset")] = Path(),
    seed: Annotated[int, typer.Option(help="decides which games are held out")] = 0,
    heldout: Annotated[
        float | None,
        typer.Option(help="share of games kept out of training; default: settings", min=0, max=1),
    ] = None,
    settings: SettingsFile = None,
    *,
    json: Json = False,
) -> None:
    """Make a dataset (NPZ) of recorded games."""
    from ringrift.data.export import export_dataset
    from ringrift.settings import Settings

    wanted = Config.parse(config)
    rules = Settings.load(settings).of(wanted).training
    share = rules.heldout_fraction if heldout is None else heldout
    made = export_dataset(_files(files), wanted, out, share, seed)
    if json:
        figures = {name: getattr(made, name) for name in made.__slots__}
        print(jsonlib.dumps({**figures, "path": str(made.path)}))
        return
    print(
        f"{made.path}: {made.rows:,} rows ({made.policy_rows:,} with a policy target) of "
        f"{made.games:,} games, {made.heldout_games:,} games held out"
    )


def _files(paths: list[Path]) -> list[Path]:
    """The files of games among files and folders."""
    from ringrift.rules.records import SUFFIX

    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(p for p in path.glob(f"*{SUFFIX}") if not p.name.startswith("."))
        elif path.is_file():
            found.append(path)
        else:
            raise BadInput(f"{path}: no such file or folder")
    if not found:
        raise BadInput(f"no files of games (*{SUFFIX}) in {', '.join(map(str, paths))}")
    return found


def _show(one: GameStatistics) -> None:
    """One config on one screen."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    repeated = f", {one.repeated} repeated" if one.repeated else ""
    console.print(f"[bold]{one.config}[/bold]: {one.games} games{repeated}, {one.swaps} swaps")
    lengths = Table(box=box.SIMPLE_HEAD)
    for column in ("per game", "mean", "10%", "median", "90%", "most"):
        lengths.add_column(column, justify="left" if column == "per game" else "right")
    for name in ("plies", "turns", "decisions"):
        spread: Spread = getattr(one, name)
        values = (spread.mean, spread.low, spread.median, spread.high, spread.most)
        lengths.add_row("moves" if name == "plies" else name, *(f"{v:.0f}" for v in values))
    console.print(lengths)
    wins = ", ".join(
        f"seat {seat}: {won / one.games:.1%}" for seat, won in enumerate(one.seat_wins, 1)
    )
    console.print(f"wins by {wins}")
    ends = (f"{kind} {count / one.games:.1%}" for kind, count in one.victories.items())
    console.print("endings: " + ", ".join(ends))
    if one.target_entropy is not None:
        console.print(
            f"{one.targets:,} policy targets, mean entropy {one.target_entropy:.2f} nats "
            f"(as {2.718281828**one.target_entropy:.1f} equal moves)"
        )
    if one.value_error is not None:
        console.print(f"squared error of the winner's root value: {one.value_error:.3f}")
    for count, what in ((one.archived, "began in stored games"), (one.drawn, "opened by draws")):
        if count:
            console.print(f"{count} games {what}")
    for line in decided_lines(one.decided):
        console.print(line)
    if one.branching:
        table = Table(box=box.SIMPLE_HEAD)
        for column in ("phase", "positions", "forced", "mean choice", "most"):
            table.add_column(column, justify="left" if column == "phase" else "right")
        for phase, b in one.branching.items():
            table.add_row(phase, str(b.positions), f"{b.forced:.0%}", f"{b.mean:.1f}", str(b.most))
        console.print(table)
