"""What a worker or a beat writes into its log: our lines with their trace, without Celery's chatter."""

from __future__ import annotations

import logging
from typing import Any

import structlog
from celery import signals

#: Loggers that write a line or two for each message, ticks included: a gigabyte a month of nothing.
#: What a message did is told by the stage that it ran.
CHATTY = (
    "celery.worker.strategy",
    "celery.worker.request",
    "celery.app.trace",
    "celery.beat",
)


@signals.after_setup_logger.connect
def _set_up(**_: Any) -> None:
    """Send structlog's lines through logging, so that Celery's time and level stand before them."""
    structlog.configure(
        processors=[
            structlog.stdlib.add_logger_name,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(
                key_order=["event", "run", "stage", "shard", "task", "attempt"],
                drop_missing=True,
                sort_keys=True,
            ),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
