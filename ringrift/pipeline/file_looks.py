"""Whether the files of the ledger are what it says, without reading each of them each time.

What a file held is remembered beside its size and its time of change. A file that is gone, cut
short or written again is noticed by these; one whose bytes rotted in their place only by reading
it, which `ringrift status --check` and `ringrift ledger verify` do.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from ringrift.store.blobs import file_sha256
from ringrift.store.verify import count_records

#: Where the looks are kept, in the state directory. Nothing is lost with it but time.
CACHE = "status-files.json"

#: Seconds that a status may spend reading files; what is left over is read by later ones.
READ_SECONDS = 2.0


class Files:
    """Looks at the files of a state directory; `keep` remembers them for the next process."""

    def __init__(self, home: Path, seconds: float | None = None, *, afresh: bool = False) -> None:
        """Read for so many seconds at most, None: as long as it takes. `afresh` trusts no earlier look."""
        self._file = home / CACHE
        self._until = None if seconds is None else time.monotonic() + seconds
        self._known = {} if afresh else _read(self._file)
        self._new = False
        #: Files that there was no time for.
        self.unread = 0

    def games(self, path: Path, said: int) -> int | None:
        """Games in a shard; None if it is gone or broken; `said` where there was no time to read it."""
        found = self._look(path, "games")
        if found is not None:
            return None if found < 0 else int(found)
        if not path.exists():
            return None
        if self._late():
            return said
        count = count_records(path)
        self._note(path, "games", -1 if count is None else count)
        return count

    def whole(self, path: Path, sha256: str) -> bool:
        """Whether a file holds what its name says; True where there was no time to read it."""
        found = self._look(path, "sha256")
        if found is None:
            if not path.exists():
                return False
            if self._late():
                return True
            try:
                found = file_sha256(path)
            except OSError:
                return False
            self._note(path, "sha256", found)
        return bool(found == sha256)

    def keep(self) -> None:
        """Remember the looks; a full disk or another process that does the same costs nothing but time."""
        if not self._new:
            return
        aside = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        with suppress(OSError):
            aside.write_text(json.dumps(self._known), encoding="utf-8")
            aside.replace(self._file)

    def _late(self) -> bool:
        late = self._until is not None and time.monotonic() >= self._until
        self.unread += late
        return late

    def _look(self, path: Path, what: str) -> Any:
        """What an earlier look found in this very file; None if there was none."""
        before = self._known.get(path.name)
        if not isinstance(before, dict) or before.get("is") != _mark(path):
            return None
        return before.get(what)

    def _note(self, path: Path, what: str, found: int | str) -> None:
        mark = _mark(path)
        if mark is not None:
            self._known[path.name] = {"is": mark, what: found}
            self._new = True


def _mark(path: Path) -> list[int] | None:
    """What tells a file from the one that was there before, None if it is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns, found.st_ino]


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
