"""Lines of a file of games, plain or compressed, each a JSON object; a bad line does not end it.

Records and traces are both JSON lines. What they are packed in is seen from their first bytes (the
suffix decides where these are damaged). Nothing here holds more than one line: a line longer than
`MAX_LINE` is skipped, and a compressed file is opened in steps small enough that no content can
fill the memory.

A reader gets ``(number, object)`` or ``(number, Fault)`` for every line, numbers from 1. The strict
readers of the pipeline raise the first fault; commands for people report each and read on.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import zstandard

from ringrift.errors import BadInput, nearest, shown

#: Longest line that is read, in bytes; the longest real ones (hexagonal, 4 seats) have about 1 MB.
MAX_LINE = 16 << 20
#: Deepest nesting of objects and lists; real lines have 5.
MAX_DEPTH = 32

_ZSTD, _GZIP = b"\x28\xb5\x2f\xfd", b"\x1f\x8b"
_BLOCK = 1 << 17
#: Compressed bytes that are opened at once: 256 bytes of zstd hold at most 64 blocks of 128 KiB.
_STEP = 256
_GZIP_STEP = 1 << 13


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a line."""

    reason: str  #: one line for a person
    last: bool = False  #: nothing after it can be read


# -- bytes -----------------------------------------------------------------------------------


class Lines:
    """The lines of a file: iterate once; yields (number, bytes with the newline, or Fault).

    `consumed` counts the bytes of the file that were read so far, of `size` in all.
    Raises BadInput where the file cannot be read at all.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.consumed = 0
        try:
            if path.is_dir():
                raise BadInput(f"cannot read {path}: it is a folder")
            self.size = path.stat().st_size
        except OSError as error:
            raise BadInput(f"cannot read {path}: {error.strerror}") from error

    def __iter__(self) -> Iterator[tuple[int, bytes | Fault]]:
        """Split what the file holds into lines."""
        number, held, parts = 1, 0, list[bytes]()
        try:
            for block in self._blocks():
                *ended, rest = block.split(b"\n")
                for piece in ended:
                    parts.append(piece)
                    held += len(piece)
                    if held > MAX_LINE:
                        yield number, Fault(f"longer than {MAX_LINE >> 20} MiB, skipped")
                    else:
                        yield number, b"".join(parts) + b"\n"
                    number, held, parts = number + 1, 0, []
                held += len(rest)
                parts = [*parts, rest] if held <= MAX_LINE else []
        except (zstandard.ZstdError, zlib.error, EOFError) as error:
            reason = " ".join(str(error).split())
            yield number, Fault(f"damaged compression: {reason}", last=True)
        except OSError as error:
            raise BadInput(f"cannot read {self.path}: {error.strerror}") from error
        else:
            if held > MAX_LINE:
                yield number, Fault(f"longer than {MAX_LINE >> 20} MiB, skipped")
            elif held:
                yield number, b"".join(parts)

    def _blocks(self) -> Iterator[bytes]:
        """What the file holds, opened, in blocks of any size."""
        with self.path.open("rb") as file:
            packing = packing_of(self.path, file.peek(4)[:4])
            if packing == "zstd":
                yield from _frames(self._read(file, _BLOCK), zstandard.ZstdDecompressor, _STEP)
            elif packing == "gzip":
                yield from _frames(self._read(file, _BLOCK), _Gzip, _GZIP_STEP)
            else:
                yield from self._read(file, _BLOCK)

    def _read(self, file: BinaryIO, size: int) -> Iterator[bytes]:
        while block := file.read(size):
            self.consumed += len(block)
            yield block


class _Gzip:
    """zlib's decompressor of one gzip member, made as zstandard makes its own."""

    def decompressobj(self) -> Any:
        return zlib.decompressobj(16 + zlib.MAX_WBITS)


def _frames(blocks: Iterable[bytes], opener: Any, step: int) -> Iterator[bytes]:
    """Open frame after frame; EOFError where the last one is cut short."""
    current: Any = None
    for block in blocks:
        for at in range(0, len(block), step):
            piece = block[at : at + step]
            while piece:
                if current is None:
                    current = opener().decompressobj()
                data = current.decompress(piece)
                if data:
                    yield data
                piece = b""
                if current.eof:
                    # gzip files may be padded with zeros
                    piece = current.unused_data.lstrip(b"\0")
                    current = None
    if current is not None:
        raise EOFError("the file is cut short")


def packing_of(path: Path, first: bytes) -> str:
    """``"zstd"``, ``"gzip"`` or ``"plain"``, of a file that begins with these bytes."""
    if first.startswith(_ZSTD):
        return "zstd"
    if first.startswith(_GZIP):
        return "gzip"
    return {".zst": "zstd", ".gz": "gzip"}.get(path.suffix, "plain")


# -- objects ---------------------------------------------------------------------------------


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:20]} is out of range")
    return value


def _int(text: str) -> int:
    if len(text) > 21 or not -(1 << 63) <= int(text) < 1 << 64:
        raise ValueError(f"a whole number of {len(text.lstrip('-'))} digits is out of range")
    return int(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [key for key, _ in pairs]
        twice = next(key for key in made if names.count(key) > 1)
        raise ValueError(f"the key {shown(twice)} appears twice")
    return made


_FAST = json.JSONDecoder(parse_constant=_constant, object_pairs_hook=_unique)
#: Looks at every number, which takes three times as long; for lines that hold a suspicious one.
_CAREFUL = json.JSONDecoder(
    parse_constant=_constant, object_pairs_hook=_unique, parse_float=_float, parse_int=_int
)
_SUSPICIOUS = re.compile(r"[,:\[]\s*-?[0-9.]*(?:[0-9]{19}|[0-9.][eE]\+?[0-9]{3})")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def parse_object(line: bytes) -> dict[str, Any]:
    """The JSON object of a line; BadInput with the reason, without file and number.

    Strict JSON in strict UTF-8: no NaN, no key twice in an object, numbers within 64 bits, nothing
    nested deeper than `MAX_DEPTH`, so that whatever is returned can be written again and shown.
    """
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"not UTF-8: {error.reason} at byte {error.start + 1}") from None
    if _depth(line) > MAX_DEPTH:
        raise BadInput(f"not read: nested deeper than {MAX_DEPTH} levels")
    decoder = _CAREFUL if _SUSPICIOUS.search(text) else _FAST
    try:
        data = decoder.decode(text)
    except ValueError as error:
        raise BadInput(f"not JSON: {error}") from None
    if not isinstance(data, dict):
        raise BadInput(f"expected an object, found {type(data).__name__}")
    return data


def _depth(line: bytes) -> int:
    """Nesting of the brackets of a line; an upper bound where texts hold brackets too."""
    brackets = line.translate(None, _NO_BRACKETS)
    for depth in range(MAX_DEPTH + 1):
        if not brackets:
            return depth
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    # Rare: text with brackets, or broken or deep nesting. Count outside of texts.
    depth = deepest = 0
    for bracket in re.sub(rb'"(?:[^"\\]|\\.)*"?', b"", line).translate(None, _NO_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def objects(lines: Lines) -> Iterator[tuple[int, dict[str, Any] | Fault]]:
    """The object of each line, or what is wrong with it; the number of the line comes first."""
    for number, line in lines:
        if isinstance(line, Fault):
            yield number, line
            continue
        try:
            yield number, parse_object(line)
        except BadInput as error:
            yield number, Fault(str(error))


# -- keys ------------------------------------------------------------------------------------


def check_keys(
    data: Mapping[str, Any], wanted: Sequence[str], where: str, optional: Sequence[str] = ()
) -> None:
    """BadInput where an object has other keys than wanted; `where` names the object."""
    if data.keys() == set(wanted):
        return
    for key in data:
        if key not in wanted and key not in optional:
            hint = nearest(key[:60], [*wanted, *optional])
            raise BadInput(f"{where} has an unknown key {shown(key)}: {hint}")
    for key in wanted:
        if key not in data:
            raise BadInput(f"{where} lacks the key {key!r}")


#: Types as people who write JSON call them.
_ONE = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a whole number",
    bool: "true or false",
}
_MANY = {dict: "objects", str: "texts", int: "whole numbers"}


def typed(data: Mapping[str, Any], key: str, kind: type) -> Any:
    """Value of a key, which must be of exactly this type (true is no number)."""
    value = data[key]
    if type(value) is not kind:
        raise BadInput(f"{key!r} must be {_ONE[kind]}, found {shown(value)}")
    return value


def typed_list(data: Mapping[str, Any], key: str, kind: type) -> list[Any]:
    """Value of a key, which must be a list of exactly this type."""
    items: list[Any] = typed(data, key, list)
    for item in items:
        if type(item) is not kind:
            raise BadInput(f"{key!r} must hold only {_MANY[kind]}, found {shown(item)}")
    return items


def version(data: Mapping[str, Any], known: int, what: str) -> None:
    """BadInput where an object is of another version than this program reads."""
    if type(data["v"]) is not int or data["v"] != known:
        raise BadInput(f"version {shown(data['v'])} of {what}, this program reads {known}")


def located(path: Path, number: int, fault: Fault) -> BadInput:
    """The fault as the error of a strict reader."""
    return BadInput(f"{path}:{number}: {fault.reason}")
