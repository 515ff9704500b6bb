"""One of several apart from the others: what goes wrong with it is said, and keeps none of them back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from ringrift.errors import RingRiftError
from ringrift.store.ledger import StaleFence

log = structlog.get_logger(__name__)


@contextmanager
def apart(said: str, **about: str) -> Iterator[None]:
    """Do one thing; log what goes wrong with it (`said`, with a traceback where it is a defect of ours), and go on.

    StaleFence is raised: another one does all of it now.
    """
    try:
        yield
    except StaleFence:
        raise
    except Exception as error:  # whatever is wrong with this one is no fault of the others
        expected = isinstance(error, RingRiftError | OSError)
        log.warning(said, **about, error=str(error), exc_info=not expected)
