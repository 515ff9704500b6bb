"""What a loop made in its time, from the rows of a real ledger."""

import pytest

from benchmarks.idle import main, measure
from benchmarks.slots import Span
from ringrift.pipeline.in_process import work_off
from ringrift.pipeline.runs import open_backfill, open_or_resume
from tests.models.history import context
from tests.pipeline.tiny import HEX8


def test_what_was_made_within_a_time(tmp_path):
    """Games of all runs whose shards were done then, iterations that were closed, backfill runs that were opened."""
    ctx = context(tmp_path / "home")
    before = work_off(ctx, open_or_resume(ctx, HEX8).id)
    beside = open_backfill(ctx, HEX8, shards=2, number=2)
    work_off(ctx, beside.id)
    after = work_off(ctx, open_or_resume(ctx, HEX8).id)
    with ctx.ledger.read() as tx:
        span = Span(beside.opened_at, after.closed_at)
        part = measure(tx, "beside", "hex8:2", span)
        whole = measure(tx, "all", "hex8:2", Span(before.opened_at, after.closed_at + 1.0))
    assert (part.games, part.positions, part.iterations, part.backfills) == (60, 120, 0, 1)
    assert (whole.games, whole.iterations) == (80, 2)
    assert 0.0 < part.idle.slot_seconds <= part.seconds
    rate = f"{60 * 3600 / part.seconds:,.0f} games/h"
    assert rate in part.line
    ctx.ledger.close()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--minutes", "0"], "more than 0"),
        (["--config", "hex9:2"], "hex8"),
        (["--settings", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_wrong_arguments(arguments, says, capsys):
    """Exit code 2 and one line, before anything is started."""
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
