"""What must hold after every commit, whoever made it, and at the end of a history.

It reads the database by itself and compares it with what it saw before:

- a claim's number only grows; a row that is done or given up stays so (but a shard whose file was
  found broken before the games were taken in is played again)
- a result is committed by the worker whose claim the row shows, and once
- no unit is claimed or done before all earlier stages are settled, or after its run was closed
- a run is closed once and never changes after that; one run of a config is open at a time
- a fence only grows; whoever commits with a fence has the newest
- a promotion has every planned gate passed, with games behind it, and the newest master's fence
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.histories.scheduler import Simulation
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


_ROWS = "SELECT id, run_id, stage, unit, state, attempt, owner, result FROM stages"
_RUNS = "SELECT id, config, state, outcome, totals, closed_at FROM runs"


@dataclass(slots=True)
class Judge:
    """Looks at the database after each commit."""

    sim: Simulation
    path: Path
    rows: dict[str, Seen] = field(default_factory=dict)
    runs: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    fences: dict[str, tuple[int, str]] = field(default_factory=dict)
    promotions: set[str] = field(default_factory=set)
    #: Shards that may be played again.
    commits: int = 0
    _db: sqlite3.Connection | None = None

    def close(self) -> None:
        """Let go of the database."""
        if self._db is not None:
            self._db.close()

    def look(self, fence: Fence | None) -> None:
        """Compare what a commit of the current process changed. Raises Wrong."""
        if self._db is None:
            self._db = sqlite3.connect(self.path, check_same_thread=False)
        self.commits += 1
        self._fences(self._db, fence)
        closed = self._runs(self._db)
        self._stages(self._db, closed)
        self._promotions(self._db)

    def _wrong(self, text: str) -> None:
        process = self.sim.process
        found = Wrong(f"{text} (by {process.name if process else 'nobody'})")
        self.sim.crash = self.sim.crash or found
        raise found

    def _fences(self, db: sqlite3.Connection, fence: Fence | None) -> None:
        for name, number, owner in db.execute("SELECT name, number, owner FROM fences"):
            before, holder = self.fences.get(name, (0, ""))
            if number < before or (number == before and before and owner != holder):
                self._wrong(f"fence {name} went from {before} of {holder} to {number} of {owner}")
            if number != before:
                self.sim.note(f"fence {number} to {owner}")
            self.fences[name] = (number, owner)
        if fence is not None and self.fences.get(fence.name, (0, ""))[0] != fence.number:
            newest = self.fences.get(fence.name, (0, ""))[0]
            self._wrong(f"committed with fence {fence.number}, the newest is {newest}")

    def _runs(self, db: sqlite3.Connection) -> set[str]:
        """Runs that were closed before this commit."""
        before = {run for run, row in self.runs.items() if row[2] == "closed"}
        opened: dict[str, str] = {}
        for run, *rest in db.execute(_RUNS):
            row = (run, *rest)
            if self.runs.get(run) == row:
                pass
            elif run in before:
                self._wrong(f"run {run[:6]} changed after it was closed: {self.runs[run]} to {row}")
            else:
                self.sim.note(f"run {run[:6]} {row[1]} {row[2]} {row[3] or ''}")
            self.runs[run] = row
            if row[2] == "open" and opened.setdefault(row[1], run) != run:
                self._wrong(f"two open runs of {row[1]}")
        return before

    def _stages(self, db: sqlite3.Connection, closed: set[str]) -> None:
        changed = False
        for name, *rest in db.execute(_ROWS):
            row = Seen(*rest)
            before = self.rows.get(name)
            if before == row:
                continue
            changed = True
            self.rows[name] = row
            if before is None:
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
        if changed:
            self._order()

    def _change(self, what: str, before: Seen, row: Seen) -> None:
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

    def _order(self) -> None:
        first: dict[str, int] = {}
        for row in self.rows.values():
            if row.state not in SETTLED:
                place = ORDER.index(row.stage)
                first[row.run] = min(place, first.get(row.run, place))
        for row in self.rows.values():
            if row.state != PENDING and ORDER.index(row.stage) > first.get(row.run, len(ORDER)):
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
