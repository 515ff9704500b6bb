"""Work as scheduling sees it: what open runs have still to do, and what devices did for each config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from ringrift.store.games import INGESTED, PRODUCED
from ringrift.store.ledger import Tx
from ringrift.store.models import CANDIDATE
from ringrift.store.runs import CLOSED, FAILED, OPEN
from ringrift.store.schema import datasets, games, models, runs, shards, stages
from ringrift.store.stages import DONE, PENDING, RUNNING, SETTLED

#: Stages whose units take a device, or a core where there is none.
ON_DEVICES: Final = ("selfplay", "train", "evaluate")


@dataclass(frozen=True, slots=True)
class Load:
    """The stage that an open run is in, its units counted."""

    run_id: str
    config: str
    iteration: int
    #: Plays beside an iteration.
    backfill: bool
    #: Of the run's selfplay messages; 0 goes first.
    priority: int
    stage: str
    units: int
    #: Done, or given up.
    settled: int
    #: Claimed.
    running: int
    #: Handed over lately, and claimed by nobody yet.
    sent: int
    #: Neither.
    fresh: int
    #: Mean seconds of those that are done, None before the first.
    seconds: float | None


def loads(tx: Tx, patience: float) -> list[Load]:
    """Each open run at its stage, oldest first; `patience`: seconds after which what was handed over counts as lost."""
    found: dict[str, Load] = {}
    for row in tx.conn.execute(_loads(), {"since": tx.now - patience}):
        if row.id in found or row.settled == row.units:
            continue
        found[row.id] = Load(
            run_id=row.id,
            config=row.config,
            iteration=row.iteration,
            backfill=row.backfill,
            priority=row.priority,
            stage=row.stage,
            units=row.units,
            settled=row.settled,
            running=row.running,
            sent=row.sent,
            fresh=row.units - row.settled - row.running - row.sent,
            seconds=None if row.seconds is None else max(0.0, float(row.seconds)),
        )
    return list(found.values())


@cache
def _loads() -> sa.Select[Any]:
    sent = sa.and_(stages.c.state == PENDING, stages.c.issued_at > sa.bindparam("since"))
    took = stages.c.finished_at - stages.c.claimed_at
    return (
        sa.select(
            runs.c.id,
            runs.c.config,
            runs.c.iteration,
            runs.c.backfill,
            runs.c.priority,
            stages.c.stage,
            sa.func.count().label("units"),
            _count(stages.c.state.in_(SETTLED)).label("settled"),
            _count(stages.c.state == RUNNING).label("running"),
            _count(sent).label("sent"),
            sa.func.avg(sa.case((stages.c.state == DONE, took))).label("seconds"),
        )
        .join(runs, runs.c.id == stages.c.run_id)
        .where(runs.c.state == OPEN)
        .group_by(
            runs.c.id,
            runs.c.config,
            runs.c.iteration,
            runs.c.backfill,
            runs.c.priority,
            runs.c.opened_at,
            stages.c.stage,
            stages.c.position,
        )
        .order_by(runs.c.opened_at, runs.c.id, stages.c.position)
    )


def _count(condition: sa.ColumnElement[bool]) -> sa.Function[int]:
    return sa.func.sum(sa.case((condition, 1), else_=0))


def device_seconds(tx: Tx, since: float) -> dict[str, float]:
    """Seconds that devices worked for each config since then: what is done, and what is at work now."""
    found = tx.conn.execute(_device_seconds(), {"since": since, "now": tx.now})
    return {row.config: max(0.0, float(row.seconds)) for row in found}


@cache
def _device_seconds() -> sa.Select[Any]:
    since, now = sa.bindparam("since", type_=sa.Float), sa.bindparam("now", type_=sa.Float)
    start = sa.case((stages.c.claimed_at < since, since), else_=stages.c.claimed_at)
    end = sa.case((stages.c.state == RUNNING, now), else_=stages.c.finished_at)
    return (
        sa.select(runs.c.config, sa.func.sum(end - start).label("seconds"))
        .join(runs, runs.c.id == stages.c.run_id)
        .where(
            # First the runs, which are few: rows of stages are found by their run.
            sa.or_(runs.c.state != CLOSED, runs.c.closed_at >= since),
            stages.c.stage.in_(ON_DEVICES),
            stages.c.claimed_at.is_not(None),
            sa.or_(stages.c.state == RUNNING, stages.c.finished_at > since),
        )
        .group_by(runs.c.config)
    )


def fresh_units(tx: Tx, run_id: str, stage: str, patience: float, limit: int) -> list[str]:
    """The first units of a stage that nobody has and that were not handed over lately."""
    query = (
        sa.select(stages.c.unit)
        .where(
            stages.c.run_id == run_id,
            stages.c.stage == stage,
            stages.c.state == PENDING,
            sa.or_(stages.c.issued_at.is_(None), stages.c.issued_at <= tx.now - patience),
        )
        .order_by(stages.c.number, stages.c.unit)
        .limit(limit)
    )
    return list(tx.conn.scalars(query))


def any_fresh(tx: Tx, patience: float) -> bool:
    """Whether any open run has a shard that nobody has and that was not handed over lately."""
    return tx.conn.scalar(_ANY_FRESH, {"since": tx.now - patience}) is not None


_ANY_FRESH = (
    sa.select(stages.c.id)
    .join(runs, runs.c.id == stages.c.run_id)
    .where(
        runs.c.state == OPEN,
        stages.c.stage == "selfplay",
        stages.c.state == PENDING,
        sa.or_(stages.c.issued_at.is_(None), stages.c.issued_at <= sa.bindparam("since")),
    )
    .limit(1)
)


def planned_games(tx: Tx, run_id: str) -> float:
    """Games of a shard of a run, on average."""
    query = sa.select(sa.func.avg(shards.c.planned_games)).where(shards.c.run_id == run_id)
    return float(tx.conn.scalar(query) or 0.0)


@dataclass(frozen=True, slots=True)
class Supply:
    """What a config has to learn from. Positions are decisions with a policy target."""

    #: In shards that are taken in, and may be learned from.
    positions: int = 0
    #: Of these, from runs after the last one that trained, or from backfill runs that ended after its export.
    new: int = 0
    #: In shards that are played and not taken in yet.
    coming: int = 0
    #: Games in shards that are taken in.
    games: int = 0
    #: Of these in quarantine.
    quarantined: int = 0
    #: When the newest candidate was registered, None before the first; seconds since 1970.
    trained_at: float | None = None


def supply(tx: Tx, config: str, known: Mapping[str, Supply] | None = None) -> Supply:
    """What a config has to learn from now, without what is in quarantine; `known`: `supplies` of this moment."""
    found = (supplies(tx) if known is None else known).get(config, Supply())
    last = _last_trained().where(models.c.config == config)
    row = tx.conn.execute(last).first()
    new = _is_new(0, 0.0) if row is None else _is_new(row.iteration, row.exported_at or 0.0)
    faulty = tx.conn.execute(
        sa.select(
            sa.func.count().label("games"),
            sa.func.sum(games.c.positions).label("positions"),
            sa.func.sum(sa.case((new, games.c.positions), else_=0)).label("new"),
        )
        .select_from(games.join(shards).join(runs, runs.c.id == shards.c.run_id))
        .where(games.c.config == config, games.c.fault.is_not(None), shards.c.state == INGESTED)
    ).one()
    return replace(
        found,
        positions=found.positions - int(faulty.positions or 0),
        new=found.new - int(faulty.new or 0),
        quarantined=int(faulty.games),
    )


def supplies(tx: Tx) -> dict[str, Supply]:
    """What each config with shards has to learn from, without a look at every game.

    Positions of games in quarantine are in it; how many games these are is what stages said.
    """
    bad = _said_quarantined(tx)
    return {
        row.config: Supply(
            positions=int(row.positions or 0),
            new=int(row.new or 0),
            coming=int(row.coming or 0),
            games=int(row.games or 0),
            quarantined=bad.get(row.config, 0),
            trained_at=row.trained_at,
        )
        for row in tx.conn.execute(_supplies())
    }


@cache
def _supplies() -> sa.Select[Any]:
    last = _last_trained().subquery()
    taken = shards.c.state == INGESTED
    new = sa.and_(taken, _is_new(sa.func.coalesce(last.c.iteration, 0), last.c.exported_at))
    return (
        sa.select(
            shards.c.config,
            _sum(taken, shards.c.positions).label("positions"),
            _sum(new, shards.c.positions).label("new"),
            _sum(shards.c.state == PRODUCED, shards.c.positions).label("coming"),
            _sum(taken, shards.c.games).label("games"),
            sa.func.max(last.c.trained_at).label("trained_at"),
        )
        .join(runs, runs.c.id == shards.c.run_id)
        .outerjoin(last, last.c.config == shards.c.config)
        .group_by(shards.c.config)
    )


def _said_quarantined(tx: Tx) -> dict[str, int]:
    """Games that the parity gate and exports kept out, of runs whose other games may be used."""
    return {row.config: int(row.games) for row in tx.conn.execute(_quarantined())}


@cache
def _quarantined() -> sa.Select[Any]:
    number = stages.c.result["quarantined"].as_integer()
    return (
        sa.select(runs.c.config, sa.func.sum(number).label("games"))
        .join(runs, runs.c.id == stages.c.run_id)
        .where(
            stages.c.stage.in_(("parity", "export")),
            stages.c.unit == "",  # with run and stage the whole key: rows are found, not searched
            stages.c.state == DONE,
            sa.or_(runs.c.outcome.is_(None), runs.c.outcome != FAILED),
            number > 0,
        )
        .group_by(runs.c.config)
    )


def _sum(condition: sa.ColumnElement[bool], column: sa.Column[Any]) -> sa.Function[Any]:
    return sa.func.sum(sa.case((condition, column), else_=0))


def _is_new(iteration: Any, exported_at: Any) -> sa.ColumnElement[bool]:
    """Whether the games of a run are new since the training of that number, whose dataset was made at that time."""
    late = sa.and_(runs.c.backfill, runs.c.closed_at > exported_at)
    return sa.or_(runs.c.iteration > iteration, late)


def _last_trained() -> sa.Select[Any]:
    """Config, number of its last run that trained a candidate, when its dataset was made, and when it had trained."""
    return (
        sa.select(
            models.c.config,
            sa.func.max(runs.c.iteration).label("iteration"),
            sa.func.max(datasets.c.created_at).label("exported_at"),
            sa.func.max(models.c.created_at).label("trained_at"),
        )
        .join(runs, runs.c.id == models.c.run_id)
        .outerjoin(datasets, datasets.c.run_id == runs.c.id)
        .where(models.c.kind == CANDIDATE)
        .group_by(models.c.config)
    )
