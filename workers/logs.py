"""What a worker or a beat writes into its log.

Our lines with their trace, without Celery's chatter, and no password in any of them. With
RINGRIFT_TRACE_DEBUG also our debug lines, and the trace of the work in hand in every line, whoever
wrote it.
"""

from __future__ import annotations

import logging
from typing import Any

import structlog
from celery import signals
from celery.exceptions import Reject

from ringrift.settings.secrets import masked
from ringrift.settings.switches import TRACE_DEBUG, switched_on
from ringrift.settings.trace import KEYS, bound

#: Loggers that write a line or two for each message, ticks included: a gigabyte a month of nothing.
#: What a message did is told by the stage that it ran.
CHATTY = (
    "celery.worker.strategy",
    "celery.worker.request",
    "celery.app.trace",
    "celery.beat",
)


#: Our own loggers, whose debug lines a trace shows.
OURS = ("ringrift", "workers")


class Formatter(logging.Formatter):
    """Another formatter's text without passwords, and with the trace of the work in hand."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self.inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """Return the text; a part of the trace that it says already is not said again."""
        first, newline, rest = masked(self.inner.format(record)).partition("\n")
        for key, value in bound().items():
            if f"{key}=" not in first:
                first += f" {key}={value!r}"
        return first + newline + rest


def is_failure(record: logging.LogRecord) -> bool:
    """Whether a line of Celery's about a task tells of a failure: what a stopping worker puts back is none.

    Celery says it with a traceback; our own line says it, too.
    """
    return not (record.exc_info and isinstance(record.exc_info[1], Reject))


@signals.after_setup_task_logger.connect
def _wrap(logger: logging.Logger, **_: Any) -> None:
    """Let nothing out that is not masked."""
    for handler in logger.handlers:
        if not isinstance(handler.formatter, Formatter):
            handler.setFormatter(Formatter(handler.formatter or logging.Formatter()))


@signals.after_setup_logger.connect
def _set_up(logger: logging.Logger, **_: Any) -> None:
    """Send structlog's lines through logging, so that Celery's time and level stand before them."""
    _wrap(logger)
    structlog.configure(
        processors=[
            structlog.stdlib.add_logger_name,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(
                key_order=["event", *KEYS],
                drop_missing=True,
                sort_keys=True,
            ),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("celery.app.trace").addFilter(is_failure)
    if switched_on(TRACE_DEBUG):
        for name in OURS:
            logging.getLogger(name).setLevel(logging.DEBUG)
