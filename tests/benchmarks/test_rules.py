"""`benchmarks.rules` measures what it says."""

import json

import numpy as np
import pytest

from benchmarks import kernels, rules
from benchmarks.figures import Effort, Figure
from benchmarks.rules_tables import print_board, print_markdown
from ringrift.configs import Config
from ringrift.rules.kernels import constants as k


def test_calibration_never_changes():
    """The loop that others are compared with gives the same number for ever, and leaves its array alone."""
    words = np.arange(4096, dtype=np.uint16)
    before = words.copy()
    assert kernels.calibration_walk(words, 1000, np.uint64(1)) == CALIBRATED
    assert (words == before).all()


#: What 1000 steps over the numbers 0..4095 give.
CALIBRATED = 3662


def test_positions_are_of_the_middle():
    """Positions have their legal moves counted and hold the move that was played."""
    positions, moves = rules.sample(Config("hex8", 2))
    assert 100 < moves < 250
    plies = positions.states[:, k.F_SCALAR, k.S_PLIES]
    assert plies.min() > 10
    assert (positions.counts >= 1).all()
    some = positions.take(positions.counts >= 2)
    assert len(some.states) == rules.POSITIONS
    assert (some.counts >= 2).all()


def test_figures_of_a_board(capsys):
    """Every figure is positive, has its bar and its oracle beside it, and goes into text, Markdown and JSON.

    The time of a move is a difference of two: in a millisecond on a busy machine nothing may be left of it.
    """
    result = rules.measure(Config("hex8", 2), Effort(2, 0.001), 0.001)
    figures = result["figures"]
    whole = {what: f for what, f in figures.items() if not what.startswith("apply")}
    assert all(f.median > 0 and f.steps > 0 for f in whole.values())
    assert all(f.median >= 0 for f in figures.values())
    assert figures["games"].bar == 7500
    assert figures["moves"].median / figures["games"].median == pytest.approx(
        result["moves_per_game"], rel=0.2
    )
    assert figures["games"].times_oracle > 1
    assert figures["legal, decisions"].times_oracle > 1
    assert result["state_bytes"] == 6 * 61 * 2
    print_board(result)
    print_markdown([result])
    shown = capsys.readouterr().out
    assert "7,500" in shown
    assert "| hex8:2 |" in shown
    json.dumps({what: f.as_dict() for what, f in figures.items()})


def test_times_oracle():
    """More games per second and fewer nanoseconds are both a ratio above one."""
    assert Figure("per s", (30.0, 10.0, 20.0), 1.0, None, (4.0,)).times_oracle == 5.0
    assert Figure("ns", (30.0, 10.0, 20.0), 1.0, None, (400.0,)).times_oracle == 20.0
    assert Figure("ns", (30.0, 10.0, 20.0), 1.0).times_oracle is None
    assert Figure("ns", (30.0, 10.0, 20.0), 1.0).spread == 1.0


def test_unknown_board(capsys):
    """A misspelt board is one line that names the nearest, and exit code 2."""
    assert rules.main(["--board", "hexagonl"]) == 2
    assert "hexagonal" in capsys.readouterr().err
