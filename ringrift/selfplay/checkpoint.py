"""A shard in the middle: what is needed so that the next start goes on instead of beginning again.

A checkpoint lies beside the shards, named by the id of its spec: `.<id>.checkpoint`. It is written
aside, synced and renamed, so it is whole or not there::

    zstd of {"t":"checkpoint","v":1,"spec":...,"kernels":...,"lines":n,"arrays":[[name,dtype,shape],...], ...}
            n lines, the records of the games that are over, in the order in which they ended
            the arrays of the games that are not (`SelfplayPool.snapshot`), one after the other
    sha256 of all that, 32 bytes

The pool's whole state is kept, searches included, and not only the seeds of the unfinished games:
games depend on nothing but their seed, yet the order in which they end, and so the file, depends on
how far each is; and a large board's games in flight are half an hour of work.

A checkpoint is used only by the same spec with the same backend, library and compiled kernels, since
all of these decide bits. Who goes on takes the backend and the lanes that the checkpoint names, where
they can be had. Any other, and a damaged one, is moved to quarantine with its reason, and the shard
begins again.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import structlog
import zstandard
from numpy.typing import NDArray

from ringrift import compile as compiling
from ringrift.errors import BadInput
from ringrift.nets.cpu import cpu_flags
from ringrift.nets.presence import PACKAGES, version_of
from ringrift.rules.lines import parse_object
from ringrift.selfplay.leftovers import SUFFIX

log = structlog.get_logger(__name__)

VERSION: Final = 1

#: Bytes of the hash at the end.
_HASH: Final = 32


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a shard was."""

    #: Lines of the games that are over (`GameRecord.line`), in the order in which they ended.
    lines: Sequence[str]
    #: What `SelfplayPool.restore` takes.
    arrays: Mapping[str, NDArray[Any]]
    #: Seconds of play so far, over all starts.
    seconds: float


def checkpoint_path(folder: Path, shard: str) -> Path:
    """Where the checkpoint of a shard of this id lies."""
    return folder / f".{shard}{SUFFIX}"


def identity(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that a checkpoint must agree with; spec: the header of the shard, backend included."""
    kind = str((spec.get("backend") or {}).get("kind"))
    library = PACKAGES[kind][0] if kind in PACKAGES else "torch"
    return {
        "t": "checkpoint",
        "v": VERSION,
        "spec": json.loads(json.dumps(spec)),
        "kernels": compiling.cache_key(),
        library: version_of(library),
        "cpu": hashlib.sha256(" ".join(sorted(cpu_flags())).encode()).hexdigest()[:16],
    }


def write(path: Path, spec: Mapping[str, Any], found: Checkpoint) -> None:
    """Write a checkpoint in place of the last one; BadInput where the folder cannot be written."""
    header = {
        **identity(spec),
        "lines": len(found.lines),
        "seconds": found.seconds,
        "arrays": [[n, a.dtype.str, list(a.shape)] for n, a in found.arrays.items()],
    }
    aside = path.with_name(f".tmp-{os.getpid()}-{secrets.token_hex(6)}{SUFFIX}")
    try:
        with aside.open("xb") as file:
            hashed = _Hashed(file)
            compressor = zstandard.ZstdCompressor(level=1)
            with compressor.stream_writer(hashed, closefd=False) as out:  # type: ignore[arg-type]
                out.write(json.dumps(header).encode() + b"\n")
                for line in found.lines:
                    out.write(line.encode() + b"\n")
                for array in found.arrays.values():
                    out.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
            file.write(hashed.digest.digest())
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        raise BadInput(f"cannot write to {path.parent}: {error.strerror}") from error
    finally:
        aside.unlink(missing_ok=True)


def load(path: Path, spec: Mapping[str, Any], bad: Path) -> Checkpoint | None:
    """The checkpoint of this spec; None where there is none, or one that was moved to the folder `bad`."""
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except IsADirectoryError:
        quarantine(path, "a folder lies where the checkpoint should", bad)
        return None
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
    try:
        return _parse(data, spec)
    except (ValueError, KeyError, TypeError, zstandard.ZstdError) as error:
        reason = str(error) if isinstance(error, BadInput) else f"damaged checkpoint: {error!r}"
        quarantine(path, reason, bad)
        return None


def begun_with(path: Path) -> Mapping[str, Any]:
    """What the checkpoint says of its shard: the header of its file; empty where there is none, or a damaged one.

    Only the beginning is read: `load` judges the rest.
    """
    try:
        with (
            path.open("rb") as file,
            zstandard.ZstdDecompressor().stream_reader(file) as stream,
        ):
            spec = parse_object(io.BufferedReader(stream).readline()).get("spec")
    except (OSError, ValueError, zstandard.ZstdError):  # BadInput is a ValueError
        return {}
    return spec if isinstance(spec, dict) else {}


def quarantine(path: Path, reason: str, folder: Path) -> Path:
    """Move a checkpoint away, the reason beside it; where it is now."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{path.name.lstrip('.')}.{secrets.token_hex(3)}"
    shutil.move(path, target)
    target.with_name(f"{target.name}.reason.txt").write_text(f"{reason}\nfrom: {path}\n")
    log.warning("checkpoint not used", path=str(path), reason=reason, moved_to=str(target))
    return target


def _parse(data: bytes, spec: Mapping[str, Any]) -> Checkpoint:
    body = data[:-_HASH]
    if hashlib.sha256(body).digest() != data[-_HASH:]:
        raise BadInput("damaged checkpoint: its bytes do not have the sha256 at its end")
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(body)) as stream:
        content = io.BytesIO(stream.readall())
    header = parse_object(content.readline())
    for key, own in identity(spec).items():
        if header.get(key) != own:
            raise BadInput(_foreign(key, header.get(key), own))
    lines = [content.readline().decode().removesuffix("\n") for _ in range(header["lines"])]
    arrays = {
        name: np.frombuffer(content.read(_size(dtype, shape)), dtype).reshape(shape)
        for name, dtype, shape in header["arrays"]
    }
    return Checkpoint(lines, arrays, header["seconds"])


def _size(dtype: str, shape: Sequence[int]) -> int:
    return int(np.dtype(dtype).itemsize * np.prod(shape, dtype=np.int64))


def _foreign(key: str, found: object, own: object) -> str:
    if key == "spec" and isinstance(found, dict) and isinstance(own, dict):
        differing = sorted(k for k in {*found, *own} if found.get(k) != own.get(k))
        return f"checkpoint of another shard: {', '.join(differing)} differ"
    return f"checkpoint of another program or machine: {key} is {found!r}, here {own!r}"


class _Hashed(io.RawIOBase):
    """Passes bytes on and hashes them."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int:
        """Write all of it."""
        self.digest.update(data)
        return self._file.write(data)
