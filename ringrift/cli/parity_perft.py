"""`ringrift parity perft`: count move sequences, and check published counts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from ringrift.errors import BadInput, NegativeVerdict, nearest


def perft(
    config: Annotated[str | None, typer.Option(help="Opening of a configuration: hex8:2.")] = None,
    depth: Annotated[int | None, typer.Option(help="Greatest length to count.", min=1)] = None,
    engine: Annotated[str, typer.Option(help="compiled or reference.")] = "compiled",
    divide: Annotated[bool, typer.Option(help="Also by first move, at --depth.")] = False,
    check: Annotated[
        list[Path] | None, typer.Option(help="File or folder of published tables (*.jsonl).")
    ] = None,
    leaves: Annotated[
        int, typer.Option(help="With --check: only lengths of at most so many sequences.", min=1)
    ] = 10**9,
    reference: Annotated[
        bool, typer.Option(help="With --check: also by the reference, as far as it was made to.")
    ] = False,
) -> None:
    """Count the sequences of legal moves from an opening, or check published counts.

    Without --depth: to the greatest length with fewer than 10^7 sequences. With --check every
    table is counted again by the compiled rules, and with --reference by the plain-Python rules to
    the length to which they were counted when the table was made. Exit 0 without a difference,
    1 with one.
    """
    from ringrift.parity.perft import ENGINES

    if (config is None) == (not check):
        raise BadInput("expected --config BOARD:PLAYERS or --check FILE, and not both")
    if engine not in ENGINES:
        raise BadInput(f"engine {engine!r}: {nearest(engine, ENGINES)}")
    if config is not None:
        _count(config, depth, engine, divide=divide)
    else:
        _check(check or [], depth, leaves, reference=reference)


def _count(name: str, depth: int | None, engine: str, *, divide: bool) -> None:
    from ringrift.configs import Config
    from ringrift.parity.perft import counts, tree
    from ringrift.parity.perft import divide as by_first_move
    from ringrift.rules.game import Game

    config = Config.parse(name)
    state = Game.new(config).state_plus()
    typer.echo(f"{config}, opening, {engine}")
    length, total = 0, 1
    while total and (depth is None or length < depth):
        length += 1
        start = time.perf_counter()
        below = 10**7 if depth is None else None
        found = counts(tree(config, state, length, engine), length, below)
        if len(found) < length:
            typer.echo(f"{length:>3}  10^7 or more")
            return
        total = found[-1]
        typer.echo(f"{length:>3} {total:>14,} {time.perf_counter() - start:>9.2f} s")
    if divide:
        for move, number in by_first_move(config, state, length).items():
            typer.echo(f"{move}: {number}")


def _check(paths: list[Path], depth: int | None, leaves: int, *, reference: bool) -> None:
    from ringrift.parity.perft import check, depth_within, read_tables

    files = [file for path in paths for file in _files(path)]
    differences = tables = 0
    for file in files:
        for table in read_tables(file):
            tables += 1
            cap = min(depth or len(table.counts), depth_within(table, leaves))
            wanted = {"compiled": cap}
            if reference:
                wanted["reference"] = min(cap, table.agreed)
            for engine, length in wanted.items():
                start = time.perf_counter()
                found = check(table, engine, length)
                seconds = time.perf_counter() - start
                differences += found is not None
                typer.echo(
                    f"{table.config} {table.name}: {engine} to {length}, "
                    f"{table.counts[length - 1]:,} sequences, {seconds:.1f} s"
                    if found is None
                    else found.report()
                )
    typer.echo(f"{tables} tables, {differences} differences")
    if differences:
        raise NegativeVerdict(f"{differences} counts differ from the published ones")


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(path.glob("*.jsonl"))
    if not files:
        raise BadInput(f"no *.jsonl in {path}")
    return files
