"""``ringrift selfplay canonical``: records of games that passed the quality and the parity gate."""

from __future__ import annotations

import json as jsonlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringrift.cli.bars import counting_bar
from ringrift.cli.options import ConfigName, Json, Model, Seed, SettingsFile
from ringrift.cli.selfplay_common import (
    MOST_GAMES,
    Backend,
    Engine,
    Rotate,
    Simulations,
    endings_text,
    order,
    who_plays,
)
from ringrift.cli.stopping import Request, on_request
from ringrift.errors import NegativeVerdict

if TYPE_CHECKING:
    from ringrift.selfplay.shard import ShardResult, ShardSpec


@dataclass(slots=True)
class Judged:
    """What became of the games."""

    passed: int = 0
    plies: int = 0
    victories: Counter[str] = field(default_factory=Counter)
    files: list[Path] = field(default_factory=list)
    #: Gate, reason and command that shows it, of each game that did not pass.
    quarantined: list[dict[str, str]] = field(default_factory=list)


def canonical(
    config: ConfigName,
    games: Annotated[
        int, typer.Option(help="games to be played and judged", min=1, max=MOST_GAMES)
    ] = 100,
    model: Model = "champion",
    engine: Engine = "gumbel-mcts",
    rotate: Rotate = False,
    simulations: Simulations = None,
    backend: Backend = None,
    seed: Seed = None,
    out: Annotated[
        Path | None, typer.Option(help="folder; default: canonical/ in the state directory")
    ] = None,
    settings: SettingsFile = None,
    *,
    json: Json = False,
) -> None:
    """Play games and write those that pass both gates as canonical records.

    Every game is checked word by word and position by position, and made again by the oracle. One
    that does not pass lies with its reason and a reproduction in quarantine/ of the folder; exit
    code 1 if there is any, 0 if none. Ctrl-C keeps what was played; the same command with the same
    seed goes on.
    """
    from ringrift.settings import home
    from ringrift.store.blobs import sweep_folder

    found = order(
        "canonical",
        config,
        model,
        engine,
        settings,
        games=games,
        simulations=simulations,
        seed=seed,
        backend=backend,
        rotate=rotate,
    )
    folder = home() / "canonical" if out is None else out.expanduser()
    sweep_folder(folder)  # half files of a command that was killed while it judged
    judged = Judged()
    with on_request(f"what was played is in {folder}; {found.again}") as request:
        made = found.play(folder / "played", request, "canonical: play")
        with _judge_bar(games) as told:
            for spec, result in zip(found.specs, made, strict=True):
                _judge(spec, result, folder, judged, request, told)
    _say(found.specs[0], judged, made, folder, json=json)
    if judged.quarantined:
        raise NegativeVerdict(
            f"{len(judged.quarantined)} of {games} games did not pass: "
            f"{judged.quarantined[0]['reason']}; {judged.quarantined[0]['command']} shows it"
        )


def _judge(
    spec: ShardSpec,
    made: ShardResult,
    folder: Path,
    judged: Judged,
    request: Request,
    told: Callable[[Judged], None],
) -> None:
    """Put the games of a shard through both gates; write those that pass, keep the others apart.

    The gates are pure functions of the records: done again after an interruption, they write the
    same files.
    """
    from ringrift.data.gates import QUALITY, Violation, keep_bad, parity_of, quality_of
    from ringrift.data.quality import faults
    from ringrift.rules.records import RecordReader, write_records
    from ringrift.selfplay.shard import header_of

    records = list(RecordReader(made.path))
    of_all = faults(records, spec.config)
    good = []
    for record in records:
        found = Violation(QUALITY, f"of its shard: {of_all[0]}") if of_all else quality_of(record)
        found = found or parity_of(record, request.check)
        request.check()
        if found is not None:
            kept = keep_bad(record, found, made.path.name, folder / "quarantine")
            about = {"game": record.id, "gate": found.gate, "reason": found.reason}
            judged.quarantined.append(
                {**about, "record": str(kept.record), "command": kept.command}
            )
        else:
            good.append(record)
            judged.passed += 1
            judged.plies += len(record.moves)
            judged.victories[record.result.victory] += 1
        told(judged)
    if good:
        header = header_of(spec, made.backend, made.lanes)
        gates = {"quality": len(good), "parity": len(good), "of": len(records)}
        written = write_records(folder, good, {**header, "gates": gates}).path
        assert written is not None, "the writer was closed"
        judged.files.append(written)


@contextmanager
def _judge_bar(games: int) -> Iterator[Callable[[Judged], None]]:
    """A bar with games, moves compared per second, time left and what was found."""
    start = time.monotonic()
    with counting_bar("canonical: gates", games) as tell:

        def told(judged: Judged) -> None:
            done = judged.passed + len(judged.quarantined)
            seconds = max(time.monotonic() - start, 1e-9)
            rate = f"{done / seconds:.1f} games/s  {judged.plies / seconds:,.0f} moves/s"
            if judged.passed:
                rate += f"  {judged.plies / judged.passed:.0f} plies"
            bad = f"{len(judged.quarantined)} quarantined  "
            tell(done, rate, bad + endings_text(judged.victories))

        yield told


def _say(
    spec: ShardSpec, judged: Judged, made: Sequence[ShardResult], folder: Path, *, json: bool
) -> None:
    """What was played, what passed, what did not."""
    games = judged.passed + len(judged.quarantined)
    figures: dict[str, Any] = {
        "config": str(spec.config),
        "model": spec.model_sha256,
        "engines": [agent.identity for agent in spec.seatings[0]],
        "rotate": spec.rotate,
        "seed": spec.seed,
        "games": games,
        "passed": judged.passed,
        "moves": judged.plies,
        "victories": dict(judged.victories),
        "seconds": sum(result.seconds for result in made),
        "files": [str(path) for path in judged.files],
        "quarantined": judged.quarantined,
    }
    if json:
        print(jsonlib.dumps(figures))
        return
    print(f"{spec.config}, {who_plays(spec)}, seed {spec.seed}: {games} games")
    for gate in ("quality", "parity"):
        failed = sum(game["gate"] == gate for game in judged.quarantined)
        print(f"  {gate:<8} {games - failed} passed, {failed} quarantined")
    for game in judged.quarantined:
        print(f"  {game['game'][:12]}  {game['gate']}: {game['reason']}")
        print(f"  {'':12}  {game['command']}")
    print(f"endings: {endings_text(judged.victories)}")
    print(f"canonical records in {folder}: {judged.passed} games in {len(judged.files)} files")
