"""`ringrift parity`: compare this engine with recorded games and with the reference."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from ringrift.cli.parity_check import check
from ringrift.cli.parity_perft import perft
from ringrift.errors import NegativeVerdict

app = typer.Typer(
    help="Compare this engine with recorded games and with the reference.", no_args_is_help=True
)


app.command()(check)
app.command()(perft)


@app.callback()
def _group() -> None:
    """Compare this engine with recorded games and with the reference."""


@app.command()
def gate(
    files: Annotated[list[Path], typer.Argument(help="Trace files (docs/traces.md), *.jsonl.gz.")],
    jobs: Annotated[int, typer.Option(help="Processes; 0: one per core.", min=0)] = 0,
    show: Annotated[int, typer.Option(help="Differences drawn per file.", min=0)] = 3,
) -> None:
    """Replay recorded games; compare every legal set, state and ending.

    Exit 0 without a difference, 1 with one, 2 where a file is truncated or malformed.
    """
    from ringrift.parity.gate import FileReport, check_files

    start = time.perf_counter()

    def report(done: FileReport) -> None:
        for difference in done.differences[:show]:
            typer.echo(difference.report())
        hidden = len(done.differences) - show
        if hidden > 0 and show:
            typer.echo(f"{done.file}: {hidden} more differences\n")
        rate = done.moves / max(done.seconds, 1e-9)
        notes = f", {done.rank_differences} with other ranks" if done.rank_differences else ""
        typer.echo(
            f"{done.file}: {done.games} games, {done.moves} moves, "
            f"{len(done.differences)} differences, {rate:,.0f} moves/s{notes}"
        )

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    reports = check_files(files, jobs or cores or 1, report)
    seconds = time.perf_counter() - start
    games = sum(done.games for done in reports)
    moves = sum(done.moves for done in reports)
    differences = sum(len(done.differences) for done in reports)
    typer.echo(
        f"{len(reports)} files: {games} games, {moves} moves, {differences} differences, "
        f"{moves / max(seconds, 1e-9):,.0f} moves/s in {seconds:.1f} s"
    )
    if differences:
        raise NegativeVerdict(f"{differences} of {games} games differ from their records")
