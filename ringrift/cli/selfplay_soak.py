"""``ringrift selfplay soak``: games for hours, checked as they end."""

from __future__ import annotations

import json as jsonlib
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringrift.cli.lookup import find_model
from ringrift.cli.options import Json, Model, Seed, SettingsFile
from ringrift.cli.selfplay_common import (
    Archive,
    Backend,
    Engine,
    Lanes,
    Rotate,
    Simulations,
    archive_files,
    decided_of,
    endings_of,
    endings_text,
    line_up,
    progress_bar,
    refuse_absent,
    refuse_archive,
    refuse_idle,
    search_of,
    wish_of,
)
from ringrift.cli.selfplay_decided import decided_figures, decided_lines
from ringrift.cli.stopping import on_request
from ringrift.configs import Config
from ringrift.errors import BadInput, Interrupted, NegativeVerdict

if TYPE_CHECKING:
    from ringrift.data.decided import DecidedGames
    from ringrift.selfplay.engines import Engines
    from ringrift.selfplay.shard import ShardProgress, ShardResult
    from ringrift.selfplay.soak import Plan, ShardRules, State
    from ringrift.settings import Settings


def soak(
    config: Annotated[
        list[str],
        typer.Option("--config", metavar="BOARD:PLAYERS", help="again for more, in turn"),
    ],
    model: Model = "champion",
    engine: Engine = "gumbel-mcts",
    rotate: Rotate = False,
    minutes: Annotated[
        float | None, typer.Option(help="end after so long; default: never", min=0)
    ] = None,
    games: Annotated[
        int | None, typer.Option(help="end after so many games; default: never", min=1)
    ] = None,
    check_every: Annotated[
        int,
        typer.Option(
            help="each so-manyth game: every word, move and position. Looking at all of them adds under 5% to "
            "searched games, half and more to random, heuristic and untrained play",
            min=1,
        ),
    ] = 1,
    oracle_every: Annotated[
        int, typer.Option(help="each so-manyth game: made again by the oracle", min=1)
    ] = 50,
    memory_growth: Annotated[
        int,
        typer.Option(metavar="MIB", help="memory that may be gained after the first round", min=0),
    ] = 512,
    simulations: Simulations = None,
    lanes: Lanes = None,
    backend: Backend = None,
    seed: Seed = None,
    archive: Archive = None,
    out: Annotated[
        Path | None, typer.Option(help="folder; default: soak/ in the state directory")
    ] = None,
    settings: SettingsFile = None,
    *,
    json: Json = False,
) -> None:
    """Play shards of the configs in turn, without end, and check games as they end.

    The first game that is wrong, or memory that grows, ends it with exit code 1; the game lies with
    its reason and a reproduction in quarantine/ of the folder. Ctrl-C leaves a checkpoint; started
    again with the same folder it goes on. Shards stay in the folder; their size follows the speed,
    or is selfplay.games_per_shard of the config.
    """
    from ringrift.nets.checkpoint import load_model
    from ringrift.selfplay.engines import needs_model
    from ringrift.selfplay.soak import STATE, Found, Plan, State, alone, load_state
    from ringrift.settings import Settings, home
    from ringrift.store.blobs import sweep_folder

    configs = [Config.parse(name) for name in config]
    network = needs_model(engine)
    found = Settings.load(settings)
    folder = home() / "soak" if out is None else out.expanduser()
    sweep_folder(folder)  # half files of a soak that was killed
    state = load_state(folder)
    if state is not None and seed not in (None, state.seed):
        raise BadInput(
            f"--seed {seed}: {folder} holds a soak with seed {state.seed} that was stopped; leave "
            f"--seed out to go on with it, or remove {folder / STATE}"
        )
    if state is None:
        state = State(secrets.randbits(31) if seed is None else seed)

    def find(one: Config, sha256: str | None) -> tuple[str, Path] | None:
        if sha256 is None and not network:
            return None
        now = find_model(one, model)
        return now if sha256 in (None, now[0]) else find_model(one, str(sha256))

    stored = _archives(archive or [], configs, found)
    searches = {
        str(one): search_of(
            found,
            one,
            simulations,
            found.of(one).selfplay.slots,
            archive=bool(stored[str(one)]),
        )
        for one in configs
    }

    def seated(one: Config, sha256: str | None) -> Engines:
        search = searches[str(one)]
        return line_up(engine, one, sha256, search, rotate=rotate, simulations=simulations)

    for one in configs:  # what cannot work is said before the first game
        first = find(one, None)
        if first is not None:
            load_model(first[1], one)
        who = seated(one, None if first is None else first[0])
        refuse_archive(who, stored[str(one)])
        refuse_idle(engine, who, lanes=lanes, backend=backend)
        if first is not None:
            refuse_absent(found.of(one).selfplay.backend if backend is None else backend)
    plan = Plan(
        configs=configs,
        model=find,
        engines=seated,
        archives=stored,
        seed=state.seed,
        check_every=check_every,
        oracle_every=oracle_every,
        rules={str(one): _rules(found.of(one)) for one in configs},
        games=games,
        lanes={
            str(one): found.of(one).selfplay.lanes if lanes is None else lanes for one in configs
        },
        backends={
            str(one): wish_of(found.of(one).selfplay.backend if backend is None else backend)
            for one in configs
        },
    )
    if state.spec is not None and state.spec["config"] not in searches:
        raise BadInput(
            f"--config: {folder} holds a soak that was stopped in a shard of "
            f"{state.spec['config']}; name it too, or remove {folder / STATE}"
        )
    made: list[ShardResult] = []
    decided: dict[str, DecidedGames] = {}
    memory: list[int] = []
    try:
        with alone(folder):
            _go_on(plan, state, folder, minutes, memory_growth, made, decided, memory)
    except Found as bad:
        from ringrift.data.gates import keep_bad

        kept = keep_bad(bad.record, bad.violation, bad.shard, folder / "quarantine")
        _say(plan, state, made, decided, memory, folder, engine, json=json)
        raise NegativeVerdict(
            f"{bad.shard}: {bad.violation.gate}: {bad.violation.reason}; {kept.command} shows it"
        ) from None
    except (NegativeVerdict, Interrupted):
        _say(plan, state, made, decided, memory, folder, engine, json=json)
        raise
    if state.spec is None:  # a shard in hand waits for a start with more --games
        (folder / STATE).unlink(missing_ok=True)
    _say(plan, state, made, decided, memory, folder, engine, json=json)


def _rules(settings: Settings) -> ShardRules:
    """Shards by the settings of a config."""
    from ringrift.selfplay.soak import ShardRules

    own = settings.selfplay
    return ShardRules(
        games=own.games_per_shard,
        seconds=own.shard_seconds,
        checkpoint_seconds=own.checkpoint_seconds,
        most_false=own.decided_max_false,
    )


def _archives(
    files: list[Path], configs: list[Config], settings: Settings
) -> dict[str, dict[str, Path]]:
    """Config -> its files by sha256; BadInput for a file of none of the configs."""
    from ringrift.rules.records import RecordReader

    stored: dict[str, list[Path]] = {str(one): [] for one in configs}
    for path in files:
        if not path.is_file():
            raise BadInput(f"--archive {path}: no such file")
        first = next(iter(RecordReader(path, verify=False)), None)
        if first is None or str(first.config) not in stored:
            said = "no games" if first is None else f"games of {first.config}"
            raise BadInput(f"--archive {path}: {said}, expected games of {' or '.join(stored)}")
        stored[str(first.config)].append(path)
    return {
        str(one): archive_files(stored[str(one)], one, settings.of(one).selfplay.archive_share)
        for one in configs
    }


def _go_on(
    plan: Plan,
    state: State,
    folder: Path,
    minutes: float | None,
    memory_growth: int,
    made: list[ShardResult],
    decided: dict[str, DecidedGames],
    memory: list[int],
) -> None:
    """Play until a limit, a fault or a request; a limit of time ends after the shard in hand."""
    from ringrift.data.decided import DecidedGames
    from ringrift.selfplay.soak import due, play_one, resident_bytes

    end = None if minutes is None else time.monotonic() + 60 * minutes
    total = None if plan.games is None else max(0, plan.games - state.games)
    kept = f"no fault so far; the same command goes on in {folder}"
    with on_request(kept) as request, progress_bar("soak", total) as told:

        def tell(at: ShardProgress) -> None:
            told(made, at)
            request.check()

        while plan.games is None or state.games < plan.games:
            config = str(due(plan, state))
            made.append(play_one(plan, state, folder, tell))
            decided[config] = decided.get(config, DecidedGames()) + made[-1].decided
            memory.append(resident_bytes())
            settled = memory[len(plan.configs) - 1 :]  # every config has had its arrays by then
            if settled and settled[-1] - settled[0] > memory_growth << 20:
                raise NegativeVerdict(
                    f"memory grew from {settled[0] >> 20} to {settled[-1] >> 20} MiB in "
                    f"{len(settled)} shards, more than --memory-growth {memory_growth}"
                )
            request.check()
            if end is not None and time.monotonic() >= end:
                return


def _say(
    plan: Plan,
    state: State,
    made: list[ShardResult],
    decided: dict[str, DecidedGames],
    memory: list[int],
    folder: Path,
    engine: str,
    *,
    json: bool,
) -> None:
    """What was played and looked at."""
    seconds = sum(result.seconds for result in made)
    played = sum(result.games for result in made)
    figures: dict[str, Any] = {
        "configs": [str(one) for one in plan.configs],
        "engine": engine,
        "models": state.models,
        "seed": plan.seed,
        "shards": state.shards,
        "games": state.games,
        "in_hand": state.in_hand,
        "checked": state.checked,
        "compared": state.compared,
        "seconds": seconds,
        "games_per_second": played / seconds if seconds else 0.0,
        "positions_per_second": sum(r.positions for r in made) / seconds if seconds else 0.0,
        "victories": dict(endings_of(made)),
        "archived": sum(result.archived for result in made),
        "decided": decided_figures(decided_of(made)),
        "memory": [size >> 20 for size in (memory[0], max(memory), memory[-1])] if memory else [],
        "folder": str(folder),
    }
    if json:
        print(jsonlib.dumps(figures))
        return
    grown = figures["memory"]
    print(
        f"soak of {', '.join(figures['configs'])} by {engine}, seed {plan.seed}: {state.shards} shards, "
        f"{state.games:,} games, {state.checked} checked, {state.compared} compared with the oracle"
    )
    if state.in_hand:
        print(f"{state.in_hand} games of the shard in hand are in its checkpoint, beside them")
    if memory:
        print(
            f"{figures['games_per_second']:.1f} games/s, "
            f"{figures['positions_per_second']:.0f} positions/s; "
            f"memory {grown[0]} MiB at first, {grown[1]} at most, {grown[2]} now"
        )
        print(f"endings: {endings_text(endings_of(made))}")
        if any(plan.archives.values()):
            print(f"{figures['archived']} games began in stored ones")
        for one, its_own in decided.items():
            for line in decided_lines(its_own, plan.rules[one].most_false):
                print(line if len(plan.configs) == 1 else f"{one}: {line.lstrip()}")
    print(f"shards in {folder}")
