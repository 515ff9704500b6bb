"""OpenTelemetry: with RINGRIFT_TRACE_DEBUG and an endpoint, a run is one trace, from its first shard to its end.

    run hex8:2 #3                      from its opening to its close
    ├─ selfplay, selfplay, …           a span for each attempt at a unit of work
    ├─ sync ─ parity ─ export ─ train
    └─ evaluate, … ─ promote

Every process of a cluster sends its own spans, and none tells another anything: the ids of trace and
spans follow from those of run, unit and attempt. What is done twice is sent twice under one id.

The endpoint and all else is configured by OpenTelemetry's own variables (OTEL_EXPORTER_OTLP_ENDPOINT,
OTEL_EXPORTER_OTLP_HEADERS, OTEL_SERVICE_NAME, …). Sending is done by a thread, and a collector that
is away costs spans, never work. The packages are an extra, `ringrift[otel]`.
"""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import structlog

from ringrift.settings.switches import TRACE_DEBUG, switched_on
from ringrift.store import runs
from ringrift.store.ids import digest
from ringrift.store.ledger import Ledger
from ringrift.store.runs import RunRow
from ringrift.store.stages import Claim

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

log = structlog.get_logger(__name__)

#: Either one says where spans go; the first is for all signals of OpenTelemetry.
ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

#: Name of the service, unless OTEL_SERVICE_NAME gives another.
SERVICE: Final = "ringrift"

#: Hex digits of a trace's id and of a span's.
TRACE_DIGITS, SPAN_DIGITS = 32, 16

#: Id of the span that is begun next in this context.
_next_span: contextvars.ContextVar[tuple[int, int]] = contextvars.ContextVar("next_span")

#: The tracer of a process, None where there is none; a fork makes its own.
_tracers: dict[int, Tracer | None] = {}
_lock = threading.Lock()


def wanted() -> bool:
    """Whether somebody asked for spans."""
    return switched_on(TRACE_DEBUG) and any(os.environ.get(name) for name in ENDPOINTS)


def tell_attempt(
    run: RunRow, claim: Claim, begun: float, ended: float, state: str, figures: Mapping[str, Any]
) -> None:
    """Send the span of one attempt at a unit; times in seconds since 1970.

    state: done, failed, skipped (its claim was lost) or released (interrupted). A failure's figures
    hold its `error`.
    """
    if not wanted():
        return
    attributes = {
        "stage": claim.stage,
        "unit": claim.unit,
        "task": claim.id,
        "attempt": claim.attempt,
        "state": state,
        **{key: value for key, value in figures.items() if isinstance(value, int | float | str)},
    }
    _send(
        run,
        claim.stage,
        span_id(claim.id, claim.attempt),
        (begun, ended),
        attributes,
        parent=root_id(run.id),
    )


def tell_if_closed(ledger: Ledger, run_id: str) -> None:
    """Send the span of a run, the root of its trace, if it is closed now."""
    if not wanted():
        return
    with ledger.read() as tx:
        run = runs.get_run(tx, run_id)
    if run.closed_at is None:
        return
    attributes = {"outcome": str(run.outcome), "reason": str(run.reason or "")}
    if run.outcome == runs.FAILED:
        attributes["error"] = attributes["reason"]
    name = f"run {run.config} {run.label}"
    _send(run, name, root_id(run.id), (run.opened_at, run.closed_at), attributes, parent=None)


def trace_id(run_id: str) -> int:
    """Id of a run's trace: the first half of its own."""
    return int(run_id[:TRACE_DIGITS], 16)


def root_id(run_id: str) -> int:
    """Id of the span of a whole run."""
    return int(run_id[TRACE_DIGITS : TRACE_DIGITS + SPAN_DIGITS], 16)


def span_id(task: str, attempt: int) -> int:
    """Id of the span of one attempt at a unit."""
    return int(digest([task, attempt])[:SPAN_DIGITS], 16)


def _send(
    run: RunRow,
    name: str,
    span: int,
    times: tuple[float, float],
    attributes: Mapping[str, Any],
    parent: int | None,
) -> None:
    tracer = _tracer()
    if tracer is None:
        return
    from opentelemetry import context, trace

    about = {
        "run": run.id,
        "config": run.config,
        "iteration": run.iteration,
        "backfill": run.backfill,
        **attributes,
    }
    _next_span.set((trace_id(run.id), span))
    under = context.Context()
    if parent is not None:
        known = trace.SpanContext(
            trace_id(run.id),
            parent,
            is_remote=True,
            trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
        )
        under = trace.set_span_in_context(trace.NonRecordingSpan(known), under)
    begun, ended = (round(seconds * 1e9) for seconds in times)
    made = tracer.start_span(
        name,
        under,
        start_time=begun,
        attributes={f"ringrift.{key}": value for key, value in about.items()},
    )
    if "error" in attributes:
        made.set_status(trace.StatusCode.ERROR, str(attributes["error"]))
    made.end(max(begun, ended))


def _tracer() -> Tracer | None:
    """The tracer of this process; None, which is said once, where the packages are not there."""
    with _lock:
        if os.getpid() not in _tracers:
            _tracers[os.getpid()] = _make_tracer()
        return _tracers[os.getpid()]


def _make_tracer() -> Tracer | None:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.id_generator import IdGenerator
    except ImportError as error:
        log.warning(
            "no spans are sent: OpenTelemetry is not installed",
            cure="ringrift[otel]",
            error=str(error),
        )
        return None

    class DerivedIds(IdGenerator):
        """The ids that were named before a span was begun."""

        def generate_trace_id(self) -> int:
            return _next_span.get()[0]

        def generate_span_id(self) -> int:
            return _next_span.get()[1]

    service = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": SERVICE}
    provider = TracerProvider(resource=Resource.create(service), id_generator=DerivedIds())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer(SERVICE)
