"""Spoiling valid inputs: bytes, lines, JSON values, compression. Every choice comes from one generator."""

from __future__ import annotations

import copy
import gzip
import json
import random
from collections.abc import Callable, Sequence
from typing import Any

import zstandard

#: Values that some reader may not be ready for.
ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 4, 5, 7, 8, 9, 255, 256, 999, 1000, 32767, 65535, 65536,
    1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 1 << 64, -(1 << 63), 10**30,
    0.0, -0.0, 0.5, 1.0, 2.0, 1e-320, 1e308, 1e15, "", " ", "0", "1", "x", "\0", "\n", "\x1b[2J",
    "\u202e", "é", "🂡", "\ud800", "٣", "null", "0,0", "0,0,0", "-0,0,0", "9,9", "1" * 30, "12" * 20,
    "PL 0,0 1", "NaN", "a" * 300, [], {}, [[]], [None], [0, 0], {"": 0}, {"0,0": "1"}, {"0,0": 1},
)  # fmt: skip

#: Pieces of text that JSON and YAML readers stumble over.
ODD_TEXTS = (
    b"NaN", b"-Infinity", b"1e999", b"1E400", b"-0", b"00", b"0x10", b"1_000", b"9" * 25,
    b"9" * 5000, b"1" + b"0" * 400 + b".0", b"\\u0000", b"\\ud800", b"\\", b'"', b"'", b"{", b"}",
    b"[", b"]", b":", b",", b"\n", b"\r", b"\t", b"\0", b"\xff", b"\xc0\x80", b"\xed\xa0\x80",
    b"\xef\xbb\xbf", b"\xf4\x90\x80\x80", b"null", b"true", b"[]", b"{}", b" ", b"  ", b";", b"&a ",
    b"*a", b"!!python/object:x ", b"<<: ", b"%YAML 9", b"---\n", b"? ", b"|", b"moves", b"value",
)  # fmt: skip


def odd_value(rng: random.Random) -> Any:
    """A value that is probably wrong where it is put."""
    if rng.random() < 0.05:
        deep: Any = 0
        for _ in range(rng.choice((5, 40, 200))):
            deep = [deep] if rng.random() < 0.5 else {"a": deep}
        return deep
    return rng.choice(ODD_VALUES)


# -- JSON ------------------------------------------------------------------------------------


def _places(value: Any) -> list[tuple[Any, Any]]:
    """(container, key) of every value inside a value."""
    found: list[tuple[Any, Any]] = []
    queue = [value]
    while queue:
        at = queue.pop()
        keys: Any = at.keys() if isinstance(at, dict) else range(len(at))
        for key in keys:
            found.append((at, key))
            if isinstance(at[key], dict | list):
                queue.append(at[key])
    return found


def spoil_value(rng: random.Random, value: Any) -> None:
    """Change one thing inside an object or a list, in place."""
    places = _places(value)
    if not places:
        return
    if rng.random() < 0.5:  # keys of the outermost object are few among many cells and moves
        places = [place for place in places if place[0] is value] or places
    at, key = rng.choice(places)
    old = at[key]
    kind = rng.randrange(9)
    if kind == 0:
        del at[key]
    elif kind == 1 and isinstance(at, dict):
        at[rng.choice((f"{key} ", str(key).upper(), "x", "", "t", "v", "\ud800"))] = at.pop(key)
    elif kind == 2 and isinstance(at, dict):
        at[rng.choice(("extra", "v", "t", "", "0,0", "last", "id"))] = odd_value(rng)
    elif kind == 3 and isinstance(at, list):
        at.insert(rng.randrange(len(at) + 1), rng.choice((old, odd_value(rng))))
    elif kind == 4 and isinstance(at, list):
        rng.shuffle(at)
    elif kind == 5 and type(old) is int:
        at[key] = old + rng.choice((-1, 1, 2, 10, -100, 1 << 16))
    elif kind == 5 and isinstance(old, str) and old:
        i = rng.randrange(len(old))
        at[key] = old[:i] + rng.choice(("", " ", "0", "9", ",", ";", "-", "z")) + old[i + 1 :]
    elif kind == 6:
        other, there = rng.choice(places)
        if isinstance(other, dict | list) and not isinstance(other[there], dict | list):
            at[key] = copy.deepcopy(other[there])  # what lies around itself is no JSON
    else:
        at[key] = odd_value(rng)


def dump(value: Any) -> bytes:
    """JSON of any value, lone surrogates as escapes."""
    return json.dumps(value, separators=(",", ":")).encode()


# -- bytes -----------------------------------------------------------------------------------


def _flip(rng: random.Random, data: bytearray) -> None:
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _cut(rng: random.Random, data: bytearray) -> None:
    del data[rng.randrange(len(data)) :]


def _drop(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data))
    del data[at : at + rng.choice((1, 1, 2, 10, 100))]


def _insert(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.choice(ODD_TEXTS) if rng.random() < 0.8 else rng.randbytes(rng.randrange(9))


def _replace(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data))
    data[at : at + rng.choice((1, 1, 3, 9))] = rng.choice(ODD_TEXTS)


def _repeat(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data))
    piece = bytes(data[at : at + rng.choice((1, 5, 50))])
    data[at:at] = piece * rng.choice((1, 1, 2, 10, 1000))


def _deepen(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.choice((b"[", b'{"a":', b"- ", b"{")) * rng.choice((10, 100, 5000, 100_000))


_BYTES: Sequence[Callable[[random.Random, bytearray], None]] = (
    _flip, _flip, _cut, _drop, _insert, _insert, _replace, _replace, _repeat, _deepen,
)  # fmt: skip


def spoil_bytes(rng: random.Random, data: bytes) -> bytes:
    """Change a few places of some bytes."""
    made = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        if made:
            rng.choice(_BYTES)(rng, made)
    return bytes(made)


# -- lines -----------------------------------------------------------------------------------


def spoil_lines(rng: random.Random, lines: list[bytes]) -> list[bytes]:
    """Drop, double, move or lengthen whole lines."""
    made = list(lines)
    at = rng.randrange(len(made))
    kind = rng.randrange(8)
    if kind == 0:
        del made[at]
    elif kind == 1:
        made.insert(rng.randrange(len(made) + 1), made[at])
    elif kind == 2:
        made.insert(rng.randrange(len(made)), made.pop(at))
    elif kind == 3:
        made.insert(at, rng.choice((b"", b" ", b"{}", b"null", b"[]", b'{"t":"end","games":0}')))
    elif kind == 4:
        made[at] = made[at] + rng.choice((b"\r", b" ", b"\x0b", b"x", made[at]))
    elif kind == 5:
        made[at] = rng.randbytes(rng.choice((1, 10, 1000)))
    elif kind == 6 and rng.random() < 0.02:
        made[at] = made[at][:-1] + b" " * (17 << 20) + made[at][-1:]
    else:
        made[at] = spoil_bytes(rng, made[at])
    return made


def pack(rng: random.Random, data: bytes) -> bytes:
    """Pack in one of the ways that readers know, or break the packing."""
    kind = rng.randrange(8)
    if kind < 3:
        return data
    if kind == 3:
        half = rng.randrange(len(data) + 1)
        press = zstandard.ZstdCompressor(write_checksum=rng.random() < 0.5).compress
        return press(data[:half]) + press(data[half:])
    if kind == 4:
        return gzip.compress(data, 1) + b"\0" * rng.choice((0, 0, 5))
    press = zstandard.ZstdCompressor(write_checksum=True).compress
    packed = press(data) if kind < 7 else gzip.compress(data, 1)
    return spoil_bytes(rng, packed) if rng.random() < 0.5 else packed
