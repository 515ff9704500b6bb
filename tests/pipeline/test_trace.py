"""RINGRIFT_TRACE_DEBUG: each line and event of a run carries run, shard, task and attempt."""

import logging
import threading

import pytest
import structlog
from celery.exceptions import Reject
from structlog.testing import LogCapture

from ringrift.pipeline.heartbeat import Work
from ringrift.pipeline.in_process import work_off
from ringrift.pipeline.runs import open_or_resume
from ringrift.settings.switches import TRACE_DEBUG
from ringrift.settings.trace import KEYS, bound, traced
from ringrift.store import events, stages
from tests.pipeline import tiny
from workers import logs


@pytest.fixture
def said():
    """Everything that is logged, as a worker's processors see it."""
    capture = LogCapture()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, capture])
    return capture.entries


def service(play):
    """A service that logs a line of its own."""

    def played(work, *rest):
        structlog.get_logger("ringrift.test").debug("a line from below")
        return play(work, *rest)

    return played


def one_run(home):
    """Bring a run to its end; return its id, its stage rows and its events."""
    ctx = tiny.context(home, services=tiny.tiny(play_shard=service(tiny.play_shard)))
    run = work_off(ctx, open_or_resume(ctx, tiny.HEX8).id)
    with ctx.ledger.read() as tx:
        return run.id, stages.stages_of(tx, run.id), events.list_events(tx, limit=1000)


def test_one_trace_from_shard_to_promotion(tmp_path, monkeypatch, said):
    """Lines of services carry the trace though they do not know of it, and so does every event."""
    monkeypatch.setenv(TRACE_DEBUG, "1")
    run_id, rows, told = one_run(tmp_path)
    below = [line for line in said if line["event"] == "a line from below"]
    shards = [row for row in rows if row.stage == "selfplay"]
    assert [line["shard"] for line in below] == [row.unit[:12] for row in shards]
    assert [line["task"] for line in below] == [row.id[:12] for row in shards]
    assert all(line["run"] == run_id[:12] and line["attempt"] == 1 for line in below)
    assert told[-1].kind == "MODEL_PROMOTED"
    relayed = [line for line in said if line["event"] == "event"]
    assert len(relayed) == len(told)
    assert all(line["run"] == run_id[:12] and line["attempt"] == 1 for line in relayed)
    tasks = {row.id[:12]: row for row in rows}
    for event in told:
        trace = event.payload["trace"]
        assert trace["run"] == run_id[:12]
        assert trace["attempt"] == 1
        assert tasks[trace["task"]].stage == trace["stage"]
    assert bound() == {}


def test_without_it_nothing_is_added(tmp_path, said):
    """Events and lines of services are as they were when nobody asks for a trace."""
    _, _, told = one_run(tmp_path)
    assert all("trace" not in event.payload for event in told)
    below = [line for line in said if line["event"] == "a line from below"]
    assert below
    assert not any(set(KEYS) & set(line) for line in below)


def test_the_heartbeat_belongs_to_the_trace(tmp_path, monkeypatch):
    """The thread that renews a claim logs with the trace of the work it renews."""
    monkeypatch.setenv(TRACE_DEBUG, "1")
    seen = []
    beaten = threading.Event()

    class Beaten(Work):
        def _renew(self):
            seen.append(bound())
            beaten.set()

    ctx = tiny.context(tmp_path)
    run = open_or_resume(ctx, tiny.HEX8)
    with ctx.ledger.read() as tx:
        unit = stages.stages_of(tx, run.id)[0].unit
    claim = stages.claim_stage(
        ctx.ledger, run.id, "selfplay", unit, owner="test", lease_seconds=60.0, fence=None
    )
    with traced(run="r", attempt=2), Beaten(ctx, claim, "hex8:2"):
        assert beaten.wait(30)
    assert seen == [{"run": "r", "attempt": 2}]


@pytest.fixture
def line(monkeypatch):
    """What a worker's handler writes for a line of some library."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logger = logging.getLogger("a library")
    monkeypatch.setattr(logger, "handlers", [handler])
    logs._wrap(logger)

    def write(message, *arguments):
        record = logger.makeRecord("a library", logging.INFO, "f", 1, message, arguments, None)
        return handler.format(record)

    return write


def test_a_worker_puts_the_trace_into_lines_of_libraries(line, monkeypatch):
    """Any logger's line carries what its text does not say already, and the rest stays behind it."""
    monkeypatch.setenv(TRACE_DEBUG, "1")
    assert line("nothing at work") == "INFO nothing at work"
    with traced(run="r1", stage="train", task="t1", attempt=2):
        assert (
            line("tried\nagain") == "INFO tried run='r1' stage='train' task='t1' attempt=2\nagain"
        )
        assert line("ours run='r1' task='t1'").count("run=") == 1


def test_a_worker_tells_no_password(line):
    """Whatever a library logs, a password in a URL is masked."""
    said = line("cannot connect to %s", "redis://:geheim@host:6379/0")
    assert said == "INFO cannot connect to redis://:***@host:6379/0"


def test_no_password_of_a_failure_is_kept(tmp_path, said):
    """What a library says of an address goes masked into the ledger, its events and the log."""

    def refused(*_):
        raise OSError("no route to s3://me:geheim@host/models?token=geheim")

    ctx = tiny.context(tmp_path, services=tiny.tiny(play_shard=refused))
    run = work_off(ctx, open_or_resume(ctx, tiny.HEX8).id)
    with ctx.ledger.read() as tx:
        rows, told = stages.stages_of(tx, run.id), events.list_events(tx, limit=1000)
    failed = [event for event in told if event.kind == "STAGE_FAILED"]
    assert "no route to s3://me:***@host/models?token=***" in failed[0].payload["error"]
    assert "geheim" not in str([run, rows, told, said])


def test_what_a_stopping_worker_puts_back_is_no_failure():
    """Celery's line with its traceback is left out, and that about any other error is not."""

    def tells(error):
        exc_info = None if error is None else (type(error), error, None)
        return logs.is_failure(logging.makeLogRecord({"msg": "a task", "exc_info": exc_info}))

    assert not tells(Reject("stopped during train", requeue=True))
    assert tells(RuntimeError("a defect"))
    assert tells(None)
