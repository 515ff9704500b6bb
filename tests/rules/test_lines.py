"""Lines of files: any packing, any damage, bounded memory, strict JSON."""

import gzip
import json
import tracemalloc

import pytest
import zstandard

from ringrift.errors import BadInput, shown
from ringrift.rules.lines import (
    MAX_DEPTH,
    MAX_LINE,
    Fault,
    Lines,
    objects,
    parse_object,
)

TEXT = b'{"a":1}\n\n{"b":[2,{"c":3}]}\n'


def zstd(data):
    """One frame, with a checksum."""
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def read(path):
    """All lines of a file; faults by their reason."""
    return [(n, x.reason if isinstance(x, Fault) else x) for n, x in Lines(path)]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.jsonl", TEXT),
        ("a.jsonl.zst", zstd(TEXT)),
        ("a.jsonl.gz", gzip.compress(TEXT)),
        ("a.jsonl.gz", zstd(TEXT)),
        ("frames.zst", zstd(TEXT[:12]) + zstd(TEXT[12:])),
        ("members.gz", gzip.compress(TEXT[:9]) + gzip.compress(TEXT[9:]) + b"\0" * 100),
    ],
    # names of their own: a gzip header holds the time, and two test processes must find the same names
    ids=["plain", "zstd", "gzip", "zstd-called-gz", "zstd-frames", "gzip-members"],
)
def test_packing(tmp_path, name, data):
    """The same lines come out of every packing, whatever the file is called."""
    path = tmp_path / name
    path.write_bytes(data)
    lines = Lines(path)
    assert list(lines) == [(1, b'{"a":1}\n'), (2, b"\n"), (3, b'{"b":[2,{"c":3}]}\n')]
    assert lines.consumed == lines.size == len(data)


@pytest.mark.parametrize("pack", [zstd, gzip.compress])
@pytest.mark.parametrize("cut", [1, 4, 9, 20])
def test_cut_compression(tmp_path, pack, cut):
    """A compressed file that lacks its last bytes says so, be it only a part of the checksum."""
    path = tmp_path / "cut.zst"
    path.write_bytes(pack(TEXT * 3000)[:-cut])
    number, last = read(path)[-1]
    assert "damaged compression" in last
    assert number <= 9001


def test_damaged_compression(tmp_path):
    """Lines before the damage are read, and the damage has their next number."""
    good = zstd(b"x\n" * 5)
    bad = bytearray(zstd(b"y\n" * 100000))
    bad[5] ^= 255
    path = tmp_path / "bad.zst"
    path.write_bytes(good + bytes(bad))
    found = read(path)
    assert found[:5] == [(n, b"x\n") for n in range(1, 6)]
    assert found[-1][0] == len(found)
    assert found[-1][1].startswith("damaged compression: ")


def test_rubbish(tmp_path):
    """Bytes that are nothing are faults with numbers."""
    path = tmp_path / "rubbish.jsonl"
    path.write_bytes(bytes(range(256)) * 4)
    found = list(objects(Lines(path)))
    assert found
    assert all(isinstance(data, Fault) for _, data in found)


@pytest.mark.parametrize("pack", [zstd, gzip.compress])
def test_long_lines_are_skipped_in_little_memory(tmp_path, pack):
    """A line of 300 MB, compressed to a few bytes, is one fault; the next line is read."""
    path = tmp_path / "bomb.zst"
    one = pack(b"x" * (100 << 20))
    path.write_bytes(one * 3 + pack(b"\n{}\n"))
    tracemalloc.start()
    found = read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == [(1, "longer than 16 MiB, skipped"), (2, b"{}\n")]
    assert peak < 5 * MAX_LINE


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "not JSON"),
        (b"[]", "expected an object, found list"),
        (b'{"a":NaN}', "not JSON: NaN"),
        (b'{"a":-Infinity}', "not JSON: -Infinity"),
        (b'{"a":1e999}', "1e999 is out of range"),
        (b'{"a":' + b"9" * 400 + b".0}", "is out of range"),
        (b'{"a":18446744073709551616}', "a whole number of 20 digits is out of range"),
        (b'{"a":-9223372036854775809}', "a whole number of 19 digits is out of range"),
        (b'{"a":' + b"9" * 9000 + b"}", "a whole number of 9000 digits is out of range"),
        (b'{"a":1,"a":2}', "the key 'a' appears twice"),
        (b'{"a":"\xff"}', "not UTF-8: invalid start byte at byte 7"),
        (b'\xef\xbb\xbf{"a":1}', "not JSON"),
        ('{"a":1}'.encode("utf-16"), "not UTF-8"),
        (b'{"a":' * 100_000, "nested deeper than 32 levels"),
        (b'{"a":' + b"[" * 40 + b"]" * 40 + b"}", "nested deeper than 32 levels"),
        (b"", "not JSON"),
    ],
)
def test_bad_objects(line, message):
    """What is no strict JSON object is refused in one short line with the reason."""
    with pytest.raises(BadInput) as caught:
        parse_object(line)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        {"a": (1 << 64) - 1, "b": -(1 << 63), "c": 1.5e300, "d": -1e-320},
        {"brackets in texts": "[[{{" * 50 + '"\\"]', "x": {"y": []}},
        {"sha": "1e400" + "9" * 59},
    ],
)
def test_good_objects(value):
    """The extremes of what is allowed are read as json reads them."""
    assert parse_object(json.dumps(value).encode()) == value


def test_depth_is_exact():
    """The deepest nesting that is allowed is read."""
    inner = MAX_DEPTH - 1
    assert parse_object(b'{"a":' + b"[" * inner + b"]" * inner + b"}")


def test_shown_is_short():
    """Whatever a message shows of a value is short, be it long or deep."""
    deep = []
    for _ in range(5000):
        deep = [deep]
    for value in (deep, "x" * 10_000, {"k" * 1000: "v" * 1000}, 1 << 4000, list(range(10_000))):
        assert len(shown(value)) < 300


def test_missing(tmp_path):
    """A file that is not there, and a folder, are one line."""
    with pytest.raises(BadInput, match="cannot read .*x: No such file"):
        Lines(tmp_path / "x")
    with pytest.raises(BadInput, match="it is a folder"):
        Lines(tmp_path)
