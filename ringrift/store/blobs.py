"""Files named by the sha256 of their bytes.

    shards/<sha256>.jsonl.zst    datasets/<sha256>.npz    models/<sha256>.safetensors

A file is written under another name, synced and renamed, so it is whole or not there. Its bytes are
hashed when it is read; a file that is not what its name says is moved to `quarantine/` beside a text
with the reason, and never read again. Remote stores are reached through fsspec (s3://, sftp://, ...).
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import fsspec
import sqlalchemy as sa

from ringrift.errors import BadInput
from ringrift.store.ids import derived_id
from ringrift.store.ledger import Tx, insert_once
from ringrift.store.schema import quarantine as quarantine_table

#: Bytes copied at a time.
CHUNK = 1 << 20

#: Name of a file that is still being written begins so.
ASIDE = ".tmp-"

#: Age at which a half-written file of an unknown writer is a left-over.
SWEEP_SECONDS = 86400.0


class BadBlob(BadInput):
    """A file's bytes are not what its name says, or it is not there."""

    def __init__(self, message: str, path: Path, moved_to: Path | None = None) -> None:
        """Where the file should be, and where it was moved to."""
        super().__init__(message)
        self.path = path
        self.moved_to = moved_to


@dataclass(frozen=True, slots=True)
class Blob:
    """A file in the store."""

    path: Path
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class BlobStore:
    """The files of a state directory."""

    #: The state directory.
    home: Path

    def relative(self, path: Path) -> str:
        """A path as the ledger writes it, so that the state directory may be moved.

        Folders and files of it may be links to another disk: what counts is the name in the state directory.
        """
        named, home = (one.absolute() for one in (path, self.home))
        if not named.is_relative_to(home):
            named, home = path.resolve(), self.home.resolve()
        return named.relative_to(home).as_posix()

    def path(self, relative: str) -> Path:
        """Where a path of the ledger lies."""
        return self.home / relative

    def adopt(self, source: Path, folder: str) -> Blob:
        """Take a local file in under the name of its content; the source stays where it is."""
        suffix = "".join(source.suffixes) if not _is_hash(source.name[:64]) else source.name[64:]
        with source.open("rb") as stream:
            return self._write(stream, folder, suffix)

    def fetch(self, url: str, folder: str, expected: str) -> Blob:
        """Copy a file from another store; BadBlob if it arrives as something else."""
        with fsspec.open(url, "rb") as stream:
            blob = self._write(stream, folder, _suffix(url))
        if blob.sha256 != expected:
            self.quarantine(blob.path, f"fetched from {url}", expected, blob.sha256)
            raise BadBlob(f"{url}: expected sha256 {expected}, found {blob.sha256}", blob.path)
        return blob

    def push(self, path: Path, url: str, *, again: bool = False) -> bool:
        """Copy a file to another store under its own name, whole or not at all; False if it is there.

        Its bytes are hashed before, and again as they have arrived (BadBlob). A file that is there is
        known by its size; `again` hashes that one, too, and replaces it where it is another.
        """
        expected = path.name[:64]
        filesystem, target = fsspec.url_to_fs(url)
        final = f"{target.rstrip('/')}/{path.name}"
        if (
            filesystem.exists(final)
            and filesystem.size(final) == path.stat().st_size
            and not (again and _hash_of(filesystem, final) != expected)
        ):
            return False
        self.verify(path, expected)
        filesystem.makedirs(target, exist_ok=True)
        aside = f"{target.rstrip('/')}/{ASIDE}{os.getpid()}-{secrets.token_hex(4)}-{path.name}"
        try:
            filesystem.put_file(str(path), aside)
            found = _hash_of(filesystem, aside)
            if found == expected:
                filesystem.mv(aside, final)
        finally:
            with suppress(Exception):  # it is gone where all went well
                filesystem.rm_file(aside)
        if found != expected:
            raise BadBlob(f"{url}: {path.name[:12]} arrived as sha256 {found}", path)
        return True

    def verify(self, path: Path, expected: str) -> Path:
        """The path, if its bytes have this hash; else it is quarantined and BadBlob raised."""
        try:
            found = file_sha256(path)
        except IsADirectoryError:
            found = "a folder"
        except OSError as error:
            raise BadBlob(f"{path}: {error.strerror or error}{self._where(path)}", path) from error
        if found != expected:
            moved = self.quarantine(path, "bytes are not what the name says", expected, found)
            raise BadBlob(
                f"broken file {path}: expected sha256 {expected}, found {found}; moved to {moved}",
                path,
                moved,
            )
        return path

    def _where(self, path: Path) -> str:
        """What became of a file that is not there, if that is known."""
        moved = self.home / "quarantine" / path.name
        if path.exists() or not moved.exists():
            return ""
        return f": it was broken and is now {moved}; put a good copy in its place"

    def quarantine(self, path: Path, reason: str, expected: str | None, found: str | None) -> Path:
        """Move a bad file away with its reason beside it; where it is now."""
        folder = self.home / "quarantine"
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / path.name
        number = 1
        while target.exists():
            number += 1
            target = folder / f"{path.name}.{number}"
        shutil.move(path, target)
        text = f"{reason}\nfrom: {path}\nexpected sha256: {expected}\nfound sha256: {found}\n"
        target.with_name(target.name + ".reason.txt").write_text(text)
        return target

    def sweep(self) -> int:
        """Remove half-written files that no living process can be writing; how many.

        A name tells its writer, `.tmp-<pid>-...`; one that does not is left for a day.
        """
        swept = 0
        for folder in ("shards", "datasets", "models", "runs"):
            swept += sweep_folder(self.home / folder, deep=True)
        return swept

    def _write(self, stream: IO[bytes], folder: str, suffix: str) -> Blob:
        with _aside(self.home / folder, suffix) as (out, aside):
            hashed, size = hashlib.sha256(), 0
            while chunk := stream.read(CHUNK):
                hashed.update(chunk)
                size += len(chunk)
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
            sha256 = hashed.hexdigest()
            path = self.home / folder / f"{sha256}{suffix}"
            aside.replace(path)
        _sync_folder(path.parent)
        return Blob(path, sha256, size)


def sweep_folder(folder: Path, *, deep: bool = False) -> int:
    """Remove half-written files in a folder (deep: and under it) that no living process can be writing; how many."""
    found = folder.glob(f"**/{ASIDE}*" if deep else f"{ASIDE}*")
    left = [path for path in found if _is_left_over(path)]
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


def note_quarantine(tx: Tx, path: str, moved_to: str, reason: str, expected: str | None) -> None:
    """Write into the ledger that a file was moved away, and why. Paths as the ledger writes them."""
    row = {"path": path, "moved_to": moved_to, "reason": reason, "expected": expected}
    identity = derived_id("quarantine", row)
    insert_once(tx, quarantine_table, [{"id": identity, **row, "created_at": tx.now}])


def quarantined(tx: Tx) -> list[dict[str, Any]]:
    """Every file that was moved away: path, moved_to, reason, expected, created_at."""
    columns = [c for c in quarantine_table.c if c.name != "id"]
    query = sa.select(*columns).order_by(quarantine_table.c.created_at)
    return [dict(row) for row in tx.conn.execute(query).mappings()]


def file_sha256(path: Path) -> str:
    """Hash of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _hash_of(filesystem: Any, path: str) -> str:
    """Hash of a file of another store."""
    hashed = hashlib.sha256()
    with filesystem.open(path, "rb") as stream:
        while chunk := stream.read(CHUNK):
            hashed.update(chunk)
    return hashed.hexdigest()


@contextmanager
def _aside(folder: Path, suffix: str) -> Iterator[tuple[IO[bytes], Path]]:
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f"{ASIDE}{os.getpid()}-", suffix=suffix, dir=folder)
    path = Path(name)
    try:
        with os.fdopen(handle, "wb") as out:
            path.chmod(0o644)
            yield out, path
    finally:
        path.unlink(missing_ok=True)


def _is_left_over(path: Path) -> bool:
    """Whether nobody can still be writing this file."""
    writer = path.name.removeprefix(ASIDE).partition("-")[0]
    try:
        if writer.isdigit():
            os.kill(int(writer), 0)
            return False
        return path.stat().st_mtime < time.time() - SWEEP_SECONDS
    except ProcessLookupError:
        return True
    except OSError:  # another's process, or gone by itself
        return False


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_hash(text: str) -> bool:
    return len(text) == 64 and all(c in "0123456789abcdef" for c in text)


def _suffix(url: str) -> str:
    name = url.rstrip("/").rsplit("/", 1)[-1]
    return name[64:] if _is_hash(name[:64]) else "".join(Path(name).suffixes)
