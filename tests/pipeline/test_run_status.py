"""How far a run is, in figures: what is there, what is needed, and when."""

import pytest

from ringrift.pipeline.in_process import work_off
from ringrift.pipeline.nodes import Node, came
from ringrift.pipeline.run_status import run_status
from ringrift.pipeline.runs import open_or_resume
from ringrift.store import runs, stages
from ringrift.store.ledger import Ledger
from tests.pipeline import tiny
from tests.pipeline.tiny import GAMES, HEX8


@pytest.fixture
def now():
    """Seconds since 1970 of the ledger, turned by hand."""
    return [1_000_000.0]


@pytest.fixture
def ctx(tmp_path, now):
    """A fresh state directory with the small services and a clock that stands."""
    made = tiny.context(tmp_path / "home")
    ledger = Ledger(made.ledger.engine, lambda _: now[0])
    yield made.with_(ledger=ledger)
    ledger.close()


def status(ctx):
    """The newest run."""
    with ctx.ledger.read() as tx:
        return run_status(tx, runs.last_run(tx, "hex8:2"))


def claim(ctx, stage, number=0):
    """Claim a unit of the open run."""
    with ctx.ledger.read() as tx:
        [run] = runs.open_runs(tx)
        row = [row for row in stages.stages_of(tx, run.id) if row.stage == stage][number]
    return stages.claim_stage(
        ctx.ledger, run.id, stage, row.unit, owner="me:1:1", lease_seconds=600.0
    )


def worker(ctx, slots=2):
    """A gpu worker comes up."""
    with ctx.ledger.write() as tx:
        came(tx, Node("gpu1@host", "elsewhere:1", 1.0, ("gpu",), slots), 60.0)


def test_every_stage_says_how_much_is_there_and_needed(ctx):
    """At each point of a run have is not above need, of a unit; gates need fewer games as they are decided."""
    seen = {}

    def watch(report):
        if report.state == "working" and report.figures.get("games", 0) % 5:
            return
        found = status(ctx)
        if found.state == runs.OPEN:
            seen.setdefault(found.stage, []).append((found.have, found.need, found.unit))

    run = open_or_resume(ctx, HEX8)
    work_off(ctx.with_(report=watch), run.id)
    assert set(seen) == set(stages.ORDER)
    assert all(0 <= have <= need for told in seen.values() for have, need, _ in told)
    units = {stage: told[-1][2] for stage, told in seen.items()}
    assert {stage for stage, unit in units.items() if unit == "games"} == {"selfplay", "evaluate"}
    assert seen["evaluate"][0][:2] == (0, 240)
    assert seen["evaluate"][-1][1] < 240
    end = status(ctx)
    assert (end.stage, end.have, end.eta_seconds) == (None, None, None)


def test_before_anybody_is_there_nothing_is_promised(ctx):
    """No worker: no estimate, and the sentence says that none is up."""
    open_or_resume(ctx, HEX8)
    found = status(ctx)
    assert (found.have, found.need, found.unit) == (0, GAMES, "games")
    assert found.eta_seconds is None
    assert "a gpu worker (none is up)" in found.waits_for
    worker(ctx)
    assert "a gpu worker (0 of 2 slots busy)" in status(ctx).waits_for


def test_selfplay_is_estimated_by_those_who_play(ctx, now):
    """4 games in 20 s, 16 left: 80 s; with a second worker as fast, 40 s; after a night without anybody, none."""
    open_or_resume(ctx, HEX8)
    first = claim(ctx, "selfplay")
    stages.heartbeat(ctx.ledger, first, {"games": 4, "of": 8, "seconds": 20.0, "positions": 8})
    found = status(ctx)
    assert (found.have, found.need, found.at_work) == (4, GAMES, 1)
    assert found.eta_seconds == pytest.approx(80.0)
    second = claim(ctx, "selfplay", 1)
    stages.heartbeat(ctx.ledger, second, {"games": 0, "of": 8, "seconds": 1.0})
    assert status(ctx).eta_seconds == pytest.approx(40.0, abs=45.0)
    stages.heartbeat(ctx.ledger, second, {"games": 2, "of": 8, "seconds": 10.0})
    assert status(ctx).eta_seconds == pytest.approx(14 / 0.4)
    stages.release_stage(ctx.ledger, first)
    stages.release_stage(ctx.ledger, second)
    now[0] += 30_000
    found = status(ctx)
    assert found.eta_seconds is None
    assert "(none is up) that plays selfplay games; 6 of 20 games are there" in found.waits_for
    assert (found.have, found.need) == (6, GAMES)  # their checkpoints have them


def test_a_training_is_at_a_step_and_a_first_stage_takes_what_it_took_before(ctx, now):
    """Its own estimate where it makes one; else, with a worker there, as long as in the last run."""
    work_off(ctx, open_or_resume(ctx, HEX8).id)
    with ctx.ledger.write() as tx:
        [run] = runs.all_runs(tx)
        row = stages.stage_row(tx, run.id, "train")
        tx.conn.execute(
            stages.stages.update()
            .where(stages.stages.c.id == row.id)
            .values(claimed_at=now[0] - 300.0, finished_at=now[0])
        )
    again = open_or_resume(ctx, HEX8)
    with ctx.ledger.write() as tx:
        tx.conn.execute(
            stages.stages.update()
            .where(stages.stages.c.run_id == again.id, stages.stages.c.position < 4)
            .values(state=stages.DONE, claimed_at=now[0], finished_at=now[0], result={})
        )
    found = status(ctx)
    assert (found.stage, found.eta_seconds) == ("train", None)  # nobody is there
    worker(ctx)
    assert status(ctx).eta_seconds == 300.0
    held = claim(ctx, "train")
    now[0] += 100.0
    assert status(ctx).eta_seconds == 200.0
    stages.heartbeat(ctx.ledger, held, {"step": 250, "of": 1000, "loss": 0.5, "eta": 42.0})
    found = status(ctx)
    assert (found.have, found.need, found.unit, found.eta_seconds) == (250, 1000, "steps", 42.0)
    assert found.run_eta_seconds >= 42.0
