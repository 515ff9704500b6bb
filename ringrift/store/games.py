"""Shards and the games in them, and the datasets made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from ringrift.store.ids import dataset_id, shard_id
from ringrift.store.ledger import Tx, insert_once
from ringrift.store.models import INITIAL
from ringrift.store.runs import require_open
from ringrift.store.schema import datasets, games, models, runs, shards

#: Shards whose speed tells how large the next ones are.
MEASURED_SHARDS = 8

#: Runs of a config, the newest ones, in which they are looked for.
MEASURED_RUNS = 16

PLANNED, PRODUCED, INGESTED, QUARANTINED = "planned", "produced", "ingested", "quarantined"


@dataclass(frozen=True, slots=True)
class ShardRow:
    """A shard as it stands; the later fields are None until it is played."""

    id: str
    run_id: str
    config: str
    model: str
    seed: int
    number: int
    planned_games: int
    state: str
    path: str | None
    sha256: str | None
    games: int | None
    positions: int | None
    plies: int | None
    seconds: float | None
    victories: dict[str, int] | None


@dataclass(frozen=True, slots=True)
class GameRow:
    """A game of a shard. Its id is derived from its content: `rules.records.GameRecord.id`."""

    id: str
    shard_id: str
    run_id: str
    config: str
    #: Line of the shard, from 0.
    number: int
    #: Decimal: a 64-bit seed does not fit a signed column.
    seed: str
    #: Seat, 0 for nobody.
    winner: int
    victory: str
    plies: int
    turns: int
    #: Decisions with a policy target.
    positions: int


@dataclass(frozen=True, slots=True)
class FaultyGame:
    """A game of the ledger that nothing may learn from."""

    id: str
    shard_id: str
    #: Decisions with a policy target that are lost with it.
    positions: int
    #: Why.
    fault: str


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """A dataset made of shards."""

    sha256: str
    run_id: str
    config: str
    path: str
    rows: int
    games: int
    heldout_rows: int
    shards: list[str]


_SHARD = [shards.c[name] for name in ShardRow.__dataclass_fields__]
_GAME = [games.c[name] for name in GameRow.__dataclass_fields__]
_DATASET = [datasets.c[name] for name in DatasetRow.__dataclass_fields__]


def plan_shards(
    tx: Tx, *, run_id: str, config: str, model: str, seed: int, sizes: Sequence[int]
) -> list[ShardRow]:
    """Make the rows of a run's shards, `sizes[i]` games in shard i; their sizes are final."""
    require_open(tx, run_id)
    rows = [
        {
            "id": shard_id(run_id, config, model, seed, number, size),
            "run_id": run_id,
            "config": config,
            "model": model,
            "seed": seed,
            "number": number,
            "planned_games": size,
            "state": PLANNED,
        }
        for number, size in enumerate(sizes)
    ]
    insert_once(tx, shards, rows)
    return shards_of(tx, run_id)


def shards_of(tx: Tx, run_id: str) -> list[ShardRow]:
    """The shards of a run, in their order."""
    query = sa.select(*_SHARD).where(shards.c.run_id == run_id).order_by(shards.c.number)
    return [ShardRow(**row) for row in tx.conn.execute(query).mappings()]


def get_shard(tx: Tx, shard: str) -> ShardRow:
    """One shard; KeyError if there is none."""
    row = tx.conn.execute(sa.select(*_SHARD).where(shards.c.id == shard)).mappings().first()
    if row is None:
        raise KeyError(shard)
    return ShardRow(**row)


def shard_paths(tx: Tx, contents: Sequence[str]) -> dict[str, str]:
    """Where the shards with these sha256 lie, as the ledger writes paths; those that it does not know are left out."""
    query = sa.select(shards.c.sha256, shards.c.path).where(shards.c.sha256.in_(contents))
    return {row.sha256: row.path for row in tx.conn.execute(query)}


def players_of(tx: Tx, contents: Sequence[str]) -> list[str]:
    """sha256 of the models that played the shard files of these sha256."""
    query = sa.select(shards.c.model).where(shards.c.sha256.in_(contents)).distinct()
    return list(tx.conn.scalars(query)) if contents else []


def record_shard(
    tx: Tx,
    shard: str,
    *,
    path: str,
    sha256: str,
    games_played: int,
    positions: int,
    plies: int,
    seconds: float,
    victories: Mapping[str, int],
) -> None:
    """Note where a played shard lies; the first to tell holds."""
    tx.conn.execute(
        shards.update()
        .where(shards.c.id == shard, shards.c.state == PLANNED)
        .values(
            path=path,
            sha256=sha256,
            games=games_played,
            positions=positions,
            plies=plies,
            seconds=seconds,
            victories=dict(victories),
            state=PRODUCED,
        )
    )


def replan_shard(tx: Tx, shard: str) -> None:
    """Forget a shard's lost or bad file; its games, if any were in the ledger, stay counted out."""
    require_open(tx, get_shard(tx, shard).run_id)
    tx.conn.execute(games.delete().where(games.c.shard_id == shard))
    tx.conn.execute(
        shards.update()
        .where(shards.c.id == shard)
        .values(state=PLANNED, path=None, sha256=None, games=None, positions=None, plies=None)
    )


def ingest_games(tx: Tx, shard: str, rows: Sequence[GameRow]) -> int:
    """Put a shard's games into the ledger; how many were new (0 at a second delivery).

    A game that is already there under another shard (the same weights, seed and moves) is the same
    game, and counts once.
    """
    found = get_shard(tx, shard)
    require_open(tx, found.run_id)
    new = insert_once(tx, games, [asdict(row) for row in rows])
    tx.conn.execute(
        shards.update()
        .where(shards.c.id == shard, shards.c.state == PRODUCED)
        .values(state=INGESTED)
    )
    return new


def mark_quarantined(tx: Tx, shard: str) -> None:
    """Note that a shard must not be used: none of its games count."""
    tx.conn.execute(shards.update().where(shards.c.id == shard).values(state=QUARANTINED))


def game_ids(tx: Tx, shard: str) -> list[str]:
    """Ids of a shard's games in the ledger, by line."""
    query = sa.select(games.c.id).where(games.c.shard_id == shard).order_by(games.c.number)
    return list(tx.conn.scalars(query))


def games_of(tx: Tx, run_id: str) -> list[GameRow]:
    """The games of a run, by shard and line."""
    query = (
        sa.select(*_GAME)
        .select_from(games.join(shards))
        .where(games.c.run_id == run_id)
        .order_by(shards.c.number, games.c.number)
    )
    return [GameRow(**row) for row in tx.conn.execute(query).mappings()]


def note_fault(tx: Tx, game: str, fault: str) -> bool:
    """Keep a game out of every dataset from now on; False if it was already. The first fault holds."""
    noted = tx.conn.execute(
        games.update().where(games.c.id == game, games.c.fault.is_(None)).values(fault=fault)
    )
    return noted.rowcount == 1


def faulty_games(tx: Tx, config: str) -> list[FaultyGame]:
    """The games of a config that nothing may learn from, of shards that may be used otherwise."""
    query = (
        sa.select(games.c.id, games.c.shard_id, games.c.positions, games.c.fault)
        .select_from(games.join(shards))
        .where(games.c.config == config, games.c.fault.is_not(None), shards.c.state != QUARANTINED)
        .order_by(games.c.id)
    )
    return [FaultyGame(**row) for row in tx.conn.execute(query).mappings()]


def has_game(tx: Tx, game: str) -> bool:
    """Whether a game is in the ledger."""
    return tx.conn.scalar(sa.select(games.c.id).where(games.c.id == game)) is not None


def count_games(tx: Tx, config: str | None = None, run_id: str | None = None) -> int:
    """Games in the ledger whose shard is not in quarantine."""
    query = (
        sa.select(sa.func.count())
        .select_from(games.join(shards))
        .where(shards.c.state != QUARANTINED)
    )
    if config is not None:
        query = query.where(games.c.config == config)
    if run_id is not None:
        query = query.where(games.c.run_id == run_id)
    return int(tx.conn.scalar(query) or 0)


def ingested_shards(tx: Tx, config: str, until: int | None = None) -> list[ShardRow]:
    """Every shard of a config whose games are in the ledger, newest first; of runs up to number `until`."""
    upto = sa.true() if until is None else runs.c.iteration <= until
    query = (
        sa.select(*_SHARD)
        .join(runs, runs.c.id == shards.c.run_id)
        .where(shards.c.config == config, shards.c.state == INGESTED, upto)
        .order_by(runs.c.iteration.desc(), shards.c.number.desc())
    )
    return [ShardRow(**row) for row in tx.conn.execute(query).mappings()]


def shard_files(tx: Tx, config: str) -> list[tuple[str, int]]:
    """Path and games of every shard of a config whose games are in the ledger."""
    query = sa.select(shards.c.path, shards.c.games).where(
        shards.c.config == config, shards.c.state == INGESTED
    )
    return [(str(row.path), int(row.games or 0)) for row in tx.conn.execute(query)]


def games_per_second(
    tx: Tx, config: str, *, untrained: bool, latest: int = MEASURED_SHARDS
) -> float | None:
    """Speed at which the latest shards of a config were played, one worker each; None if none was.

    Games of an untrained network, which is not computed, are a hundred times faster: they are
    counted by themselves.
    """
    kind = models.c.kind == INITIAL
    # Of its newest runs only: all shards of a long life would be sorted for the last few.
    newest = sa.select(sa.func.max(runs.c.iteration)).where(runs.c.config == config)
    query = (
        sa.select(shards.c.games, shards.c.seconds)
        .join(runs, runs.c.id == shards.c.run_id)
        .join(models, models.c.sha256 == shards.c.model)
        .where(
            runs.c.config == config,
            runs.c.iteration > newest.scalar_subquery() - MEASURED_RUNS,
            shards.c.games > 0,
            shards.c.seconds > 0,
        )
        .where(kind if untrained else sa.not_(kind))
        .order_by(runs.c.iteration.desc(), shards.c.number.desc())
        .limit(latest)
    )
    rows = tx.conn.execute(query).all()
    return sum(row.games for row in rows) / sum(row.seconds for row in rows) if rows else None


def all_shards(tx: Tx) -> list[ShardRow]:
    """Every shard."""
    query = sa.select(*_SHARD).order_by(shards.c.run_id, shards.c.number)
    return [ShardRow(**row) for row in tx.conn.execute(query).mappings()]


def add_dataset(tx: Tx, row: DatasetRow) -> bool:
    """Register a dataset; False if it is there."""
    plan = require_open(tx, row.run_id)
    identity = dataset_id(row.run_id, row.shards, plan)
    values: dict[str, Any] = {"id": identity, **asdict(row), "created_at": tx.now}
    return insert_once(tx, datasets, [values]) == 1


def dataset_of(tx: Tx, run_id: str) -> DatasetRow | None:
    """The dataset of a run; the last one, if a broken one had to be made again."""
    query = sa.select(*_DATASET).where(datasets.c.run_id == run_id)
    row = tx.conn.execute(query.order_by(datasets.c.created_at.desc())).mappings().first()
    return None if row is None else DatasetRow(**row)


def all_datasets(tx: Tx) -> list[DatasetRow]:
    """Every dataset."""
    query = sa.select(*_DATASET).order_by(datasets.c.sha256)
    return [DatasetRow(**row) for row in tx.conn.execute(query).mappings()]
