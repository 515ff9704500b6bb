"""The older style of loop: by opt-in only, and in strict sequence."""

import itertools

import pytest
import structlog

from ringrift.cli.main import run as command
from ringrift.pipeline import deferral
from ringrift.pipeline.in_process import work_off
from ringrift.pipeline.legacy import in_sequence
from ringrift.pipeline.runs import open_or_resume
from ringrift.settings import home
from ringrift.settings.switches import DISABLE_LOCAL_TASKS, UNIFIED_LOOP_LEGACY
from ringrift.store import events, runs, stages
from ringrift.store.ledger import open_ledger
from tests.pipeline import tiny

LOOP = ["unified-loop", "--start", "--max-iterations", "1"]


@pytest.fixture
def small(monkeypatch):
    """The command takes the small services and settings."""
    tiny.commands_are_small(monkeypatch)


def test_stages_in_sequence_without_events_or_queue(tmp_path):
    """Each stage ends before the next begins, in one process, no event is published, and the end is the same."""
    ctx = tiny.context(tmp_path / "old")
    old = in_sequence(ctx, open_or_resume(ctx, tiny.HEX8).id)
    with ctx.ledger.read() as tx:
        rows = stages.stages_of(tx, old.id)
        told = events.list_events(tx, limit=1000)
        assert told[-1].kind == "MODEL_PROMOTED"
        assert events.unpublished(tx, limit=1000) == told
    done = sorted(rows, key=lambda row: (stages.ORDER.index(row.stage), row.number))
    times = [(row.claimed_at, row.finished_at) for row in done]
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(times))
    ctx = tiny.context(tmp_path / "new")
    new = work_off(ctx, open_or_resume(ctx, tiny.HEX8).id)
    with ctx.ledger.read() as tx:
        assert not events.unpublished(tx)
    assert (old.id, old.outcome, old.totals) == (new.id, new.outcome, new.totals)


def test_refused_without_the_variable(capsys):
    """Without the opt-in nothing begins, and one line names the variable and the master loop."""
    assert command(LOOP) == 2
    said = capsys.readouterr()
    assert "`ringrift master-loop`" in said.err
    assert f"{UNIFIED_LOOP_LEGACY}=1" in said.err
    assert not home().exists()


@pytest.mark.parametrize("value", ["0", "no", " "])
def test_a_word_for_no_is_no_opt_in(monkeypatch, value):
    """The variable must say yes."""
    monkeypatch.setenv(UNIFIED_LOOP_LEGACY, value)
    assert command(LOOP) == 2


def test_what_it_does_and_refuses_with_it(small, monkeypatch, capsys):
    """With it, --start runs an iteration of each config; without --start, or beside a master, it refuses."""
    monkeypatch.setenv(UNIFIED_LOOP_LEGACY, "1")
    assert command(["unified-loop"]) == 2
    assert "--start" in capsys.readouterr().err
    monkeypatch.setattr(deferral, "is_unified_loop_running", lambda: True)
    assert command(LOOP) == 2
    assert "the master loop runs" in capsys.readouterr().err
    monkeypatch.undo()


def test_an_iteration_of_each_config(small, monkeypatch, capsys):
    """Configs take turns, and each one's run is closed."""
    monkeypatch.setenv(UNIFIED_LOOP_LEGACY, "1")
    assert command([*LOOP, "--config", "hex8:2", "--config", "square8:2"]) == 0
    assert "square8:2 #1 promoted" in capsys.readouterr().out
    ledger = open_ledger(home())
    with ledger.read() as tx:
        assert [run.config for run in runs.all_runs(tx)] == ["hex8:2", "square8:2"]
    ledger.close()
    structlog.reset_defaults()


def test_not_on_a_node_that_coordinates_only(monkeypatch, capsys):
    """It plays and trains here, so a coordinator refuses it."""
    monkeypatch.setenv(UNIFIED_LOOP_LEGACY, "1")
    monkeypatch.setenv(DISABLE_LOCAL_TASKS, "1")
    assert command(LOOP) == 2
    assert DISABLE_LOCAL_TASKS in capsys.readouterr().err
