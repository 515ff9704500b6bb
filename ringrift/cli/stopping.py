"""Ctrl-C and SIGTERM as a request: work ends where it can go on later."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

from ringrift.errors import Interrupted


@dataclass(slots=True)
class Request:
    """Whether an end was asked for."""

    made: bool = False

    def check(self) -> None:
        """Raise Interrupted if it was."""
        if self.made:
            raise Interrupted("interrupted")


@contextmanager
def on_request(kept: str) -> Iterator[Request]:
    """Within it the first SIGINT, SIGTERM or SIGHUP only sets the request; the second raises Interrupted at once.

    An Interrupted that leaves it says what is kept and how to go on.
    """
    request = Request()

    def asked(_signum: int, _frame: FrameType | None) -> None:
        request.check()
        request.made = True
        with suppress(OSError):  # the terminal may be what is gone
            print("stopping at the next safe point; once more stops at once", file=sys.stderr)

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as under nohup
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, asked) for number in numbers}
    try:
        yield request
    except Interrupted:
        raise Interrupted(f"interrupted: {kept}") from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
