"""From a file of games to a shard that may be learned from, or to quarantine with the reason.

    read      name is the sha256 of the bytes, every line is a record, nothing is cut off
    judge     the quality gate (`ringrift.data.quality`)
    replay    a sample of the games against the complete legal lists, ends compared
    adopt     into the blob store under its content's name

Nothing here knows SQL: the caller writes what the report says into the ledger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ringrift.configs import Config
from ringrift.data.quality import faults
from ringrift.data.replay import check_legal
from ringrift.errors import BadInput
from ringrift.rules.records import SUFFIX, GameRecord, RecordReader
from ringrift.store.blobs import BlobStore, file_sha256

T = TypeVar("T")

#: Games of a file that are replayed against the legal lists, spread evenly over it.
SAMPLE = 16


class BadShard(BadInput):
    """A file of games that must not be used; the message is the reason."""


@dataclass(frozen=True, slots=True)
class GameSummary:
    """One game of a shard, as the ledger keeps it."""

    #: Derived id of the record.
    id: str
    #: Line among the games of the file, from 0.
    number: int
    #: Seed of the game.
    seed: int
    #: Seat that won.
    winner: int
    #: How it ended.
    victory: str
    #: Moves, bookkeeping included.
    plies: int
    #: Turns begun.
    turns: int
    #: Decisions with a policy target.
    positions: int
    #: Recorded decisions.
    decisions: int


@dataclass(frozen=True, slots=True)
class ShardReport:
    """A file of games that passed."""

    #: Where it lies.
    path: Path
    #: Its content's name.
    sha256: str
    #: Board and players of all its games.
    config: Config
    #: What the file says it was made from.
    spec: Mapping[str, Any] | None
    #: Its games in order.
    games: tuple[GameSummary, ...]

    @property
    def positions(self) -> int:
        """Decisions with a policy target."""
        return sum(game.positions for game in self.games)

    @property
    def plies(self) -> int:
        """Moves of all games."""
        return sum(game.plies for game in self.games)

    @property
    def victories(self) -> dict[str, int]:
        """Ending -> games."""
        return dict(Counter(game.victory for game in self.games).most_common())


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A file that was moved away."""

    #: Where it was.
    path: Path
    #: Where it is now; a text with the reason lies beside it.
    moved_to: Path
    #: Why.
    reason: str


def check_shard(path: Path, config: Config | None = None, sample: int = SAMPLE) -> ShardReport:
    """Read, judge and replay a file where it lies; BadShard with the reason if it must not be used."""
    try:
        reader = RecordReader(path)
        games = list(reader)
    except BadInput as error:
        raise BadShard(str(error)) from None
    found = faults(games, config)
    if found:
        raise BadShard(f"{path}: " + "; ".join(found))
    for game in spread(games, sample):
        try:
            check_legal(game)
        except BadInput as error:
            raise BadShard(f"{path}: {error}") from None
    return ShardReport(
        path=path,
        sha256=path.name.removesuffix(SUFFIX),
        config=games[0].config,
        spec=reader.spec,
        games=tuple(summarise(games)),
    )


def sync_shard(
    path: Path, store: BlobStore, config: Config | None = None, sample: int = SAMPLE
) -> ShardReport | Quarantined:
    """Check a file and take it into the store, or move it to quarantine.

    A file that lies in the store already is checked in place. Doing it twice changes nothing. The
    file must exist; a missing one is a BadInput, not a bad shard.
    """
    if not path.exists():
        raise BadInput(f"{path}: no such file of games")
    try:
        report = check_shard(path, config, sample)
    except BadShard as error:
        reason = str(error)
        named = path.name.removesuffix(SUFFIX)
        moved = store.quarantine(path, reason, named, _found(path))
        return Quarantined(path, moved, reason)
    if path.resolve().parent == (store.home / "shards").resolve():
        return report
    blob = store.adopt(path, "shards")
    return ShardReport(blob.path, blob.sha256, report.config, report.spec, report.games)


def _found(path: Path) -> str:
    """Hash of a bad file, as far as it can be read."""
    try:
        return file_sha256(path)
    except OSError as error:
        return f"nothing: {error.strerror or error}"


def summarise(games: Iterable[GameRecord]) -> Iterator[GameSummary]:
    """What the ledger keeps of each game."""
    for number, game in enumerate(games):
        yield GameSummary(
            id=game.id,
            number=number,
            seed=game.seed,
            winner=game.result.winner,
            victory=game.result.victory,
            plies=game.result.plies,
            turns=game.result.turns,
            positions=sum(decision.full for decision in game.decisions),
            decisions=len(game.decisions),
        )


def spread(games: Sequence[T], sample: int) -> Sequence[T]:
    """At most `sample` games, evenly spaced, the first included."""
    if sample <= 0:
        return ()
    step = max(1, -(-len(games) // sample))
    return games[::step]
