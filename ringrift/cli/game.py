"""`ringrift game`: draw positions and play single games."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ringrift.cli.options import Colour, coloured
from ringrift.configs import Config
from ringrift.errors import BadInput

if TYPE_CHECKING:
    from ringrift.rules.game import Game

app = typer.Typer(help="Draw positions and play single games.", no_args_is_help=True)

ConfigName = Annotated[str, typer.Option("--config", help="BOARD:PLAYERS, such as hex8:2.")]
Seed = Annotated[int, typer.Option(help="Seed of the random choices.", min=0)]
#: Bookkeeping moves are left out of printed games: nobody had a choice there.
_BOOKKEEPING = ("NP", "NM", "NL", "NT")


@app.callback()
def _group() -> None:
    """Draw positions and play single games."""


def _draw(game: Game, colour: bool | None) -> str:
    return game.draw(colour=coloured(colour))


@app.command()
def draw(
    config: ConfigName = "hex8:2",
    seed: Seed = 0,
    moves: Annotated[int, typer.Option(help="Random moves to play first.", min=0)] = 60,
    state: Annotated[
        Path | None, typer.Option(help="JSON file with a canonical state or state+ to draw.")
    ] = None,
    legal: Annotated[bool, typer.Option("--legal", help="List the legal moves too.")] = False,
    colour: Colour = None,
) -> None:
    """Draw a position: after some random moves, or from a file."""
    from ringrift.parity.record import play as random_play
    from ringrift.rules.game import Game

    if state is not None:
        try:
            data = json.loads(state.read_text(encoding="utf-8"))
        except OSError as error:
            raise BadInput(f"cannot read {state}: {error.strerror}") from error
        except ValueError as error:
            raise BadInput(f"{state}: not JSON: {error}") from error
        try:
            game = Game.from_canonical(Config.parse(config), data)
        except BadInput as error:
            raise BadInput(f"{state}: {error}") from error
    else:
        game = Game.new(Config.parse(config))
        # One more step of the generator makes the last of the moves.
        for _ in islice(random_play(game, "bytype", seed), moves + 1 if moves else 0):
            if int(game.state_plus()["plies"]) == moves:
                break
    typer.echo(_draw(game, colour))
    if legal:
        typer.echo("\n" + "\n".join(game.legal()))


@app.command()
def play(
    config: ConfigName = "hex8:2",
    agents: Annotated[
        str,
        typer.Option(
            help="Comma list, one per seat or one for all: random, heuristic, mcts[:rROLLOUTS], "
            "minimax[:dDEPTH][:nNODES]."
        ),
    ] = "heuristic,random",
    seed: Seed = 0,
    every: Annotated[int, typer.Option(help="Draw every so many turns, 0: never.", min=0)] = 0,
    colour: Colour = None,
) -> None:
    """Play one game between agents that need no network; print it turn by turn and draw its end."""
    from ringrift.rules.game import Game

    game = Game.new(Config.parse(config))
    names = agents.split(",")
    if len(names) == 1:
        names *= game.config.players
    if len(names) != game.config.players:
        raise BadInput(f"--agents names {len(names)} agents for {game.config.players} seats")
    turn: list[str] = []
    number, seat = 1, game.player
    for text in _moves(game, names, seed):
        if text.split(" ")[0] not in _BOOKKEEPING:
            turn.append(text)
        plus = game.state_plus()
        if plus["turns"] != number or game.result is not None:
            typer.echo(f"{number:>4} seat {seat}  {', '.join(turn) or 'nothing to do'}")
            if every and number % every == 0:
                typer.echo(f"\n{_draw(game, colour)}\n")
            turn, number, seat = [], plus["turns"], game.player
    typer.echo(f"\n{_draw(game, colour)}")


def _moves(game: Game, names: list[str], seed: int) -> Iterator[str]:
    """Let agents play `game` to its end in place; yield each move after it was made."""
    import numpy as np

    from ringrift.agents.factory import make_agent
    from ringrift.agents.spec import AgentSpec
    from ringrift.rules.boards import tables
    from ringrift.rules.kernels import constants as k
    from ringrift.rules.kernels.apply import apply_move

    players = [make_agent(AgentSpec.parse(name), game.config) for name in names]
    t = tables(game.config.board)
    rng = np.random.default_rng(seed)
    while game.result is None:
        codes = game.legal_codes()
        code = int(codes[0])
        if len(codes) > 1:
            # After a swap the agents have changed seats.
            at = game.player - 1
            if game.states[0, k.F_SCALAR, k.S_SWAPPED]:
                at = 1 - at
            draws = rng.integers(1 << 63, size=1, dtype=np.uint64)
            code = int(players[at].choose(game.states.copy(), draws)[0])
        text = game.text(code)
        apply_move(game.states, 0, t, code)
        # A recovery slide may be chosen before its stack; it is one move all the same.
        if not game.states[0, k.F_SCALAR, k.S_SLIDE]:
            yield text
