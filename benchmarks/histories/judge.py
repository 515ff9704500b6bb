"""What must hold after every commit, whoever made it, and at the end of a history.

It reads the database by itself and compares it with what it saw before:

- a claim's number only grows; a row that is done or given up stays so (but a shard whose file was
  found broken before the games were taken in is played again)
- a result is committed by the worker whose claim the row shows, and once
- no unit is claimed or done before all earlier stages are settled, or after its run was closed
- a run is closed once and never changes after that; one iteration of a config is open at a time, and no two runs of it
  have one number
- backfill runs play, and do nothing else (`backfills.py`)
- a fence only grows; whoever commits with a fence has the newest
- a promotion has every planned gate passed, with games behind it, and the newest master's fence
- a loop that knows of a master opens no run, and sends nothing (`broker.SimDispatcher`)
- the continuous loop's row is written by the holder of its lease; each deferral ends once, before the
  next one begins; its circuit breaker counts every opening
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from benchmarks.histories import backfills
from benchmarks.histories.backfills import Run
from benchmarks.histories.scheduler import Simulation
from ringrift.pipeline.continuous import NAME as CONTINUOUS
from ringrift.store.ledger import Fence
from ringrift.store.stages import ABANDONED, DONE, ORDER, PENDING, RUNNING, SETTLED


class Wrong(BaseException):
    """The coordination did what it must never do; not an Exception, which the code under test may catch."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A stage row as it was last seen."""

    run: str
    stage: str
    unit: str
    state: str
    attempt: int
    owner: str | None
    result: str | None
    #: When it was sent last; None, too, where its message was taken back, though somebody had it and is done by now.
    issued: float | None = field(compare=False)


_ROWS = "SELECT id, run_id, stage, unit, state, attempt, owner, result, issued_at FROM stages"
_RUNS = "SELECT id, config, iteration, backfill, state, outcome, totals, closed_at, start_model FROM runs"
_LOOP = "SELECT name, owner, state, reason, breaker, details FROM loops"
_TOLD = ("LOOP_DEFERRED", "LOOP_RESUMED", "CIRCUIT_OPENED")
_EVENTS = "SELECT kind, payload FROM events WHERE kind IN (?, ?, ?) ORDER BY seq"
_PLACE = {stage: place for place, stage in enumerate(ORDER)}


@dataclass(slots=True)
class Judge:
    """Looks at the database after each commit."""

    sim: Simulation
    db: sqlite3.Connection
    rows: dict[str, Seen] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    fences: dict[str, tuple[int, str]] = field(default_factory=dict)
    promotions: set[str] = field(default_factory=set)
    #: Runs whose datasets were looked at.
    datasets: set[str] = field(default_factory=set)
    commits: int = 0
    #: Rows that were ever changed over this connection, as SQLite counts them: where it stands still there is nothing
    #: new to look at.
    _changes: int = -1
    #: The continuous loop's row as it was last read.
    _said: tuple[Any, ...] | None = None
    #: Stage rows as they were last read.
    _raw: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def look(self, fence: Fence | None) -> None:
        """Compare what a commit of the current process changed. Raises Wrong."""
        self.commits += 1
        changes = self.db.total_changes
        if changes == self._changes:
            self._standing(fence)
            return
        self._changes = changes
        self._fences(self.db)
        self._standing(fence)
        closed = self._runs(self.db, fence)
        self._stages(self.db, closed)
        for found in backfills.wrong_datasets(self.db, self.runs, self.datasets):
            self._wrong(found)
        self._promotions(self.db)
        self._loop(self.db)

    def _wrong(self, text: str) -> None:
        process = self.sim.process
        found = Wrong(f"{text} (by {process.name if process else 'nobody'})")
        self.sim.crash = self.sim.crash or found
        raise found

    def _fences(self, db: sqlite3.Connection) -> None:
        for name, number, owner in db.execute("SELECT name, number, owner FROM fences"):
            before, holder = self.fences.get(name, (0, ""))
            if number < before or (number == before and before and owner != holder):
                self._wrong(f"fence {name} went from {before} of {holder} to {number} of {owner}")
            if number != before:
                self.sim.note(f"fence {number} to {owner}")
            self.fences[name] = (number, owner)

    def _standing(self, fence: Fence | None) -> None:
        """Whoever commits with a fence has the newest."""
        if fence is not None and self.fences.get(fence.name, (0, ""))[0] != fence.number:
            newest = self.fences.get(fence.name, (0, ""))[0]
            self._wrong(f"committed with fence {fence.number}, the newest is {newest}")

    def _runs(self, db: sqlite3.Connection, fence: Fence | None) -> set[str]:
        """Runs that were closed before this commit."""
        before = {run for run, row in self.runs.items() if row.state == "closed"}
        opened: dict[str, str] = {}
        for name, *rest in db.execute(_RUNS):
            run = Run(*rest)
            if self.runs.get(name) == run:
                pass
            elif name in before:
                self._wrong(f"{run} changed after it was closed: {self.runs[name]!r} to {run!r}")
            else:
                self.sim.note(f"run {name[:6]}, {run}, {run.state} {run.outcome or ''}")
                if name not in self.runs:
                    self._opened(db, run, fence)
            self.runs[name] = run
            if run.backfill or run.state != "open":
                continue
            if opened.setdefault(run.config, name) != name:
                self._wrong(f"two open iterations of {run.config}")
        return before

    def _opened(self, db: sqlite3.Connection, run: Run, fence: Fence | None) -> None:
        """A run is new."""
        process = self.sim.process
        if process is not None and process.defers:
            self._wrong(f"{run} was opened beside a master that was known")
        for other in self.runs.values():
            if (other.config, other.number) == (run.config, run.number):
                self._wrong(f"{run} has the number of {other}")
        if run.backfill:
            waiting = (
                row
                for row in self._waiting(backfill=True)
                if row.attempt == 0 and self.runs[row.run].config == run.config
            )
            for found in backfills.wrongly_opened(db, run, fence, waiting):
                self._wrong(found)

    def _waiting(self, *, backfill: bool) -> Iterator[Seen]:
        """Shards of open runs that nobody has; backfill: those of backfill runs, too."""
        return (
            row
            for row in self.rows.values()
            if (row.stage, row.state) == ("selfplay", PENDING)
            and self.runs[row.run].state == "open"
            and (backfill or not self.runs[row.run].backfill)
        )

    def _stages(self, db: sqlite3.Connection, closed: set[str]) -> None:
        changed: set[str] = set()
        sent: list[Run] = []
        for raw in db.execute(_ROWS):
            name = raw[0]
            if self._raw.get(name) == raw:
                continue
            self._raw[name] = raw
            row = Seen(*raw[1:])
            before = self.rows.get(name)
            changed.add(row.run)
            self.rows[name] = row
            if before is None:
                continue
            fed = (row.stage, row.state) == ("selfplay", PENDING)
            if fed and row.issued is not None and row.issued != before.issued:
                sent.append(self.runs[row.run])
            if before == row:
                continue
            what = f"{row.stage} {row.unit[:6]} of {row.run[:6]}"
            if before.state != row.state or before.attempt != row.attempt:
                self.sim.note(
                    f"{what}: {before.state} {before.attempt} -> {row.state} {row.attempt}"
                    f" {row.owner if row.state == RUNNING else ''}"
                )
                if row.run in closed:
                    self._wrong(f"{what} became {row.state} after its run was closed")
            self._change(what, before, row)
        for run in sent:
            if run.backfill:
                for found in backfills.wrongly_sent(run, self._waiting(backfill=False)):
                    self._wrong(found)
        if changed:
            self._order([row for row in self.rows.values() if row.run in changed])

    def _change(self, what: str, before: Seen, row: Seen) -> None:
        run = self.runs[row.run]
        if run.backfill:
            for found in backfills.wrongly_at_work(run, row.stage, row.state):
                self._wrong(found)
        if row.attempt < before.attempt or row.attempt > before.attempt + 1:
            self._wrong(f"{what}: attempt {before.attempt} became {row.attempt}")
        if before.state == ABANDONED:
            self._wrong(f"{what} was given up and became {row.state}")
        if before.state == DONE:
            again = row.stage == "selfplay" and row.state in (PENDING, ABANDONED)
            if not again or self._state(row.run, "sync") == DONE:
                self._wrong(f"{what} was done and became {row.state}")
        if row.state == DONE and before.state != DONE:
            process = self.sim.process
            if before.state != RUNNING or before.attempt != row.attempt:
                self._wrong(f"{what} was done without its claim ({before.state})")
            if process is not None and process.owner != row.owner:
                self._wrong(f"{what} is of {row.owner} and was done by {process.owner}")

    def _state(self, run: str, stage: str) -> str:
        return next(r.state for r in self.rows.values() if (r.run, r.stage) == (run, stage))

    def _order(self, rows: list[Seen]) -> None:
        """No stage of these runs is ahead of an earlier one."""
        first: dict[str, int] = {}
        for row in rows:
            if row.state not in SETTLED:
                place = _PLACE[row.stage]
                first[row.run] = min(place, first.get(row.run, place))
        for row in rows:
            if row.state != PENDING and _PLACE[row.stage] > first.get(row.run, len(ORDER)):
                # It found a shard broken, had it reopened, and fails, perhaps for the last time.
                if row.stage == "sync" and row.state in (RUNNING, ABANDONED):
                    continue
                self._wrong(f"{row.stage} is {row.state} before {ORDER[first[row.run]]} is settled")

    def _promotions(self, db: sqlite3.Connection) -> None:
        found = list(db.execute("SELECT id, run_id, config, model, fence FROM promotions"))
        for name, run, config, model, fence in found:
            if name in self.promotions:
                continue
            self.promotions.add(name)
            newest = self.fences.get("master", (0, ""))[0]
            if fence != (newest or None):
                self._wrong(f"promotion with fence {fence}, the newest is {newest}")
            self._evidence(db, run, model)
            [champion] = db.execute("SELECT model FROM champions WHERE config = ?", (config,))
            if champion != (model,):
                self._wrong(f"promoted {model[:6]}, the champion is {champion[0][:6]}")

    def _evidence(self, db: sqlite3.Connection, run: str, model: str) -> None:
        [(planned,)] = db.execute(
            "SELECT result FROM stages WHERE run_id = ? AND stage = 'evaluate_plan'", (run,)
        )
        said = {
            gate: (verdict, match, games, wins)
            for gate, verdict, match, games, wins in db.execute(
                "SELECT gate, verdict, match_id, games, wins FROM evaluations"
                " WHERE run_id = ? AND model = ?",
                (run, model),
            )
        }
        for gate in json.loads(planned)["gates"]:
            verdict, match, games, wins = said.get(gate["name"], ("missing", "", 0, 0))
            [(there, won)] = db.execute(
                "SELECT count(*), coalesce(sum(score), 0) FROM match_games"
                " WHERE match_id = ? AND number < ?",
                (match, games),
            )
            if verdict != "pass" or not games or there != games or won != wins:
                self._wrong(
                    f"promoted with gate {gate['name']} {verdict}: {wins} of {games} games,"
                    f" in the match {won} of {there}"
                )

    def _loop(self, db: sqlite3.Connection) -> None:
        """The continuous loop: whose row it is, and what it told of stepping back."""
        row = db.execute(_LOOP).fetchone()
        if row is None or row == self._said:
            return
        before, self._said = self._said, row
        _, owner, state, reason, breaker, details = row
        if before is None or before[1:4] != row[1:4]:
            self.sim.note(f"loop of {owner}: {state}, {reason}")
        holder = self.fences.get(CONTINUOUS, (0, ""))[1]
        if owner != holder:
            self._wrong(f"the continuous loop of {holder} has a row of {owner}")
        told: dict[str, list[tuple[Any, ...]]] = {kind: [] for kind in _TOLD}
        for kind, payload in db.execute(_EVENTS, _TOLD):
            about = json.loads(payload)
            told[kind].append(
                (about["opening"],)
                if kind == "CIRCUIT_OPENED"
                else (about["owner"], about["since"])
            )
        left = json.loads(details)["deferral"]
        still = [tuple(left[key] for key in ("owner", "since"))] if left else []
        if told["LOOP_DEFERRED"] != told["LOOP_RESUMED"] + still:
            self._wrong(
                f"deferrals {told['LOOP_DEFERRED']}, resumed {told['LOOP_RESUMED']}, now {still}"
            )
        openings = json.loads(breaker)["openings"]
        if [number for (number,) in told["CIRCUIT_OPENED"]] != list(range(1, openings + 1)):
            self._wrong(f"circuit opened {openings} times, told {told['CIRCUIT_OPENED']}")
