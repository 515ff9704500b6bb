"""`ringrift warmup`: compiled once, by one process."""

import contextlib

from benchmarks.start import parse_steps
from ringrift.cli import warmup
from ringrift.compile import Turn


def test_a_warm_cache_is_left_alone(tmp_path, monkeypatch):
    """A complete cache is recognised by its mark, and nothing is compiled again."""
    steps = []
    monkeypatch.setattr(warmup, "STEPS", (("one", lambda: steps.append(1)),))
    lines = []
    warmup.compile_all(Turn(tmp_path), lines.append)
    assert Turn(tmp_path).complete
    warmup.compile_all(Turn(tmp_path), lines.append)
    assert steps == [1]
    assert lines[0].startswith("compiling kernels 1/1: one")
    assert lines[-1].startswith("kernels: compiled in")
    assert parse_steps(lines[-1]) == {"one": 0.0}, "the benchmark of starts reads this line"


def test_an_interrupted_warmup_is_not_complete(tmp_path, monkeypatch):
    """A step that fails leaves no mark, so that the next call compiles what is missing."""

    def fail():
        raise KeyboardInterrupt

    monkeypatch.setattr(warmup, "STEPS", (("one", fail),))
    with contextlib.suppress(KeyboardInterrupt):
        warmup.compile_all(Turn(tmp_path), lambda _: None)
    assert not Turn(tmp_path).complete
