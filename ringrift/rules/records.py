"""Canonical game records: one JSON object per line, zstd-compressed, named by content.

docs/records.md is the manual of the format. A file is

    {"t":"shard","v":1,"spec":{...}}       optional, what the file was made from
    {"t":"game","v":1,"id":...}            one line per game
    {"t":"end","games":n}                  so that a file cut short is noticed

and its name is ``<sha256 of its bytes>.jsonl.zst``. The same lines give the same bytes. Writing
and reading stream: neither holds more than one game.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import zstandard

from ringrift.errors import BadInput, shown
from ringrift.rules.game_record import (
    VERSION,
    Decided,
    Decision,
    GameRecord,
    Origin,
    Result,
    SeatAgent,
    dumps,
    short,
)
from ringrift.rules.lines import (
    Fault,
    Lines,
    check_keys,
    located,
    objects,
    parse_object,
    typed,
    version,
)

__all__ = [
    "SUFFIX",
    "VERSION",
    "Decided",
    "Decision",
    "GameRecord",
    "Origin",
    "RecordReader",
    "RecordWriter",
    "Result",
    "SeatAgent",
    "file_sha256",
    "scan_records",
    "short",
    "verify_name",
    "write_records",
]

SUFFIX = ".jsonl.zst"
#: Measured on 100 games of hex8: level 10 is 22% smaller than 3; 15 is 7% smaller again, but takes
#: five times as long.
_LEVEL = 10
_SHA = re.compile(r"[0-9a-f]{64}")


# -- writing ---------------------------------------------------------------------------------


class RecordWriter:
    """Writes a file of records aside and gives it its name at the end.

    The name is that of its content, unless one is given; a given one that does not end in ``.zst``
    is not compressed. A context manager: leaving it normally finishes the file (fsync, rename),
    leaving it by an exception removes what was written. Afterwards `path`, `sha256` and `games` are
    set. Raises BadInput where the folder cannot be written.
    """

    def __init__(
        self, folder: Path, spec: Mapping[str, Any] | None = None, name: str | None = None
    ) -> None:
        self.folder = folder
        self.spec = spec
        self.name = name
        self.games = 0
        self.path: Path | None = None
        self.sha256 = ""

    def __enter__(self) -> Self:
        """Open the file aside."""
        self._aside = self.folder / f".tmp-{os.getpid()}-{secrets.token_hex(6)}{SUFFIX}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._file = _Hashed(self._aside.open("xb"))
        except OSError as error:
            raise BadInput(f"cannot write to {self.folder}: {error.strerror}") from error
        self._stream: Any = None
        if self.name is None or self.name.endswith(".zst"):
            compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
            self._stream = compressor.stream_writer(self._file, closefd=False)  # type: ignore[arg-type]
        try:
            if self.spec is not None:
                self._line(dumps({"t": "shard", "v": VERSION, "spec": dict(self.spec)}))
        except BaseException:
            self._discard()
            raise
        return self

    def _line(self, text: str) -> None:
        try:
            (self._stream or self._file).write(text.encode() + b"\n")
        except OSError as error:
            raise BadInput(f"cannot write to {self.folder}: {error.strerror}") from error

    def write(self, record: GameRecord) -> None:
        """Append one game."""
        self._line(record.line())
        self.games += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish the file, or remove it after an exception."""
        if kind is not None:
            self._discard()
            return
        try:
            self._line(dumps({"t": "end", "games": self.games}))
            if self._stream is not None:
                self._stream.close()
            self._file.sync_and_close()
            self.sha256 = self._file.sha256
            path = self.folder / (self.name or f"{self.sha256}{SUFFIX}")
            self._aside.replace(path)
            _sync_folder(self.folder)
        except OSError as failure:
            raise BadInput(f"cannot write to {self.folder}: {failure.strerror}") from failure
        finally:
            self._discard()  # there is something to discard only where finishing was broken off
        self.path = path

    def _discard(self) -> None:
        with suppress(OSError):  # what a full disk has no room for is thrown away anyway
            self._file.close()
        self._aside.unlink(missing_ok=True)


class _Hashed(io.RawIOBase):
    """A file that hashes what is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._inner = file
        self._digest = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._digest.update(data)
        return self._inner.write(data)

    def sync_and_close(self) -> None:
        self._inner.flush()
        os.fsync(self._inner.fileno())
        self.close()

    def close(self) -> None:
        self._inner.close()
        super().close()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    """Make a rename in the folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_records(
    folder: Path, records: Iterable[GameRecord], spec: Mapping[str, Any] | None = None
) -> RecordWriter:
    """Write all records as one file in `folder`; the writer tells path, sha256 and games."""
    with RecordWriter(folder, spec) as writer:
        for record in records:
            writer.write(record)
    return writer


# -- reading ---------------------------------------------------------------------------------


def file_sha256(path: Path) -> str:
    """sha256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify_name(path: Path) -> str:
    """sha256 of a file whose name must be it; BadInput where it is not."""
    try:
        found = file_sha256(path)
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
    named = path.name.split(".")[0]
    if _SHA.fullmatch(named) is None:
        raise BadInput(f"{path}: a file of records is named by its sha256, this one is not")
    if named != found:
        raise BadInput(f"{path}: damaged, its content has sha256 {found[:12]}...")
    return found


class RecordReader:
    """Reads a file of records game by game: iterate over it, once or more often.

    Iterating raises BadInput with file, line and reason at the first fault; `scan` goes on after
    it. `spec` is what the first line says the file was made from, None where it has no such line;
    it is read when the reader is made. With `verify` the content must have the sha256 that is the
    file's name. Files that are not compressed can be read too.
    """

    def __init__(self, path: Path, *, verify: bool = True) -> None:
        self.path = path
        if verify:
            verify_name(path)
        self.spec: dict[str, Any] | None = None
        for number, data in objects(Lines(path)):
            if isinstance(data, Fault):
                raise located(path, number, data)
            if data.get("t") == "shard":
                try:
                    self.spec = _spec(data)
                except BadInput as error:
                    raise located(path, number, Fault(str(error))) from None
            break

    def __iter__(self) -> Iterator[GameRecord]:
        """Yield the games."""
        for number, record in scan_records(Lines(self.path)):
            if isinstance(record, Fault):
                raise located(self.path, number, record)
            yield record


def _spec(data: Mapping[str, Any]) -> dict[str, Any]:
    check_keys(data, ("t", "v", "spec"), "the header")
    version(data, VERSION, "a header")
    spec: dict[str, Any] = typed(data, "spec", dict)
    return spec


def scan_records(lines: Lines) -> Iterator[tuple[int, GameRecord | Fault]]:
    """Each game of a file with the number of its line, and each fault; goes on after a fault.

    Games are as they are written: whether their moves are legal is not asked here.
    """
    number = games = 0
    ended = told = False
    for number, line in lines:
        try:
            if isinstance(line, Fault):
                yield number, line
                if line.last:
                    return
                continue
            if not line.endswith(b"\n"):
                yield number, Fault("the file is cut short in this line", last=True)
                return
            data = parse_object(line)
            kind = data.get("t")
            if ended and not told:
                told = True
                yield number, Fault("text after the end line")
            if kind == "game":
                games += 1
                yield number, GameRecord.parse(data)
            elif kind == "end":
                ended = True
                _check_end(data, games)
            elif kind == "shard" and number == 1:
                _spec(data)
            else:
                yield number, Fault(f"unknown kind of line {shown(kind)}")
        except BadInput as error:
            yield number, Fault(str(error))
    if not ended:
        yield number + 1, Fault("the file is cut short: no end line", last=True)


def _check_end(data: Mapping[str, Any], games: int) -> None:
    check_keys(data, ("t", "games"), "the end line")
    said = typed(data, "games", int)
    if said != games:
        raise BadInput(f"the end line says {said} games, the file holds {games}")
