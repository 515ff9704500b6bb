"""What maintenance reads of units of work, and how it takes one back that nobody gets done.

Apart from `stages`, which is the way that work itself goes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from ringrift.store.ledger import Tx
from ringrift.store.runs import OPEN, name_of
from ringrift.store.schema import match_games, matches, runs, stages
from ringrift.store.stages import (
    ABANDONED,
    DONE,
    PENDING,
    RUNNING,
    StageRow,
    first_lately,
    settle_abandoned,
    tell_failed,
)

#: Times that are so much later than now were not noted by another connection a moment ago.
FUTURE_SECONDS = 5.0

#: Ids in one statement: SQLite takes 32 766 values, and long lists are slow to parse.
MOST_IDS = 1000


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of work and what it belongs to."""

    row: StageRow
    config: str
    #: Number of the run within its config.
    iteration: int
    #: Whether its run is open: in a closed one nothing is done any more.
    open: bool
    #: Whether that plays beside an iteration.
    backfill: bool = False

    @property
    def of(self) -> str:
        """Config and run, within a sentence: `hex8:2 run 7`, `hex8:2 backfill run 8`."""
        return f"{self.config} {name_of(self.iteration, self.backfill)}"


_COLUMNS = [stages.c[name] for name in StageRow.__dataclass_fields__]
_RUN = [
    runs.c.config.label("of_config"),
    runs.c.iteration.label("of_iteration"),
    runs.c.state.label("of_state"),
    runs.c.backfill.label("of_backfill"),
]


def _units(tx: Tx, where: sa.ColumnElement[bool]) -> list[Unit]:
    query = sa.select(*_COLUMNS, *_RUN).join(runs, runs.c.id == stages.c.run_id).where(where)
    query = query.order_by(runs.c.opened_at, stages.c.position, stages.c.number, stages.c.unit)
    return [
        Unit(
            StageRow(**{name: row[name] for name in StageRow.__dataclass_fields__}),
            row["of_config"],
            row["of_iteration"],
            row["of_state"] == OPEN,
            row["of_backfill"],
        )
        for row in tx.conn.execute(query).mappings()
    ]


def units(tx: Tx, ids: Iterable[str]) -> dict[str, Unit]:
    """The units with these ids (of rows, which are those of their tasks), by id."""
    found = []
    for part in _parts(ids):
        found += _units(tx, stages.c.id.in_(part))
    return {unit.row.id: unit for unit in found}


def units_like(tx: Tx, start: str, limit: int = 50) -> list[Unit]:
    """Units whose id, run or name begins so, at most so many."""
    of = (stages.c.id, stages.c.run_id, stages.c.unit)
    return _units(tx, sa.or_(*(c.startswith(start, autoescape=True) for c in of)))[:limit]


def handed_over(tx: Tx, before: float) -> list[Unit]:
    """Units of open runs that were handed over earlier than that and are claimed by nobody.

    Those too whose claim went silent before they were handed over.
    """
    silent = sa.and_(
        stages.c.state == RUNNING,
        stages.c.lease_until <= tx.now,
        stages.c.lease_until <= stages.c.issued_at,
        stages.c.claimed_at < stages.c.issued_at,
    )
    return _units(
        tx,
        sa.and_(
            runs.c.state == OPEN,
            sa.or_(stages.c.state == PENDING, silent),
            stages.c.issued_at.is_not(None),
            stages.c.issued_at <= before,
        ),
    )


def at_work(tx: Tx) -> list[Unit]:
    """Units of open runs that somebody has claimed, whether he still says so or not."""
    return _units(tx, sa.and_(runs.c.state == OPEN, stages.c.state == RUNNING))


def longest_seconds(tx: Tx, config: str, stage: str) -> tuple[int, float]:
    """How many units of a stage were done lately, and how long the longest of them took."""
    took = stages.c.finished_at - stages.c.claimed_at
    query = (
        sa.select(sa.func.count(), sa.func.max(took))
        .select_from(stages.join(runs, runs.c.id == stages.c.run_id))
        .where(
            runs.c.config == config,
            runs.c.iteration >= first_lately(config),
            stages.c.stage == stage,
            stages.c.state == DONE,
        )
    )
    number, seconds = tx.conn.execute(query).one()
    return int(number), float(seconds or 0.0)


def run_states(tx: Tx, ids: Iterable[str]) -> dict[str, str]:
    """Id of each of these runs that is known -> its state."""
    found: dict[str, str] = {}
    for part in _parts(ids):
        query = sa.select(runs.c.id, runs.c.state).where(runs.c.id.in_(part))
        found.update((str(row.id), str(row.state)) for row in tx.conn.execute(query))
    return found


def missing_games(tx: Tx, ids: Iterable[str]) -> dict[str, int]:
    """Id of each of these matches that is known -> how many of its games nobody has played."""
    found: dict[str, int] = {}
    for part in _parts(ids):
        query = (
            sa.select(matches.c.id, (matches.c.games - sa.func.count(match_games.c.id)).label("n"))
            .select_from(matches.outerjoin(match_games, match_games.c.match_id == matches.c.id))
            .where(matches.c.id.in_(part))
            .group_by(matches.c.id, matches.c.games)
        )
        found.update((str(row.id), int(row.n)) for row in tx.conn.execute(query))
    return found


def forget_future(tx: Tx, run_id: str) -> int:
    """Take what was noted of a run's units at times to come as noted now; how many units.

    The clock was set back since. Until those times came again nobody would be given up for dead, and
    no lost message be sent again. Whoever is alive renews his claim as ever.
    """
    later, of_run = tx.now + FUTURE_SECONDS, stages.c.run_id == run_id
    sent = tx.conn.execute(
        stages.update().where(of_run, stages.c.issued_at > later).values(issued_at=tx.now)
    )
    claimed = tx.conn.execute(
        stages.update()
        .where(of_run, stages.c.state == RUNNING, stages.c.heartbeat_at > later)
        .values(
            claimed_at=sa.case((stages.c.claimed_at > tx.now, tx.now), else_=stages.c.claimed_at),
            heartbeat_at=tx.now,
            lease_until=tx.now + (stages.c.lease_until - stages.c.heartbeat_at),
        )
    )
    return int(sent.rowcount + claimed.rowcount)


def take_back(tx: Tx, row: StageRow, error: str) -> str | None:
    """Count a failure of a unit and have it tried again; its new state, None if it changed meanwhile.

    Whoever has claimed it is refused from now on. After its last allowed failure it is abandoned.
    """
    failures = row.failures + 1
    same = (
        stages.c.id == row.id,
        stages.c.attempt == row.attempt,
        stages.c.state == row.state,
        stages.c.failures == row.failures,
        stages.c.run_id.in_(sa.select(runs.c.id).where(runs.c.state == OPEN)),
    )
    values = {"state": PENDING, "failures": failures, "error": error}
    nobody = {"issued_at": None, "lease_until": None}
    if tx.conn.execute(stages.update().where(*same).values(**values, **nobody)).rowcount != 1:
        return None
    if failures >= row.max_failures:
        settle_abandoned(tx, row, failures, error)
        return ABANDONED
    tell_failed(tx, row, failures, error)
    return PENDING


def _parts(ids: Iterable[str]) -> list[list[str]]:
    """Distinct ids in parts that fit a statement."""
    every = sorted(set(ids))
    return [every[start : start + MOST_IDS] for start in range(0, len(every), MOST_IDS)]
