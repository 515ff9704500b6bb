"""`ringrift parity check`: both engines in lockstep."""

from __future__ import annotations

import dataclasses
import json as jsonlib
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringrift.cli.bars import counting_bar
from ringrift.cli.options import Json
from ringrift.configs import Config
from ringrift.errors import BadInput, Interrupted, NegativeVerdict

if TYPE_CHECKING:
    from ringrift.parity.check import Found, Plan, Tally

#: Whole games per configuration that are played unless told otherwise, small and large boards.
GAMES_SMALL, GAMES_LARGE = 50, 5

#: Set-up positions per whole game.
POSITIONS_PER_GAME = 8


def check(
    config: Annotated[
        str, typer.Option("--config", metavar="BOARD:PLAYERS", help="such as square8:3")
    ],
    games: Annotated[
        int | None,
        typer.Option(help="whole games from the opening; default: 50, on large boards 5", min=0),
    ] = None,
    positions: Annotated[
        int | None,
        typer.Option(help="games from set-up positions; default: 8 for each whole game", min=0),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="decides every game; default: a fresh one, printed", min=0)
    ] = None,
    jobs: Annotated[int, typer.Option(help="processes; 0: one per core", min=0)] = 0,
    policy: Annotated[
        str | None, typer.Option(help="how moves are picked in all games; default: each its own")
    ] = None,
    only: Annotated[
        str | None, typer.Option(metavar="GAME", help="one game alone, such as position-12")
    ] = None,
    out: Annotated[Path, typer.Option(help="folder for the reproduction of a difference")] = Path(),
    pie: Annotated[
        bool | None, typer.Option("--pie/--no-pie", help="pie rule; default: with 2 players")
    ] = None,
    line_detect: Annotated[
        int | None, typer.Option(help="shortest run that is noticed as a line")
    ] = None,
    lps_rounds: Annotated[int, typer.Option(help="exclusive rounds that win")] = 3,
    rings: Annotated[int | None, typer.Option(help="rings per player")] = None,
    *,
    json: Json = False,
) -> None:
    """Play games by the compiled rules and by the reference at once; compare everything at each move.

    Compared are the legal moves, the state+ after each move, and the result with its ranks. The
    first difference is drawn and written as a trace that `ringrift parity gate` reads. Exit 0
    without a difference, 1 with one, 130 at Ctrl-C, which tells what was compared so far.
    """
    from ringrift.parity.check import Plan, Tally
    from ringrift.parity.workers import compare_all
    from ringrift.rules.boards import board
    from ringrift.rules.game import GameOptions

    wanted = Config.parse(config)
    if games is None:
        games = GAMES_LARGE if board(wanted.board).n > 100 else GAMES_SMALL
    plan = Plan(
        config=wanted,
        options=GameOptions(pie=pie, line_detect=line_detect, lps_rounds=lps_rounds, rings=rings),
        seed=secrets.randbits(31) if seed is None else seed,
        games=games,
        positions=games * POSITIONS_PER_GAME if positions is None else positions,
        policy=policy,
        only=only,
    )
    if not out.is_dir():
        raise BadInput(f"--out {out}: no such folder")
    start, total = time.perf_counter(), Tally()
    try:
        with _progress(plan, total) as told:
            found = compare_all(plan, jobs or _cores(), told)
    except (KeyboardInterrupt, Interrupted):
        _say(plan, total, time.perf_counter() - start, None, None, json=json)
        raise Interrupted("interrupted: no difference in what was compared so far") from None
    path = None if found is None else _write(plan, found, out)
    _say(plan, total, time.perf_counter() - start, found, path, json=json)
    if found is not None:
        raise NegativeVerdict(f"the engines differ in {found.name}; ringrift parity gate {path}")


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _command(plan: Plan, only: str | None = None) -> str:
    """The command that plays a plan, or one game of it, again."""
    parts = [f"ringrift parity check --config {plan.config} --seed {plan.seed}"]
    name = only or plan.only
    if name:
        parts.append(f"--only {name}")
    else:
        parts.append(f"--games {plan.games} --positions {plan.positions}")
    options = plan.options
    if plan.policy is not None:
        parts.append(f"--policy {plan.policy}")
    if options.pie is not None:
        parts.append("--pie" if options.pie else "--no-pie")
    if options.line_detect is not None:
        parts.append(f"--line-detect {options.line_detect}")
    if options.lps_rounds != 3:
        parts.append(f"--lps-rounds {options.lps_rounds}")
    if options.rings is not None:
        parts.append(f"--rings {options.rings}")
    return " ".join(parts)


def _write(plan: Plan, found: Found, folder: Path) -> Path:
    """Write the reproduction of a difference; its path."""
    from ringrift.parity.lockstep import reproduction
    from ringrift.parity.trace import write_trace

    config = plan.config
    stem = f"difference-{config.board}_{config.players}p-{plan.seed}-{found.name}"
    path = folder / f"{stem}.jsonl.gz"
    write_trace(path, reproduction(found.difference, f"{plan.seed}/{found.name}", plan.seed))
    return path


def _say(
    plan: Plan, total: Tally, seconds: float, found: Found | None, path: Path | None, *, json: bool
) -> None:
    """Print what was compared and found."""
    from ringrift.parity import occurrences

    cases = occurrences.possible(plan.config, plan.options)
    if json:
        print(jsonlib.dumps(_as_dict(plan, total, seconds, found, path)))
        return
    for line in occurrences.table(total.cases, cases):
        typer.echo(line)
    typer.echo("")
    if found is not None:
        where = f"{plan.config}, seed {plan.seed}, {found.name}, move {found.difference.number}"
        typer.echo(f"{where}: {found.difference.report()}")
        typer.echo(f"reproduction: {path}")
        typer.echo(f"replay it:    ringrift parity gate {path}")
        typer.echo(f"play again:   {_command(plan, found.name)}\n")
    typer.echo(
        f"{plan.config}, seed {plan.seed}: {total.games} games and {total.positions} set-up "
        f"positions, {total.moves:,} moves compared, {'1 difference' if found else '0 differences'}, "
        f"{total.moves / max(seconds, 1e-9):,.0f} moves/s in {seconds:.1f} s"
    )


def _as_dict(
    plan: Plan, total: Tally, seconds: float, found: Found | None, path: Path | None
) -> dict[str, Any]:
    """All figures, for JSON."""
    from ringrift.parity import occurrences

    cases = occurrences.possible(plan.config, plan.options)
    difference = None
    if found is not None:
        it = found.difference
        difference = {
            "game": found.name,
            "move": it.number,
            "played": list(it.moves),
            "subject": it.subject,
            "fields": [dataclasses.asdict(field) for field in it.fields],
            "missing": list(it.missing),
            "excess": list(it.excess),
            "board": it.board,
            "reproduction": str(path),
        }
    return {
        "config": str(plan.config),
        "options": dataclasses.asdict(plan.options),
        "seed": plan.seed,
        "games": total.games,
        "positions": total.positions,
        "moves": total.moves,
        "seconds": round(seconds, 3),
        "differences": int(found is not None),
        "difference": difference,
        "occurrences": {case.name: total.cases[case.name] for case in cases},
        "first": dict(sorted(total.first.items())),
        "never": occurrences.never(total.cases, cases),
        "command": _command(plan),
    }


@contextmanager
def _progress(plan: Plan, total: Tally) -> Iterator[Callable[[Tally], None]]:
    """A bar with games, moves, rate and time left; yields the function to tell it."""
    start = time.perf_counter()
    with counting_bar(f"parity check {plan.config}", len(plan.names())) as tell:

        def told(part: Tally) -> None:
            total.add(part)
            rate = total.moves / max(time.perf_counter() - start, 1e-9)
            tell(total.games + total.positions, f"{total.moves:,} moves  {rate:,.0f}/s")

        yield told
