"""What counts as idle: on made-up spans, and on the rows of a real ledger."""

import pytest

from benchmarks.slots import Devices, Idle, Span, idle, read
from ringrift.errors import Interrupted
from ringrift.pipeline.in_process import work_off
from ringrift.pipeline.runs import open_backfill, open_or_resume
from ringrift.pipeline.stages import run_stage
from ringrift.store import runs, stages
from tests.models.history import context
from tests.pipeline.tiny import HEX8

DAY = Span(0.0, 100.0)


def spans(*pairs):
    """Spans of these beginnings and ends."""
    return [Span(*pair) for pair in pairs]


@pytest.mark.parametrize(
    ("busy", "wanted", "found"),
    [
        ([], [], Idle()),
        ([], [(0, 100)], Idle(200.0, 200.0, 100.0, 0.0)),
        ([(0, 100), (0, 100)], [(0, 100)], Idle(200.0, 0.0)),
        # one slot is free for 30 s, then both are for 10 s
        ([(0, 100), (0, 40), (70, 90)], [(0, 100)], Idle(200.0, 40.0, 30.0, 40.0)),
        # a stretch goes on though another slot is free
        ([(0, 50), (60, 100)], [(0, 100)], Idle(200.0, 110.0, 100.0, 0.0)),
        # nobody wants games at first, and two do later
        ([(0, 100)], [(90, 100), (95, 200)], Idle(20.0, 10.0, 10.0, 90.0)),
        # more units than slots are no more than all of them
        ([(0, 100)] * 3, [(0, 100)], Idle(200.0, 0.0)),
        # one ends where the next begins
        ([(0, 50), (50, 100), (-9, 999)], [(0, 100)], Idle(200.0, 0.0)),
        # what lies outside
        ([(-50, -10), (200, 300)], [(-5, 5)], Idle(10.0, 10.0, 5.0, 0.0)),
    ],
)
def test_idle(busy, wanted, found):
    """Slots without a unit while somebody wants games, within a time."""
    assert idle(spans(*busy), spans(*wanted), 2, DAY) == found


def test_what_is_said():
    """A part and a stretch; of no time at all nothing is idle."""
    assert Idle(200.0, 5.0, 2.5, 0.0).text == "2.5% of the slots' time, 2.5 s at a stretch at most"
    assert Idle().share == 0.0


@pytest.fixture
def ctx(tmp_path):
    """An empty ledger."""
    made = context(tmp_path / "home")
    yield made
    made.ledger.close()


def devices(ctx):
    """What the ledger holds of one slot."""
    with ctx.ledger.read() as tx:
        return read(tx, ["hex8:2"], 1)


def test_who_wants_games(ctx):
    """Without a run; with shards that nobody has begun; not beside an untrained network's run; always when it is trained."""
    assert devices(ctx).idle(DAY) == Idle(100.0, 100.0, 100.0, 0.0)
    run = open_or_resume(ctx, HEX8)
    assert wants(ctx, run.opened_at)
    with ctx.ledger.read() as tx:
        (shard,) = [row for row in stages.stages_of(tx, run.id) if row.stage == "selfplay"]
    run_stage(ctx, run.id, "selfplay", shard.unit)
    assert not wants(ctx, later(ctx, run))
    work_off(ctx, run.id)
    promoted = later(ctx, run)
    again = open_or_resume(ctx, HEX8)
    work_off(ctx, again.id)
    assert wants(ctx, promoted)
    assert wants(ctx, later(ctx, again))


def later(ctx, run):
    """When the newest of a run's rows was done."""
    with ctx.ledger.read() as tx:
        return max(row.finished_at or 0.0 for row in stages.stages_of(tx, run.id))


def wants(ctx, at):
    """Whether some config wants games just after a time."""
    return any(span.start <= at + 1e-6 < span.end for span in devices(ctx).wanted)


def test_units_of_every_run_count(ctx):
    """Shards of backfill runs as those of iterations; neither what no device does nor what nobody has begun."""
    work_off(ctx, open_or_resume(ctx, HEX8).id)
    beside = open_backfill(ctx, HEX8, shards=2, number=2)
    with ctx.ledger.read() as tx:
        first = next(row for row in stages.stages_of(tx, beside.id) if row.stage == "selfplay")
    run_stage(ctx, beside.id, "selfplay", first.unit)
    with ctx.ledger.read() as tx:
        rows = [row for run in runs.all_runs(tx) for row in stages.stages_of(tx, run.id)]
    done = sorted(
        (row.claimed_at, row.finished_at)
        for row in rows
        if row.stage in ("selfplay", "train", "evaluate") and row.state == "done"
    )
    found = devices(ctx)
    assert sorted((span.start, span.end) for span in found.busy) == done
    match = Span(done[-1][1], done[-1][1] + 1.0)
    with ctx.ledger.read() as tx:
        assert read(tx, ["hex8:2"], 1, [match]).idle(match) == Idle(1.0, 0.0)
    assert isinstance(found, Devices)


def test_a_unit_that_was_given_back_counts_while_it_lasted(ctx):
    """Workers that are told to end give back what they have begun, and the ledger keeps when they had it."""
    run = open_or_resume(ctx, HEX8)
    with ctx.ledger.read() as tx:
        shard = next(row for row in stages.stages_of(tx, run.id) if row.stage == "selfplay")
    with pytest.raises(Interrupted):
        run_stage(ctx.with_(stop=lambda: True), run.id, "selfplay", shard.unit)
    with ctx.ledger.read() as tx:
        left = stages.stage_row(tx, run.id, "selfplay", shard.unit)
    assert left.state == stages.PENDING
    assert devices(ctx).busy == (Span(left.claimed_at, left.heartbeat_at),)
