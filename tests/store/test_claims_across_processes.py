"""Claims between real processes, one of which is killed with -9 at any moment."""

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from ringrift.store import stages
from ringrift.store.ledger import open_ledger
from ringrift.store.stages import Superseded
from tests.store.builders import make_run, row_of, units

pytestmark = pytest.mark.processes

UNITS, WORKERS = 12, 3
LEASE = 1.0


def work_all(home, run_id, unit_names, wait):
    """Claim and do units until none is left; each effect is a line of a file."""
    ledger = open_ledger(Path(home))
    me = str(os.getpid())
    left = True
    while left:
        left = False
        for unit in unit_names:
            held = stages.claim_stage(
                ledger, run_id, "selfplay", unit, owner=me, lease_seconds=LEASE
            )
            with ledger.read() as tx:
                left |= stages.stage_row(tx, run_id, "selfplay", unit).state not in stages.SETTLED
            if held is None:
                continue
            time.sleep(wait)
            try:
                stages.complete_stage(ledger, held, {"by": me, "attempt": held.attempt})
            except Superseded:
                continue
            with (Path(home) / "effects").open("a") as out:
                out.write(json.dumps([unit, me, held.attempt]) + "\n")


def start(target, *args):
    """Start a fresh interpreter at a function."""
    child = multiprocessing.get_context("spawn").Process(target=target, args=args)
    child.start()
    return child


def test_each_unit_is_done_once_by_many_workers(tmp_path):
    """Workers that all want everything complete each unit exactly once."""
    ledger = open_ledger(tmp_path)
    run = make_run(ledger, sizes=[1] * UNITS)
    names = units(ledger, run)
    children = [start(work_all, str(tmp_path), run.id, names, 0.005) for _ in range(WORKERS)]
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * WORKERS
    lines = [json.loads(line) for line in (tmp_path / "effects").read_text().splitlines()]
    assert sorted(unit for unit, _, _ in lines) == sorted(names)
    with ledger.read() as tx:
        rows = [r for r in stages.stages_of(tx, run.id) if r.stage == "selfplay"]
    assert {(r.state, r.attempt) for r in rows} == {(stages.DONE, 1)}


def test_units_of_a_killed_worker_are_taken_over(tmp_path):
    """After kill -9 in the middle of a unit, another worker does it once its lease has run out."""
    ledger = open_ledger(tmp_path)
    run = make_run(ledger, sizes=[1] * 3)
    names = units(ledger, run)
    victim = start(work_all, str(tmp_path), run.id, names, 600.0)
    while not any(r.state == stages.RUNNING for r in rows_of(ledger, run)):
        assert victim.is_alive()
        time.sleep(0.01)
    os.kill(victim.pid, signal.SIGKILL)
    victim.join()
    rescuer = start(work_all, str(tmp_path), run.id, names, 0.0)
    rescuer.join()
    assert rescuer.exitcode == 0
    rows = rows_of(ledger, run)
    assert {r.state for r in rows} == {stages.DONE}
    assert sorted(r.attempt for r in rows) == [1, 1, 2]
    assert sorted(r.failures for r in rows) == [0, 0, 1]


def test_a_paused_worker_that_wakes_up_late_changes_nothing(tmp_path):
    """SIGSTOP beyond the lease, a rescuer, SIGCONT: the late result is refused."""
    ledger = open_ledger(tmp_path)
    run = make_run(ledger, sizes=[1])
    [unit] = units(ledger, run)
    sleeper = start(work_all, str(tmp_path), run.id, [unit], 0.5)
    while rows_of(ledger, run)[0].state != stages.RUNNING:
        assert sleeper.is_alive()
        time.sleep(0.01)
    os.kill(sleeper.pid, signal.SIGSTOP)
    held = None
    while held is None:
        held = stages.claim_stage(
            ledger, run.id, "selfplay", unit, owner="rescuer", lease_seconds=60.0
        )
        time.sleep(0.01)
    stages.complete_stage(ledger, held, {"by": "rescuer"})
    os.kill(sleeper.pid, signal.SIGCONT)
    sleeper.join()
    assert sleeper.exitcode == 0
    assert row_of(ledger, held).result == {"by": "rescuer"}
    assert not (tmp_path / "effects").exists()


def rows_of(ledger, run):
    """The selfplay rows of a run."""
    with ledger.read() as tx:
        return [r for r in stages.stages_of(tx, run.id) if r.stage == "selfplay"]
