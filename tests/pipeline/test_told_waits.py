"""The log has a line for each change of what a config waits for, and none without one."""

import pytest
import structlog

from ringrift.pipeline.runs import open_or_resume
from ringrift.pipeline.told_waits import Sayings
from ringrift.store import runs, stages
from tests.pipeline import tiny
from tests.pipeline.tiny import GAMES, HEX8


@pytest.fixture
def ctx(tmp_path):
    """A fresh state directory."""
    made = tiny.context(tmp_path / "home")
    yield made
    made.ledger.close()


def test_each_change_is_one_line(ctx):
    """Nothing yet; a run; its first shard taken; a quarter of its games; its end. In between, silence."""
    sayings = Sayings()

    def told():
        with structlog.testing.capture_logs() as lines:
            sayings.tell(ctx)
            sayings.tell(ctx)
        return [(line["config"], line["stage"]) for line in lines]

    assert told() == [("hex8:2", "nobody")]
    run = open_or_resume(ctx, HEX8)
    assert told() == [("hex8:2", "selfplay")]
    with ctx.ledger.read() as tx:
        unit = stages.stages_of(tx, run.id)[0].unit
    held = stages.claim_stage(
        ctx.ledger, run.id, "selfplay", unit, owner="me:1:1", lease_seconds=600.0
    )
    assert told() == [("hex8:2", "selfplay")]
    stages.heartbeat(ctx.ledger, held, {"games": 1, "of": 8, "seconds": 2.0})
    assert told() == []
    stages.heartbeat(ctx.ledger, held, {"games": GAMES // 4, "of": 8, "seconds": 9.0})
    assert told() == [("hex8:2", "selfplay")]
    with ctx.ledger.write() as tx:
        runs.close_run(tx, run.id, runs.FAILED, "test")
    assert told() == [("hex8:2", "nobody")]
    assert told() == []


def test_the_line_holds_the_figures(ctx):
    """How much is there, how much is needed, of what, and the sentence."""
    open_or_resume(ctx, HEX8)
    with structlog.testing.capture_logs() as lines:
        Sayings().tell(ctx)
    [line] = lines
    assert (line["have"], line["need"], line["unit"]) == (0, GAMES, "games")
    assert "a gpu worker (none is up) that plays selfplay games" in line["waits_for"]
    assert line["log_level"] == "info"


def test_a_ledger_that_is_away_stops_nobody(ctx):
    """It is passed over, and told when it is back."""
    sayings = Sayings()
    file = ctx.home / "ringrift.db"
    ctx.ledger.close()
    aside = file.rename(ctx.home / "aside.db")
    file.write_bytes(b"no database" * 100)
    assert sayings.tell(ctx) == []
    ctx.ledger.close()
    aside.rename(file)
    assert [config for config, _ in sayings.tell(ctx)] == ["hex8:2"]
