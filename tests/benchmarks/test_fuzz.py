"""The fuzzer: no reader has a finding on fixed inputs, and every kind of finding is noticed."""

import os
import random
import signal
import time

import pytest

from benchmarks import fuzz
from benchmarks.fuzzing.spoil import pack, spoil_bytes, spoil_lines, spoil_value
from benchmarks.fuzzing.watch import Finding, make_input, try_input, watch
from ringrift.errors import BadInput

#: Inputs of each reader: a few seconds of each.
COUNTS = {
    "records": 60,
    "traces": 60,
    "canonical": 800,
    "notation": 2000,
    "config": 40,
    "protocol": 400,
    "pipe": 8,
}


def test_every_reader_is_tested():
    """No reader is left out here."""
    assert COUNTS.keys() == fuzz.READERS.keys()


@pytest.mark.parametrize("name", COUNTS)
def test_readers(tmp_path, name):
    """Each reader accepts or refuses every input cleanly, some of each."""
    reader = fuzz.READERS[name](tmp_path)
    found = []
    try:
        for number in range(COUNTS[name]):
            data = make_input(reader, 7, number)
            found.append(try_input(reader, number, data))
    finally:
        if name == "pipe":
            reader.close()
    assert [bad for bad in found if isinstance(bad, Finding)] == []
    assert False in found
    assert True in found or name == "pipe"


def test_inputs_follow_from_the_seed(tmp_path):
    """The same seed and number make the same input; others make others."""
    one, other = (fuzz.READERS["records"](tmp_path) for _ in range(2))
    assert make_input(one, 3, 5) == make_input(other, 3, 5)
    assert len({make_input(one, seed, n) for seed in (1, 2) for n in range(5)}) > 8


class Sick:
    """A reader with one illness: input 3 makes it fall ill."""

    name = "sick"

    def __init__(self, _folder):
        pass

    def make(self, _rng):
        """Numbers, in their order."""
        return b"x"

    def fall_ill(self):
        """What it does at its third input."""
        raise KeyError("ill")

    count = 0

    def read(self, _data):
        """Accept, refuse, then fall ill."""
        self.count += 1
        if self.count == 4:
            self.fall_ill()
        return self.count % 2 == 0


class Hanging(Sick):
    """Never comes back."""

    def fall_ill(self):
        """Sleep."""
        time.sleep(1000)


class Dying(Sick):
    """Takes the process with it."""

    def fall_ill(self):
        """As a kernel that writes where it must not."""
        os.kill(os.getpid(), signal.SIGSEGV)


class Greedy(Sick):
    """Takes memory and gives it back."""

    def fall_ill(self):
        """As a decompressed bomb."""
        assert len(bytearray(b"x") * (200 << 20)) > 0

    def read(self, _data):
        """Only later than the first inputs, which may load what they need."""
        self.count += 1
        if self.count == 40:
            self.fall_ill()
        return True


@pytest.mark.parametrize(
    ("reader", "what"),
    [
        (Sick, "KeyError: 'ill' (test_fuzz.py:"),
        (Hanging, "no end after 2 s"),
        (Dying, "the process died: exit code -11"),
        (Greedy, "MiB of memory"),
    ],
)
def test_findings(monkeypatch, reader, what):
    """An exception, a hang, a crash and much memory are findings, and the fuzzer goes on after them."""
    import benchmarks.fuzzing.watch as watching

    monkeypatch.setattr(watching, "HANG", 2.0)
    monkeypatch.setattr(watching, "MOST", 1)
    count = 60 if reader is Greedy else 6
    # The child sees the module as it is written: its limit of memory is that of a test.
    monkeypatch.setenv("RINGRIFT_FUZZ_MEMORY", "100")
    tally = watch(reader, "sick", 0, 60, count)
    (finding,) = tally.findings
    assert what in finding.what
    assert finding.number == (39 if reader is Greedy else 3)
    assert tally.accepted + tally.rejected >= 3


def test_exit_codes(capsys, tmp_path, monkeypatch):
    """A run without findings ends in 0, one with findings in 1 with the input saved, a wrong name in 2."""
    assert fuzz.main(["--only", "notation", "--count", "50", "--seed", "3"]) == 0
    assert "50 inputs of 1 readers, seed 3: 0 findings" in capsys.readouterr().out
    monkeypatch.setitem(fuzz.READERS, "notation", Sick)
    code = fuzz.main(["--only", "notation", "--count", "5", "--save", str(tmp_path)])
    out = capsys.readouterr().out
    assert code == 1
    assert "notation-0-3.bin: KeyError: 'ill'" in out
    assert (tmp_path / "notation-0-3.bin").read_bytes() == b"x"
    assert fuzz.main(["--only", "notatoin"]) == 2
    assert "did you mean 'notation'?" in capsys.readouterr().err


def test_spoiling():
    """Spoiled inputs are mostly others, whatever they were."""
    rng = random.Random(1)
    data = b'{"a":[1,2,{"b":"text"}],"c":null}'
    assert len({spoil_bytes(rng, data) for _ in range(100)}) > 80
    assert len({b"\n".join(spoil_lines(rng, [data, b"{}", b"[]"])) for _ in range(100)}) > 30
    assert len({pack(rng, data) for _ in range(100)}) > 20
    values = set()
    for _ in range(200):
        value = {"a": [1, 2, {"b": "text"}], "c": None}
        spoil_value(rng, value)
        values.add(repr(value))
    assert len(values) > 60


def test_a_long_message_is_a_finding():
    """A refusal of several lines, or as long as its input, is not clean."""
    from benchmarks.fuzzing.readers import Broken, refused

    def fail(text):
        raise BadInput(text)

    assert isinstance(refused(fail, "short"), BadInput)
    for text in ("two\nlines", "x" * 30_000):
        with pytest.raises(Broken):
            refused(fail, text)
