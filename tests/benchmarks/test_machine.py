"""Benchmarks know whether their figures can be used."""

import json
import subprocess
import sys

import pytest

from benchmarks.machine import FOREIGN_LIMIT, Timing, Watch, own_seconds, repeat, report


def test_timing() -> None:
    """A timing reports the median rate and the range as a share of it."""
    timing = Timing((1.0, 2.0, 4.0), items=8)
    assert timing.median == 4.0
    assert timing.spread == (8.0 - 2.0) / 4.0


def test_repeat_counts() -> None:
    """Warm-ups are run and not counted."""
    calls = []
    timing = repeat(lambda: calls.append(1), items=1, repeats=3, warmups=2)
    assert len(calls) == 5
    assert len(timing.seconds) == 3


def test_own_load_is_not_foreign() -> None:
    """The processor time of children that ended counts as our own."""
    with Watch() as watch:
        before = own_seconds()
        code = "import os; x = sum(i * i for i in range(3_000_000)); print(sum(os.times()[:2]))"
        child = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        )
        grown = own_seconds() - before
    # Both are counted in ticks of 10 ms.
    assert grown >= float(child.stdout) - 0.03
    assert 0.0 <= watch.foreign <= 1.0


@pytest.mark.parametrize(("foreign", "void"), [(FOREIGN_LIMIT / 2, 0), (FOREIGN_LIMIT * 2, 1)])
def test_report(capsys: pytest.CaptureFixture[str], foreign: float, void: int) -> None:
    """A run above the limit is void in the JSON and in the exit code."""
    watch = Watch()
    watch.seconds, watch.foreign = 10.0, foreign
    assert report("x", {"y": Timing((1.0,), 5)}, watch, as_json=True) == void
    document = json.loads(capsys.readouterr().out)
    assert document["void"] is bool(void)
    assert document["timings"]["y"]["median"] == 5.0
