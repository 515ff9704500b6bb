"""Runs: one iteration of one config, or games beside it, opened, worked on, and closed with its totals.

A *backfill* run (the batch scheduler's word) only plays: its games are those of the iterations after it. They share
one count: a run is newer than another of its config when its number is larger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import sqlalchemy as sa

from ringrift.errors import NegativeVerdict
from ringrift.store.ids import run_id as derive
from ringrift.store.ledger import Tx, insert_once
from ringrift.store.schema import games, match_games, matches, runs, shards

OPEN, CLOSED = "open", "closed"

#: Priority of a run's selfplay messages unless its config's weight says otherwise.
PRIORITY = 6

#: Outcomes: a new champion; evidence against the candidate; games collected, but too few to learn
#: from yet; gave up.
PROMOTED, REJECTED, COLLECTED, FAILED = "promoted", "rejected", "collected", "failed"


class RunClosed(NegativeVerdict):
    """The run is closed: nothing of it may change any more."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as it stands."""

    id: str
    config: str
    iteration: int
    seed: int
    start_model: str
    champion: str | None
    plan: dict[str, Any]
    plan_digest: str
    state: str
    outcome: str | None
    reason: str | None
    totals: dict[str, Any] | None
    opened_at: float
    closed_at: float | None
    #: Of its selfplay messages: 0 goes first, 9 last.
    priority: int
    #: Plays beside an iteration, and trains nothing.
    backfill: bool

    @property
    def label(self) -> str:
        """Short, beside its config: `#7`, `#8 backfill`."""
        return label_of(self.iteration, self.backfill)

    @property
    def name(self) -> str:
        """Within a sentence: `run 7`, `backfill run 8`."""
        return name_of(self.iteration, self.backfill)


@dataclass(frozen=True, slots=True)
class Failures:
    """Runs of a config that failed one after the other, up to its newest."""

    number: int
    #: Why the newest of them was closed, and when, in seconds since 1970.
    reason: str
    at: float


def label_of(number: int, backfill: bool) -> str:
    """How people are told of a run, beside its config: `#7`, `#8 backfill`."""
    return f"#{number} backfill" if backfill else f"#{number}"


def name_of(number: int, backfill: bool) -> str:
    """The same within a sentence: `run 7`, `backfill run 8`."""
    return f"backfill run {number}" if backfill else f"run {number}"


_COLUMNS = [runs.c[name] for name in RunRow.__dataclass_fields__]

#: Asked often, so built once.
_ONE = sa.select(*_COLUMNS).where(runs.c.id == sa.bindparam("run"))
_ALL_OPEN = sa.select(*_COLUMNS).where(runs.c.state == OPEN).order_by(runs.c.opened_at)
_ITERATIONS = sa.and_(runs.c.config == sa.bindparam("config"), sa.not_(runs.c.backfill))
_LAST = sa.select(*_COLUMNS).where(_ITERATIONS).order_by(runs.c.iteration.desc()).limit(1)
_CLOSED = sa.select(sa.func.count()).where(_ITERATIONS, runs.c.state == CLOSED)
_NUMBER = sa.select(sa.func.max(runs.c.iteration)).where(runs.c.config == sa.bindparam("config"))
_ENDS = (
    sa.select(runs.c.outcome, runs.c.reason, runs.c.closed_at)
    .where(
        runs.c.config == sa.bindparam("config"),
        runs.c.state == CLOSED,
        runs.c.backfill == sa.bindparam("backfill"),
    )
    .order_by(runs.c.iteration.desc())
    .limit(sa.bindparam("most"))
)


def insert_run(
    tx: Tx,
    *,
    config: str,
    iteration: int,
    seed: int,
    start_model: str,
    champion: str | None,
    plan: Mapping[str, Any],
    plan_digest: str,
    priority: int = PRIORITY,
    backfill: bool = False,
) -> RunRow | None:
    """Open a run; None if an iteration of this config is open, or a run has this number: read that one instead."""
    row = {
        "id": derive(config, iteration, start_model, champion, plan_digest),
        "config": config,
        "iteration": iteration,
        "seed": seed,
        "start_model": start_model,
        "champion": champion,
        "plan": dict(plan),
        "plan_digest": plan_digest,
        "priority": priority,
        "backfill": backfill,
        "state": OPEN,
        "opened_at": tx.now,
    }
    if insert_once(tx, runs, [row]) == 0:
        return None
    return get_run(tx, str(row["id"]))


def get_run(tx: Tx, run_id: str) -> RunRow:
    """One run; KeyError if there is none."""
    row = tx.conn.execute(_ONE, {"run": run_id}).mappings().first()
    if row is None:
        raise KeyError(run_id)
    return RunRow(**row)


def find_runs(tx: Tx, start: str) -> list[RunRow]:
    """Runs whose id begins so, newest first."""
    query = sa.select(*_COLUMNS).where(runs.c.id.startswith(start, autoescape=True))
    found = tx.conn.execute(query.order_by(runs.c.opened_at.desc(), runs.c.id)).mappings()
    return [RunRow(**row) for row in found]


def open_runs(tx: Tx, config: str | None = None) -> list[RunRow]:
    """Runs at work, oldest first."""
    query = _ALL_OPEN if config is None else _ALL_OPEN.where(runs.c.config == config)
    return [RunRow(**row) for row in tx.conn.execute(query).mappings()]


def last_run(tx: Tx, config: str) -> RunRow | None:
    """The newest iteration of a config."""
    row = tx.conn.execute(_LAST, {"config": config}).mappings().first()
    return None if row is None else RunRow(**row)


def open_iteration(tx: Tx, config: str) -> RunRow | None:
    """The iteration of a config that is at work."""
    return next((run for run in open_runs(tx, config) if not run.backfill), None)


def open_backfills(tx: Tx, config: str) -> list[RunRow]:
    """The backfill runs of a config that are at work, oldest first."""
    return [run for run in open_runs(tx, config) if run.backfill]


def closed_iterations(tx: Tx, config: str) -> int:
    """How many iterations of a config are closed."""
    return int(tx.conn.scalar(_CLOSED, {"config": config}) or 0)


def last_number(tx: Tx, config: str) -> int:
    """Number of the newest run of a config, backfill runs included; 0 before the first."""
    return int(tx.conn.scalar(_NUMBER, {"config": config}) or 0)


def failures_in_row(tx: Tx, config: str, most: int, *, backfill: bool = False) -> Failures | None:
    """The newest closed iterations of a config (or backfill runs) as far as they failed, `most` at most.

    None where the newest did not.
    """
    asked = {"config": config, "most": most, "backfill": backfill}
    ends = tx.conn.execute(_ENDS, asked).all()
    failed = list(takewhile(lambda end: end.outcome == FAILED, ends))
    if not failed:
        return None
    return Failures(len(failed), str(failed[0].reason), float(failed[0].closed_at))


def all_runs(tx: Tx) -> list[RunRow]:
    """Every run, by config and number."""
    query = sa.select(*_COLUMNS).order_by(runs.c.config, runs.c.iteration)
    return [RunRow(**row) for row in tx.conn.execute(query).mappings()]


def configs(tx: Tx) -> list[str]:
    """Every config that has a run."""
    return list(tx.conn.scalars(sa.select(runs.c.config).distinct().order_by(runs.c.config)))


def require_open(tx: Tx, run_id: str) -> str:
    """Refuse to change a closed run, else return its plan's digest. Called by each writer."""
    query = sa.select(runs.c.state, runs.c.plan_digest).where(runs.c.id == run_id)
    row = tx.conn.execute(query).first()
    if row is None or row.state != OPEN:
        state = "unknown" if row is None else row.state
        raise RunClosed(f"run {run_id[:12]} is {state}: nothing is added to it")
    return str(row.plan_digest)


def totals(tx: Tx, run_id: str) -> dict[str, int]:
    """Counts of a run, computed from its rows: what a closing run writes, and `verify` compares."""
    conn = tx.conn
    shard_count, planned = conn.execute(
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(shards.c.planned_games), 0)).where(
            shards.c.run_id == run_id
        )
    ).one()
    game_count, plies, positions = conn.execute(
        sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(games.c.plies), 0),
            sa.func.coalesce(sa.func.sum(games.c.positions), 0),
        ).where(games.c.run_id == run_id)
    ).one()
    evaluated = conn.scalar(
        sa.select(sa.func.count())
        .select_from(match_games.join(matches))
        .where(matches.c.run_id == run_id)
    )
    return {
        "shards": int(shard_count),
        "planned_games": int(planned),
        "games": int(game_count),
        "plies": int(plies),
        "positions": int(positions),
        "evaluation_games": int(evaluated or 0),
    }


def close_run(tx: Tx, run_id: str, outcome: str, reason: str) -> bool:
    """Close a run with its outcome and totals; False if it was closed before (a no-op)."""
    closed = tx.conn.execute(
        runs.update()
        .where(runs.c.id == run_id, runs.c.state == OPEN)
        .values(
            state=CLOSED,
            outcome=outcome,
            reason=reason,
            totals=totals(tx, run_id),
            closed_at=tx.now,
        )
    )
    return closed.rowcount == 1
