"""Between the line protocol and two streams: reads while the engine thinks, and never stops for what it reads."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from ringrift.agents.ugi import NEED_IDLE, Ugi, error_line

#: Longest line: the longest game's moves with room to spare.
MOST_BYTES: Final = 16 << 20
#: Lines that are read ahead of their answers.
AHEAD: Final = 16
#: Lines that may wait for the end of a search.
MOST_HELD: Final = 1000
_CHUNK: Final = 1 << 16

#: A line, or why it is none.
Item = str | UnicodeDecodeError | OverflowError


def lines_of(read: Callable[[int], bytes], most: int = MOST_BYTES) -> Iterator[Item]:
    """Lines of a stream, whatever its bytes are: a line that is no UTF-8 or longer than ``most`` bytes is an error.

    read(n) returns 1 to n bytes, or none at the end; a last line needs no line feed.
    """
    rest, size = [], 0
    while True:
        chunk = read(_CHUNK)
        parts = chunk.split(b"\n")
        for number, part in enumerate(parts):
            if size <= most:
                rest.append(part)
            size += len(part)
            if number < len(parts) - 1 or (not chunk and size):
                yield _line(b"".join(rest), size, most)
                rest, size = [], 0
        if not chunk:
            return


def _line(content: bytes, size: int, most: int) -> Item:
    if size > most:
        return OverflowError(f"line of {size} bytes: expected at most {most}")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        return error


def serve(engine: Ugi, read: Callable[[int], bytes], write: Callable[[str], None]) -> None:
    """Answer the lines of a stream until `quit` or its end.

    A line that would disturb a search that has an end of its own waits for that end, and so do the lines behind it: a
    script may send all its lines without waiting. At the end of the stream such a search is finished; one without an
    end is stopped.
    """
    items: queue.Queue[Item | None] = queue.Queue(AHEAD)

    def listen() -> None:
        for item in lines_of(read):
            items.put(item)
        items.put(None)

    # A daemon: it may stay in `read` when everything else has ended.
    threading.Thread(target=listen, name="ugi-reader", daemon=True).start()
    held: deque[Item] = deque()
    ended = False
    while not engine.over:
        if held and (not engine.thinking or engine.endless):
            lines = _answer(engine, held.popleft())
        elif ended and not engine.thinking:
            break
        elif ended or len(held) >= MOST_HELD:
            lines = engine.handle("stop") if engine.endless else engine.think()
        else:
            try:
                item = items.get(block=not engine.thinking or engine.waiting)
            except queue.Empty:
                lines = engine.think()
            else:
                lines = []
                if item is None:
                    ended = True
                elif _must_wait(engine, item, behind=bool(held)):
                    held.append(item)
                else:
                    lines = _answer(engine, item)
        for line in lines:
            write(line)


def _must_wait(engine: Ugi, item: Item, *, behind: bool) -> bool:
    """Whether a line waits for the end of the search that runs; ``behind``: behind one that does."""
    if not engine.thinking or engine.endless or not isinstance(item, str):
        return False
    return behind or item.strip().partition(" ")[0] in NEED_IDLE


def _answer(engine: Ugi, item: Item) -> list[str]:
    match item:
        case str():
            return engine.handle(item)
        case UnicodeDecodeError():
            return [error_line(f"line is not UTF-8: {item.reason} at byte {item.start}")]
        case _:
            return [error_line(str(item))]
