"""What the commands of ``ringrift selfplay`` share: options, plan, search, the way it is shown."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ringrift.cli.bars import counting_bar
from ringrift.cli.lookup import find_model
from ringrift.cli.stopping import Request
from ringrift.configs import Config
from ringrift.errors import BadInput, nearest

if TYPE_CHECKING:
    from ringrift.data.decided import DecidedGames
    from ringrift.selfplay.engines import Engines
    from ringrift.selfplay.pool import SelfplayParameters
    from ringrift.selfplay.shard import ShardProgress, ShardResult, ShardSpec
    from ringrift.settings import Settings

#: Most games of one command: a shard's spec is made for each part of them before the first is played.
MOST_GAMES: Final = 1_000_000

#: Agents that play, whether they move on from game to game, and the budget of searches over a network.
Engine = Annotated[
    str,
    typer.Option(
        metavar="ENGINE[,ENGINE...]",
        help="who plays: one for all seats, or one for each, seat 1 first. random, heuristic, "
        "policy-only, gumbel-mcts[:s64], mcts[:r500], minimax[:n50000][:d4]; "
        ":t50ms for a time per decision",
    ),
]
Rotate = Annotated[
    bool, typer.Option("--rotate", help="the engines move on by one seat from game to game")
]
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
Backend = Annotated[
    str | None,
    typer.Option(
        help="what computes the network: auto (the fastest by timing), torch, openvino or onnx. "
        "Default: settings"
    ),
]

Archive = Annotated[
    list[Path] | None,
    typer.Option(
        "--archive",
        metavar="FILE",
        help="shard in whose games a part of the new ones begins (selfplay.archive_share); again for more",
    ),
]


def line_up(
    engine: str,
    config: Config,
    model_sha256: str | None,
    search: SelfplayParameters,
    *,
    rotate: bool,
    simulations: int | None,
) -> Engines:
    """The engines that somebody named; BadInput for what is none, and for simulations that nobody makes."""
    from ringrift.selfplay.engines import DEFAULT, read_engines

    if simulations is not None and DEFAULT not in engine.split(","):
        raise BadInput(
            f"--simulations is a budget of {DEFAULT} that names none, which is not among {engine!r}"
        )
    return read_engines(engine, config, model_sha256, search, rotate=rotate)


def who_plays(spec: ShardSpec) -> str:
    """Each agent once where all seats have the same, else seat by seat."""
    seats = [agent.identity for agent in spec.seatings[0]]
    if len(set(seats)) == 1:
        return seats[0]
    return ", ".join(seats) + (", moving on by a seat each game" if spec.rotate else "")


@dataclass(frozen=True, slots=True)
class Order:
    """Shards that somebody asked for by a command; the same arguments give the same files."""

    specs: list[ShardSpec]
    #: File of the network; None where no engine has one.
    model: Path | None
    checkpoint_seconds: float
    lanes: int = 0
    #: What computes the network, as for `produce_shard`.
    backend: str = "torch"
    #: Files in which games begin, by sha256.
    archive: Mapping[str, Path] = field(default_factory=dict)
    #: Setting selfplay.decided_max_false.
    most_false: float | None = None

    @property
    def again(self) -> str:
        """How to go on after an interruption."""
        return f"the same command with --seed {self.specs[0].seed} goes on"

    def play(self, folder: Path, request: Request, title: str) -> list[ShardResult]:
        """Play what of the shards is not there yet, one by one; a request ends it by Interrupted."""
        from ringrift.selfplay.shard import found_shards, produce_shard
        from ringrift.store.blobs import sweep_folder

        sweep_folder(folder)  # half files of a command that was killed
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
                        backend=self.backend,
                        archive=self.archive,
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
    backend: str | None = None,
    rotate: bool = False,
    archive: Sequence[Path] | None = None,
) -> Order:
    """The shards that hold so many games, each with the search of the settings.

    engine, rotate: who plays, as typed; a model is looked up only where one of them has a network.
    run: name that their ids follow from. seed: None draws a fresh one. known: rating and training progress of
    the model, which a temperature may depend on. lanes, backend: None takes those of the settings. archive: files
    in whose games a part of these begins. Raises BadInput for whatever is not right.
    """
    from ringrift.selfplay.engines import needs_model
    from ringrift.selfplay.shard import ShardSpec
    from ringrift.selfplay.size import even_sizes, fitting_slots, fixed_sizes, shard_games
    from ringrift.settings import Settings

    wanted = Config.parse(config)
    network = needs_model(engine)
    found = Settings.load(settings)
    sha256, path = find_model(wanted, model) if network else (None, None)
    seed = secrets.randbits(31) if seed is None else seed
    rules = found.of(wanted).selfplay
    # no speed is asked here: the same arguments give the same files
    size = rules.games_per_shard or shard_games(wanted, rules.slots, rules.shard_seconds, None)
    sizes = fixed_sizes(games, size) if rules.games_per_shard else even_sizes(games, size)
    slots = size if rules.games_per_shard else fitting_slots(wanted, rules.slots, sizes)
    files = archive_files(archive or (), wanted, rules.archive_share)
    search = search_of(found, wanted, simulations, min(slots, games), known, archive=bool(files))
    who = line_up(engine, wanted, sha256, search, rotate=rotate, simulations=simulations)
    refuse_archive(who, files)
    refuse_idle(engine, who, lanes=lanes, backend=backend)
    refuse_unknown(rules.temperature_schedule, *known)
    specs = [
        ShardSpec(
            run,
            wanted,
            sha256,
            seed=seed,
            index=index,
            games=number,
            search=who.search,
            engines=who.seats,
            rotate=who.rotate,
            archive=tuple(files),
        )
        for index, number in enumerate(sizes)
    ]
    return Order(
        specs,
        path,
        rules.checkpoint_seconds,
        lanes=rules.lanes if lanes is None else lanes,
        backend=wish_of(rules.backend if backend is None else backend),
        archive=files,
        most_false=rules.decided_max_false,
    )


def wish_of(backend: str) -> str:
    """The backend that somebody named; BadInput for what is none."""
    from ringrift.nets.choice import WISHES

    if backend not in WISHES:
        raise BadInput(f"unknown backend {backend!r}: {nearest(backend, WISHES)}")
    return backend


def refuse_archive(who: Engines, files: Mapping[str, Path]) -> None:
    """BadInput where games of other engines would have to begin in stored ones."""
    if who.seats and files:
        raise BadInput(
            "--archive is for games of gumbel-mcts alone: those of other engines begin at the opening"
        )


def refuse_idle(
    engine: str, who: Engines, *, lanes: int | None = None, backend: str | None = None
) -> None:
    """BadInput for an option that these engines have no use for, rather than games without it."""
    from ringrift.selfplay.engines import needs_model

    if lanes is not None and lanes > 1 and who.seats:
        raise BadInput(
            f"--lanes {lanes} is for games of gumbel-mcts alone: those of {engine} are played in one lane"
        )
    if backend is not None and not needs_model(engine):
        raise BadInput(f"--backend {backend} computes a network, and none plays: {engine}")


def refuse_absent(backend: str) -> None:
    """BadInput for a backend that does not exist, or that this machine lacks."""
    from ringrift.nets.choice import named_backend

    if wish_of(backend) != "auto":
        named_backend(backend)


def refuse_unknown(schedule: str, elo: float | None, progress: float) -> None:
    """BadInput for a rating or a progress that the schedule of the temperature does not ask for."""
    for option, given, kind in (
        ("--elo", elo is not None, "elo"),
        ("--progress", progress != 0, "curriculum"),
    ):
        if given and schedule != kind:
            raise BadInput(
                f"{option} is for selfplay.temperature_schedule {kind}; the settings have {schedule}"
            )


def archive_files(files: Iterable[Path], config: Config, share: float) -> dict[str, Path]:
    """Files of stored games of a config by their sha256, in their order; BadInput for one that is no good.

    share: part of the games that is to begin in them.
    """
    from ringrift.rules.records import RecordReader, verify_name

    found = {}
    for path in files:
        sha256 = verify_name(path)
        first = next(iter(RecordReader(path, verify=False)), None)
        if first is None or first.config != config:
            said = "no games" if first is None else f"games of {first.config}"
            raise BadInput(f"--archive {path}: {said}, expected games of {config}")
        found[sha256] = path
    if found and not share:
        raise BadInput("--archive: selfplay.archive_share is 0, so no game would begin there")
    return found


def search_of(
    settings: Settings,
    config: Config,
    simulations: int | None,
    games: int,
    known: tuple[float | None, float] = (None, 0.0),
    *,
    archive: bool = False,
) -> SelfplayParameters:
    """The search of a config's settings, with another full budget where one is given.

    known: rating and training progress of the model. archive: there are stored games to begin in.
    """
    from ringrift.selfplay.parameters import parameters_of

    own = settings.of(config)
    return parameters_of(
        own.selfplay,
        own.search,
        games=games,
        simulations=simulations,
        archive=archive,
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
            ours = [result for result in made if result.seconds]  # the others were there already
            seconds = max(sum(result.seconds for result in ours) + at.seconds, 1e-9)
            played = sum(result.games for result in ours) + at.games
            finished = sum(result.games for result in made) + at.games
            evaluations = sum(result.evaluations for result in ours) + at.evaluations
            positions = sum(result.positions for result in ours) + at.positions
            endings = Counter(at.victories)
            for result in made:
                endings.update(result.victories)
            plies = sum(result.plies for result in ours) + at.plies
            rate = f"{played / seconds:.1f} games/s  "
            if positions:
                rate += f"{positions / seconds:.0f} positions/s"
            else:  # no engine leaves anything to learn from
                rate += f"{plies / seconds:,.0f} moves/s"
            if played:
                rate += f"  {plies / played:.0f} plies"
            elif evaluations:  # a pool finishes its first games all at about the same time
                rate = f"{evaluations / seconds:,.0f} evaluations/s"
            else:
                rate = f"{at.under_way / seconds:,.1f} decisions/s"
            known = finished - at.games + at.games_total
            tell(finished, rate, endings_text(endings), total=known if games is None else games)

        yield told


def endings_text(endings: Counter[str]) -> str:
    """Each ending with its games, the most frequent first."""
    return "  ".join(f"{kind} {count}" for kind, count in endings.most_common())


def decided_of(made: Iterable[ShardResult]) -> DecidedGames:
    """How all games were called decided."""
    from ringrift.data.decided import DecidedGames

    return sum((result.decided for result in made), DecidedGames())


def endings_of(made: Iterable[ShardResult]) -> Counter[str]:
    """Endings of all games."""
    endings: Counter[str] = Counter()
    for result in made:
        endings.update(result.victories)
    return endings
