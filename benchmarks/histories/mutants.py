"""Coordination with one part broken: each must be noticed by the judge within some histories.

fence       SQL takes writes of every fence, however old
attempt     a worker that lost its claim may still commit what it did
early       a unit may be claimed before the stages before it are settled
twice       a unit that is done may be claimed and done again
evidence    each game of a gate counts twice
gates       one passed gate is enough for a promotion
lost        what was issued once is not issued again
silent      a claim whose worker is dead is never taken over
closed      a closed run may be worked on, and closed again
forgotten   the fence follows Redis's counter alone, which may be lost
sleeper     whoever asked for the lease first takes its number, however long ago that was
outdated    a promotion carries no fence
unsent      shards that wait are never sent
stubborn    the continuous loop works on although a master is there
unfenced    what the continuous loop writes carries no fence
forgetful   a new process of the continuous loop knows nothing of the one before it
learns      a backfill run trains, as an iteration does
again       a backfill run is opened whatever was opened since that was decided
later       a dataset holds what was played beside its run, too
ownerless   a backfill run is opened without any fence
first       shards of backfill runs are sent before those of iterations
unplayed    shards of backfill runs that wait are never sent
two         the ledger takes two open iterations of a config
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa

from ringrift.configs import Config
from ringrift.pipeline import feeding, gates, master, orchestrator, schedule_view, scheduling
from ringrift.pipeline import lease as leases
from ringrift.pipeline import runs as opening
from ringrift.pipeline import stages as bodies
from ringrift.pipeline.context import Context
from ringrift.pipeline.continuous import ContinuousLoop
from ringrift.pipeline.loop_mind import Mind
from ringrift.pipeline.task import Done, Task
from ringrift.settings import Settings
from ringrift.store import games, ledger, matches, models, runs, stages, work
from ringrift.store.ledger import Fence, Tx
from ringrift.store.schema import runs as runs_table
from ringrift.store.schema import stages as stages_table

#: Seconds: longer than any history.
NEVER = 1e12


def _held_by_anybody(claim: stages.Claim) -> sa.ColumnElement[bool]:
    return sa.and_(stages_table.c.id == claim.id, stages_table.c.state == stages.RUNNING)


def _twice(tx: Tx, match: str) -> dict[int, float]:
    once = _wins_by_number(tx, match)
    return {**once, **{number + len(once): score for number, score in once.items()}}


_wins_by_number = matches.wins_by_number


def _always_close(tx: Tx, run_id: str, outcome: str, reason: str) -> bool:
    values: Mapping[str, Any] = {
        "state": runs.CLOSED,
        "outcome": outcome,
        "reason": reason,
        "totals": runs.totals(tx, run_id),
        "closed_at": tx.now,
    }
    tx.conn.execute(runs_table.update().where(runs_table.c.id == run_id).values(**values))
    return True


def _follow_redis(
    tx: Tx, name: str, owner: str, at_least: int = 0, after: int | None = None
) -> Fence:
    del after
    ledger._hold_fence(tx, name)  # noqa: SLF001
    ledger._write_fence(tx, Fence(name, at_least + 1), owner)  # noqa: SLF001
    return Fence(name, at_least + 1)


_take_fence = ledger.take_fence


def _take_late(tx: Tx, name: str, owner: str, at_least: int = 0, after: int | None = None) -> Fence:
    del after
    return _take_fence(tx, name, owner, at_least)


def _due_once(row: stages.StageRow, now: float, _reissue_seconds: float) -> bool:
    if row.state == stages.RUNNING:
        return (row.lease_until or 0.0) <= now
    return row.issued_at is None


def _never_silent(row: stages.StageRow, now: float, reissue_seconds: float) -> bool:
    return row.state != stages.RUNNING and _due(row, now, reissue_seconds)


_due = orchestrator._due  # noqa: SLF001


def _look_once(tx: Tx, settings: Settings, _patience: float) -> schedule_view.View:
    return schedule_view.look(tx, settings, NEVER)


def _fresh_once(tx: Tx, run_id: str, stage: str, _patience: float, limit: int) -> list[str]:
    return _fresh_units(tx, run_id, stage, NEVER, limit)


_fresh_units = work.fresh_units


def _careless_promotion(tx: Tx, **about: Any) -> bool:
    with patch.object(models, "PASS", "fail"), patch.object(models, "evaluations_of", _passed):
        return _promote(tx, **about)


def _passed(tx: Tx, **about: Any) -> list[Any]:
    return [row for row in _evaluations_of(tx, **about) if row.verdict == "fail"] or [
        _Passed() for _ in _evaluations_of(tx, **about)[:1]
    ]


class _Passed:
    verdict = "fail"
    games = 1


_promote = models.promote
_evaluations_of = models.evaluations_of


def _any_row(tx: Tx, run_id: str, stage: str, unit: str = "") -> stages.StageRow | None:
    row = _stage_row(tx, run_id, stage, unit)
    return replace(row, state=stages.PENDING) if row and row.state == stages.DONE else row


_stage_row = stages.stage_row


def _stubborn(loop: ContinuousLoop, _master: object) -> float:
    run = loop._mind.run  # noqa: SLF001
    config = loop._next() if run is None else None  # noqa: SLF001
    if config is not None:
        loop._open(config)  # noqa: SLF001
        return 1.0
    return 60.0 if run is None else loop._bring_forward(run)  # noqa: SLF001


def _begin_unfenced(loop: ContinuousLoop, fence: Fence) -> None:
    _begin(loop, fence)
    loop._fence = None  # noqa: SLF001
    loop._ctx = loop._ctx.with_(fence=None)  # noqa: SLF001


_begin = ContinuousLoop._begin  # noqa: SLF001


def _learning(task: Task) -> Done:
    return bodies.export(replace(task, run=replace(task.run, backfill=False)))


def _open_again(ctx: Context, config: Config, shards: int, _number: int) -> runs.RunRow | None:
    with ctx.ledger.read() as tx:
        number = runs.last_number(tx, str(config)) + 1
    return _open_backfill(ctx, config, shards, number)


def _open_ownerless(ctx: Context, *about: Any) -> runs.RunRow | None:
    return _open_backfill(ctx.with_(fence=None), *about)


_open_backfill = opening.open_backfill


def _with_later(tx: Tx, config: str, until: int | None = None) -> list[games.ShardRow]:
    del until
    return _ingested_shards(tx, config)


_ingested_shards = games.ingested_shards


def _without_backfills(view: schedule_view.View) -> dict[str, int]:
    beside = {run.load.run_id for run in view.open if run.load.backfill}
    return {run: count for run, count in _allot(view).items() if run not in beside}


def _backfills_first(view: schedule_view.View) -> dict[str, int]:
    loads = [run.load for run in view.open if run.load.backfill and run.plays]
    return {load.run_id: load.fresh for load in loads if load.fresh} | _allot(view)


_allot = scheduling.allot


def _insert_any(tx: Tx, **about: Any) -> runs.RunRow | None:
    tx.conn.execute(sa.text("DROP INDEX IF EXISTS ix_runs_one_open"))
    return _insert_run(tx, **about)


_insert_run = runs.insert_run

#: Name -> (where, what, instead).
PATCHES: dict[str, tuple[tuple[Any, str, Any], ...]] = {
    "fence": ((ledger, "check_fence", lambda _tx, _fence: None),),
    "attempt": ((stages, "_held", _held_by_anybody),),
    "early": ((stages, "_earlier_unsettled", lambda *_: False),),
    "twice": ((stages, "stage_row", _any_row),),
    "evidence": ((matches, "wins_by_number", _twice),),
    "gates": (
        (
            gates,
            "all_passed",
            lambda said: any(v.decision.value == "passed" for v in said),
        ),
        (models, "promote", _careless_promotion),
    ),
    "lost": (
        (orchestrator, "_due", _due_once),
        (feeding, "look", _look_once),
        (work, "fresh_units", _fresh_once),
    ),
    "silent": ((orchestrator, "_due", _never_silent),),
    "closed": (
        (runs, "close_run", _always_close),
        (stages, "_run_state", lambda *_: "open"),
        (stages, "_held", _held_by_anybody),
    ),
    "forgotten": ((leases, "take_fence", _follow_redis),),
    "sleeper": ((leases, "take_fence", _take_late),),
    "outdated": ((bodies, "standing_fence", lambda *_: None),),
    "unsent": ((feeding, "allot", lambda _view: {}),),
    "stubborn": ((ContinuousLoop, "_defer", _stubborn),),
    "unfenced": ((ContinuousLoop, "_begin", _begin_unfenced),),
    "forgetful": ((Mind, "of", classmethod(lambda cls, _row: cls())),),
    "learns": ((bodies, "_STAGES", {**bodies._STAGES, "export": _learning}),),  # noqa: SLF001
    "again": ((master, "open_backfill", _open_again),),
    "later": ((games, "ingested_shards", _with_later),),
    "ownerless": ((master, "open_backfill", _open_ownerless),),
    "first": ((feeding, "allot", _backfills_first),),
    "unplayed": ((feeding, "allot", _without_backfills),),
    "two": ((runs, "insert_run", _insert_any),),
}


@contextmanager
def broken(name: str) -> Iterator[None]:
    """Break one part for the length of a block."""
    undo: list[Callable[[], None]] = []
    try:
        for where, what, instead in PATCHES[name]:
            patched = patch.object(where, what, instead)
            patched.start()
            undo.append(patched.stop)
        yield
    finally:
        for stop in reversed(undo):
            stop()
