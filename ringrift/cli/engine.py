"""`ringrift engine`: the line protocol on stdin and stdout."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import Annotated

import typer

from ringrift.cli.lookup import find_model
from ringrift.errors import BadInput

app = typer.Typer(help="Speak the Universal Game Interface on stdin and stdout.")


@app.command()
def engine(
    board: Annotated[str, typer.Option(help="board of the games")] = "hex8",
    seats: Annotated[int, typer.Option(help="2, 3 or 4")] = 2,
    agent: Annotated[
        str, typer.Option(help="random, heuristic, minimax, mcts, policy-only, gumbel-mcts")
    ] = "heuristic",
    model: Annotated[
        str,
        typer.Option(
            metavar="MODEL", help="a file, or champion, initial, newest or a sha256 of the ledger"
        ),
    ] = "",
    simulations: Annotated[int, typer.Option(help="search budget where `go` names no limit")] = 64,
    rollouts: Annotated[int, typer.Option(help="the same for mcts")] = 2000,
    depth: Annotated[
        int, typer.Option(help="the same for minimax: decisions ahead; 0: as its nodes allow")
    ] = 0,
    nodes: Annotated[int, typer.Option(help="the same for minimax: positions")] = 20_000,
    seed: Annotated[int, typer.Option(help="decides the agent's random choices")] = 0,
    rings: Annotated[int, typer.Option(help="rings per seat; 0: as the board has them")] = 0,
    line_detect: Annotated[int, typer.Option(help="shortest line noticed; 0: the board's")] = 0,
    lps_rounds: Annotated[int, typer.Option(help="rounds alone with real actions that win")] = 3,
    *,
    pie: Annotated[bool, typer.Option("--pie/--no-pie", help="pie rule, with 2 seats")] = True,
    play_forced: Annotated[
        bool, typer.Option("--play-forced", help="play forced moves unasked; they are not sent")
    ] = False,
) -> None:
    """Play for any program that speaks the Universal Game Interface: see docs/engine.md.

    The options are the same as those of `setoption`, and set their defaults.
    """
    from ringrift.agents.ugi import Ugi
    from ringrift.agents.ugi_loop import serve
    from ringrift.agents.ugi_options import Settings, set_option

    given = {
        "board": board,
        "seats": seats,
        "agent": agent,
        "model": model,
        "simulations": simulations,
        "rollouts": rollouts,
        "depth": depth,
        "nodes": nodes,
        "seed": seed,
        "rings": rings,
        "lps_rounds": lps_rounds,
        "pie": str(pie),
        "play_forced": str(play_forced),
        "line_detect": line_detect,
    }
    settings = Settings()
    for name, value in given.items():
        try:
            settings = set_option(settings, name, str(value))
        except BadInput as error:
            raise BadInput(f"--{name.replace('_', '-')}: {error}") from error

    def write(line: str) -> None:
        sys.stdout.buffer.write(line.encode() + b"\n")
        sys.stdout.buffer.flush()

    # Read without Python's buffer, whose lock a reading thread would hold at the end.
    serve(Ugi(settings, find_model), partial(os.read, sys.stdin.fileno()), write)
