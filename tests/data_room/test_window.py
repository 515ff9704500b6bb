"""The replay window."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringrift.data.window import WindowRule, newest
from ringrift.errors import BadInput


def test_katago_figures() -> None:
    """With KataGo's parameters 22 times the data makes a window about 6 times as large."""
    rule = WindowRule(rows=250_000)
    assert rule.size(100_000) == 100_000
    assert rule.size(250_000) == 250_000
    # c (1 + 0.4 (16 ** 0.75 - 1) / 0.75) = c (1 + 0.4 * 7 / 0.75)
    assert rule.size(4_000_000) == round(250_000 * (1 + 0.4 * 7 / 0.75))


@given(st.integers(1, 10**9), st.integers(1, 10**7), st.integers(1, 10**6))
def test_sublinear(total: int, more: int, rows: int) -> None:
    """More data never shrinks the window, and never adds more to it than itself."""
    rule = WindowRule(rows=rows)
    assert rule.size(total) <= rule.size(total + more) <= rule.size(total) + more + 1
    assert min(total, rows) <= rule.size(total) <= total


def test_newest() -> None:
    """The window is filled from the newest end with whole shards."""
    shards = [("a", 400), ("b", 400), ("c", 400), ("d", 400)]
    rule = WindowRule(rows=500)
    assert rule.size(1600) == 871
    assert newest(shards, rule) == ["b", "c", "d"]
    assert newest(shards, WindowRule(rows=5000)) == ["a", "b", "c", "d"]
    assert newest([], rule) == []


def test_bad_rule() -> None:
    """Parameters that make no window are refused."""
    with pytest.raises(BadInput):
        WindowRule(rows=0)
    with pytest.raises(BadInput):
        WindowRule(exponent=1.5)
