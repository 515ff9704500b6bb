"""What the commands of ``ringrift selfplay`` share: options, plan, search, the way it is shown."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ringrift.cli.bars import counting_bar
from ringrift.cli.lookup import find_model
from ringrift.cli.stopping import Request
from ringrift.configs import Config
from ringrift.errors import BadInput, nearest

if TYPE_CHECKING:
    from ringrift.selfplay.pool import SelfplayParameters
    from ringrift.selfplay.shard import ShardProgress, ShardResult, ShardSpec
    from ringrift.settings import Settings

#: Agents that play selfplay.
ENGINES: Final = ("gumbel-mcts",)

#: Agent that plays, and budget of its searches.
Engine = Annotated[str, typer.Option(help="who plays; gumbel-mcts so far")]
Simulations = Annotated[
    int | None, typer.Option(help="full search budget; default: settings", min=2)
]
Lanes = Annotated[
    int | None,
    typer.Option(
        help="parts of the slots whose search and network overlap, a thread and core each; on a GPU "
        "they take turns. 0: 2 on a GPU, else 1. Default: settings",
        min=0,
        max=64,
    ),
]


def check_engine(engine: str) -> None:
    """Refuse an agent that plays no selfplay."""
    if engine not in ENGINES:
        raise BadInput(f"engine {engine!r} plays no selfplay yet: {nearest(engine, ENGINES)}")


@dataclass(frozen=True, slots=True)
class Order:
    """Shards that somebody asked for by a command; the same arguments give the same files."""

    specs: list[ShardSpec]
    #: File of the network.
    model: Path
    checkpoint_seconds: float
    lanes: int = 0

    @property
    def again(self) -> str:
        """How to go on after an interruption."""
        return f"the same command with --seed {self.specs[0].seed} goes on"

    def play(self, folder: Path, request: Request, title: str) -> list[ShardResult]:
        """Play what of the shards is not there yet, one by one; a request ends it by Interrupted."""
        from ringrift.selfplay.shard import found_shards, produce_shard

        made: list[ShardResult] = []
        there = found_shards(folder, self.specs)
        with progress_bar(title, sum(spec.games for spec in self.specs)) as told:

            def tell(at: ShardProgress) -> None:
                told(made, at)
                request.check()

            for spec in self.specs:
                if spec.id in there:
                    made.append(there[spec.id])
                    continue
                made.append(
                    produce_shard(
                        spec,
                        self.model,
                        folder,
                        tell,
                        checkpoint_seconds=self.checkpoint_seconds,
                        lanes=self.lanes,
                    )
                )
                request.check()
        return made


def order(
    run: str,
    config: str,
    model: str,
    engine: str,
    settings: str | Path | None,
    *,
    games: int,
    simulations: int | None,
    seed: int | None,
    known: tuple[float | None, float] = (None, 0.0),
    lanes: int | None = None,
) -> Order:
    """The shards that hold so many games, each with the search of the settings.

    run: name that their ids follow from. seed: None draws a fresh one. known: rating and training progress of
    the model, which a temperature may depend on. lanes: None takes those of the settings. Raises BadInput for
    whatever is not right.
    """
    from ringrift.selfplay.shard import ShardSpec
    from ringrift.selfplay.size import even_sizes, fixed_sizes, shard_games
    from ringrift.settings import Settings

    wanted = Config.parse(config)
    check_engine(engine)
    found = Settings.load(settings)
    sha256, path = find_model(wanted, model)
    seed = secrets.randbits(31) if seed is None else seed
    rules = found.of(wanted).selfplay
    # no speed is asked here: the same arguments give the same files
    size = rules.games_per_shard or shard_games(wanted, rules.slots, rules.shard_seconds, None)
    sizes = fixed_sizes(games, size) if rules.games_per_shard else even_sizes(games, size)
    search = search_of(found, wanted, simulations, min(size, games), known)
    specs = [
        ShardSpec(run, wanted, sha256, seed=seed, index=index, games=number, search=search)
        for index, number in enumerate(sizes)
    ]
    return Order(specs, path, rules.checkpoint_seconds, rules.lanes if lanes is None else lanes)


def search_of(
    settings: Settings,
    config: Config,
    simulations: int | None,
    games: int,
    known: tuple[float | None, float] = (None, 0.0),
) -> SelfplayParameters:
    """The search of a config's settings, with another full budget where one is given.

    known: rating and training progress of the model.
    """
    from ringrift.selfplay.parameters import parameters_of

    own = settings.of(config)
    return parameters_of(
        own.selfplay,
        own.search,
        games=games,
        simulations=simulations,
        elo=known[0],
        progress=known[1],
    )


@contextmanager
def progress_bar(
    title: str, games: int | None
) -> Iterator[Callable[[list[ShardResult], ShardProgress], None]]:
    """A bar with games, rates, time left and endings; yields the function to tell it.

    games: of all shards; None: nobody knows, and the bar goes to the end of the shard in hand.
    """
    with counting_bar(title, games) as tell:

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
            ours = finished - at.games + at.games_total
            tell(finished, rate, endings_text(endings), total=ours if games is None else games)

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
