"""``ringrift eval``: matches between agents, gauntlets and ratings."""

from __future__ import annotations

import json as jsonlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringrift.cli.bars import counting_bar
from ringrift.cli.lookup import find_model, open_existing_ledger
from ringrift.cli.options import ConfigName, Json, Seed, SettingsFile
from ringrift.configs import Config
from ringrift.errors import BadInput, NegativeVerdict

if TYPE_CHECKING:
    from rich.table import Table

    from ringrift.agents.spec import AgentSpec
    from ringrift.evaluation.match import MatchProgress
    from ringrift.evaluation.names import AgentNames
    from ringrift.evaluation.ratings import Rating
    from ringrift.evaluation.result import MatchResult
    from ringrift.evaluation.stats import Interval
    from ringrift.store.ledger import Ledger

app = typer.Typer(help="Matches between agents.", no_args_is_help=True)

AGENT_HELP = (
    "random, heuristic, mcts[:rROLLOUTS], minimax[:dDEPTH][:nNODES], MODEL, policy-only:MODEL; "
    "MODEL is champion, initial, newest, a sha256 or a file"
)

Games = Annotated[int, typer.Option(help="games at most; whole blocks of all seatings", min=1)]
Simulations = Annotated[
    int | None,
    typer.Option(help="search budget of each decision; default: that of the gates", min=2),
]
Opening = Annotated[
    int | None, typer.Option(help="random decisions that open each block; default: settings", min=0)
]
Pie = Annotated[bool | None, typer.Option("--pie/--no-pie", help="pie rule; default: on for 2")]


@app.command()
def match(
    a: Annotated[str, typer.Option("--a", metavar="AGENT", help=AGENT_HELP)],
    b: Annotated[str, typer.Option("--b", metavar="AGENT", help="the same")],
    config: ConfigName,
    games: Games = 400,
    simulations: Simulations = None,
    seed: Seed = None,
    opening: Opening = None,
    pie: Pie = None,
    bound: Annotated[
        float | None,
        typer.Option(
            help="stop as soon as it is decided whether the lower bound of A's win rate reaches "
            "this; exit 1 if not",
            min=0.0,
            max=1.0,
        ),
    ] = None,
    settings: SettingsFile = None,
    *,
    record: Annotated[
        bool, typer.Option("--record", help="put the games into the ledger, where ratings see them")
    ] = False,
    json: Json = False,
) -> None:
    """Play A against B, every opening in all seatings; win rates with 95% Wilson intervals."""
    from ringrift.evaluation.match import play_match
    from ringrift.evaluation.spec import MatchSpec
    from ringrift.rules.game import GameOptions

    setup = _setup(config, simulations, settings)
    spec = MatchSpec(
        config=setup.config,
        a=setup.names.agent(a),
        b=setup.names.agent(b),
        games=games,
        seed=secrets.randbits(31) if seed is None else seed,
        opening_plies=setup.opening if opening is None else opening,
        options=GameOptions(pie=pie),
    )
    with _progress(f"{a} – {b}") as told:
        result = play_match(spec, setup.names.path, told, bound)
    if record:
        _record(setup.ledger(), result)
    if json:
        print(jsonlib.dumps({**result.as_dict(), "names": {"a": a, "b": b}, "bound": bound}))
    else:
        _show_match(result, a, b)
    if bound is not None and result.interval.low < bound:
        raise NegativeVerdict(
            f"{a} against {b}: lower bound {result.interval.low:.3f}, {bound:.3f} was asked for"
        )


@app.command()
def gauntlet(
    model: Annotated[str, typer.Argument(help=AGENT_HELP)],
    config: ConfigName,
    opponents: Annotated[
        str | None,
        typer.Option(
            help="agents, joined by commas; default: random, heuristic and, where there are such, "
            "initial and champion"
        ),
    ] = None,
    games: Games = 400,
    simulations: Simulations = None,
    seed: Seed = None,
    opening: Opening = None,
    settings: SettingsFile = None,
    *,
    json: Json = False,
) -> None:
    """Play one agent against several; random and initial are asked what the promotion gates ask.

    Exit 1 when one of the two bounds is not reached.
    """
    from ringrift.evaluation.gauntlet import Opponent, run_gauntlet
    from ringrift.evaluation.spec import MatchSpec

    setup = _setup(config, simulations, settings)
    candidate = setup.names.agent(model)
    bounds = setup.bounds()
    row = [
        Opponent(name, agent, bounds.get(name))
        for name, agent in _opponents(setup.names, opponents).items()
        if agent != candidate
    ]
    spec = MatchSpec(
        config=setup.config,
        a=candidate,
        b=candidate,
        games=games,
        seed=secrets.randbits(31) if seed is None else seed,
        opening_plies=setup.opening if opening is None else opening,
    )
    with _progress(model) as told:
        rows = run_gauntlet(spec, row, setup.names.path, lambda _opponent, at: told(at))
    if json:
        print(jsonlib.dumps({"seed": spec.seed, "rows": [r.as_dict() for r in rows]}))
    else:
        table = _table("opponent", "games", "won", "win rate", "95% interval", "asked", "verdict")
        for r in rows:
            verdict = {None: "", True: "passed", False: "FAILED"}[r.passed]
            asked = "" if r.opponent.bound is None else f"≥ {r.opponent.bound:.3f}"
            table.add_row(
                r.opponent.name,
                *_figures(r.result.wins, len(r.result.games), r.result.interval),
                asked,
                verdict,
            )
        _print(f"[bold]{model}[/bold] on {setup.config}, seed {spec.seed}", table)
    failed = [r.opponent.name for r in rows if r.passed is False]
    if failed:
        raise NegativeVerdict(f"{model} does not reach its bound against {', '.join(failed)}")


@app.command()
def ratings(config: ConfigName, *, json: Json = False) -> None:
    """Elo of every agent in the match ledger, random play fixed at 0."""
    from ringrift.evaluation.elo_service import get_elo_service

    wanted = Config.parse(config)
    ranked: list[Rating] = list(get_elo_service(open_existing_ledger()).ratings(wanted).values())
    if json:
        print(jsonlib.dumps({"config": str(wanted), "ratings": [r.as_dict() for r in ranked]}))
        return
    table = _table("agent", "Elo", "95% interval", "games", "")
    for r in ranked:
        note = "anchor" if r.anchored else "" if r.connected else "no games with an anchor"
        interval = "" if r.anchored else f"{r.low:+.0f} to {r.high:+.0f}"
        table.add_row(r.agent, f"{r.elo:+.0f}", interval, str(r.games), note)
    _print(f"[bold]{wanted}[/bold]", table)


# -- setting up ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Setup:
    """What the commands share: config, agents by name, defaults from the settings."""

    config: Config
    names: AgentNames
    #: Random decisions that open a block.
    opening: int
    #: Lower bounds of the gates against random and initial, for two players.
    gates: dict[str, float]

    def ledger(self) -> Ledger:
        """The ledger of the state directory."""
        return open_existing_ledger()

    def bounds(self) -> dict[str, float]:
        """Lower bounds of the gates for this number of players."""
        from ringrift.pipeline.gates import for_players

        return {name: for_players(b, self.config.players) for name, b in self.gates.items()}


def _setup(config: str, simulations: int | None, settings: Path | None) -> _Setup:
    from ringrift.evaluation.names import AgentNames
    from ringrift.settings import Settings

    wanted = Config.parse(config)
    found = Settings.load(settings).of(wanted)
    names = AgentNames(
        config=wanted,
        simulations=simulations or found.evaluation.simulations,
        search=found.search,
        lookup=lambda name: find_model(wanted, name),
    )
    gates = {
        "random": found.evaluation.random_lower_bound,
        "initial": found.evaluation.start_lower_bound,
    }
    return _Setup(wanted, names, found.evaluation.opening_decisions, gates)


def _opponents(names: AgentNames, asked: str | None) -> dict[str, AgentSpec]:
    """The agents of a gauntlet by name; of the default row, those that exist."""
    if asked is not None:
        return {name: names.agent(name) for name in asked.split(",")}
    row = {name: names.agent(name) for name in ("random", "heuristic")}
    for name in ("initial", "champion"):
        with suppress(BadInput):
            row[name] = names.agent(name)
    return row


def _record(ledger: Ledger, result: MatchResult) -> None:
    """Put a match played by hand into the ledger, once."""
    from ringrift.store.matches import MANUAL, MatchRow, add_games, add_match

    spec = result.spec
    row = MatchRow(
        id=spec.id,
        config=str(spec.config),
        purpose=MANUAL,
        a=spec.a.identity,
        b=spec.b.identity,
        seed=str(spec.seed),
        games=spec.games,
        spec=spec.as_dict(),
        model=spec.a.model_sha256,
    )
    with ledger.write() as tx:
        add_match(tx, row)
        add_games(tx, spec.id, [game.as_dict() for game in result.games])


# -- showing ---------------------------------------------------------------------------------


@contextmanager
def _progress(title: str) -> Iterator[Any]:
    """A bar with games, rate and time left; yields the function to tell it."""
    with counting_bar(title) as tell:

        def told(at: MatchProgress) -> None:
            speed = at.games / at.seconds if at.seconds > 0 else 0.0
            won = f"{at.wins / at.games:.3f} won" if at.games else ""
            tell(at.games, f"{speed:.1f} games/s  {won}", total=at.planned)

        yield told


def _table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    return table


def _figures(wins: float, games: int, interval: Interval) -> tuple[str, str, str, str]:
    return (
        str(games),
        f"{wins:g}",
        f"{interval.estimate:.3f}",
        f"{interval.low:.3f} – {interval.high:.3f}",
    )


def _show_match(result: MatchResult, a: str, b: str) -> None:
    """A table by seat, and what else the match says."""
    from ringrift.evaluation.stats import wilson_interval

    spec, n = result.spec, len(result.games)
    table = _table(f"{a} (A)", "games", "won", "win rate", "95% interval")
    table.add_row("all games", *_figures(result.wins, n, result.interval), style="bold")
    for seat, (wins, games) in result.by_seat().items():
        table.add_row(
            f"starting in seat {seat}", *_figures(wins, games, wilson_interval(wins, games))
        )
    figures = result.as_dict()
    title = (
        f"[bold]{a}[/bold] ({spec.a.identity}) against [bold]{b}[/bold] ({spec.b.identity}) "
        f"on {spec.config}, seed {spec.seed}, {spec.opening_plies} random opening decisions"
    )
    blocks = ", ".join(f"{count} × {won}" for won, count in enumerate(result.block_counts()))
    endings = ", ".join(f"{count} {kind}" for kind, count in result.victories().items())
    lines = [title, table, f"blocks by games won: {blocks}", f"endings: {endings}"]
    elo = figures["elo_difference"]
    if elo is not None:
        low, mid, high = (
            "open" if elo[key] is None else f"{elo[key]:+.0f}"
            for key in ("low", "estimate", "high")
        )
        lines.append(f"Elo difference: {mid} ({low} to {high})")
    lines.append(
        f"{figures['swapped']} swaps, {figures['mean_plies']:.0f} moves a game, "
        f"{n / max(result.seconds, 1e-9):.1f} games/s in {result.seconds:.1f} s"
    )
    _print(*lines)


def _print(*parts: Any) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    for part in parts:
        console.print(part)
