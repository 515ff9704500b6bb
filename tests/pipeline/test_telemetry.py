"""Spans of a run, received by a collector over HTTP."""

import pytest

from ringrift.pipeline import telemetry
from ringrift.pipeline.in_process import work_off
from ringrift.pipeline.runs import open_backfill, open_or_resume
from ringrift.settings.switches import TRACE_DEBUG
from ringrift.store import runs, stages
from tests.collector import attributes, collecting
from tests.models.history import context, play
from tests.pipeline import tiny


@pytest.fixture
def collector(monkeypatch):
    """A collector to which this process sends, with a tracer of its own."""
    with collecting() as found:
        for name, value in found.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(telemetry, "_tracers", {})
        yield found


def flush():
    """Send what the thread has still to send."""
    for tracer in telemetry._tracers.values():
        tracer.span_processor.force_flush()


def fails_once(play):
    """A service that fails the first time."""
    tries = []

    def played(work, *rest):
        tries.append(work.id)
        if len(tries) == 1:
            raise RuntimeError("the first try fails")
        return play(work, *rest)

    return played


def test_a_run_is_one_trace(tmp_path, monkeypatch, collector):
    """Each attempt at each unit is a span under the run's; ids follow from those of the ledger; a failure says so."""
    monkeypatch.setenv(TRACE_DEBUG, "1")
    ctx = tiny.context(tmp_path, services=tiny.tiny(play_shard=fails_once(tiny.play_shard)))
    run = work_off(ctx, open_or_resume(ctx, tiny.HEX8).id)
    flush()
    with ctx.ledger.read() as tx:
        rows = stages.stages_of(tx, run.id)
    spans = collector.spans
    assert collector.services == {"ringrift"}
    assert {span.trace_id.hex() for span in spans} == {run.id[:32]}
    (root,) = collector.of(f"run {run.config} #{run.iteration}")
    assert root.span_id.hex() == run.id[32:48]
    assert not root.parent_span_id
    assert root.start_time_unix_nano == pytest.approx(run.opened_at * 1e9, rel=1e-12)
    assert attributes(root)["outcome"] == runs.PROMOTED
    units = [span for span in spans if span is not root]
    assert all(span.parent_span_id == root.span_id for span in units)
    told = {(a["task"], a["attempt"]): a for a in map(attributes, units)}
    assert len(told) == len(units) == sum(row.attempt for row in rows)
    assert {task for task, _ in told} == {row.id for row in rows}
    (failed,) = [span for span in units if attributes(span)["state"] == "failed"]
    assert failed.status.message == "RuntimeError: the first try fails"
    assert attributes(failed)["attempt"] == 1


def test_a_backfill_run_is_named_as_one(tmp_path, monkeypatch, collector):
    """In the name of its trace, by its number within the config, and in an attribute of each span."""
    ctx = context(tmp_path)
    play(ctx)
    run = open_backfill(ctx, tiny.HEX8, 1, 2)
    monkeypatch.setenv(TRACE_DEBUG, "1")
    work_off(ctx, run.id)
    flush()
    (root,) = collector.of("run hex8:2 #2 backfill")
    assert attributes(root)["outcome"] == runs.COLLECTED
    assert {attributes(span)["backfill"] for span in collector.spans} == {True}


@pytest.mark.parametrize("lacking", ["variable", "endpoint"])
def test_nothing_is_sent_unasked(tmp_path, monkeypatch, collector, lacking):
    """Spans need both the variable and an endpoint."""
    if lacking == "endpoint":
        monkeypatch.setenv(TRACE_DEBUG, "1")
        for name in telemetry.ENDPOINTS:
            monkeypatch.delenv(name, raising=False)
    ctx = tiny.context(tmp_path)
    work_off(ctx, open_or_resume(ctx, tiny.HEX8).id)
    assert not collector.spans
    assert not telemetry._tracers


def test_a_collector_that_is_away_costs_no_work(tmp_path, monkeypatch):
    """A run comes to its end though nobody takes its spans."""
    monkeypatch.setenv(TRACE_DEBUG, "1")
    monkeypatch.setenv(telemetry.ENDPOINTS[0], "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    monkeypatch.setattr(telemetry, "_tracers", {})
    ctx = tiny.context(tmp_path)
    assert work_off(ctx, open_or_resume(ctx, tiny.HEX8).id).outcome == runs.PROMOTED
