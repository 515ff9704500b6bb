"""The lockstep of all configurations: it plays enough, tells all, and stops at a difference."""

import sys

import pytest

from benchmarks import lockstep
from ringrift.configs import Config
from ringrift.reference import turn


@pytest.fixture(autouse=True)
def _small_rounds(monkeypatch):
    """Rounds of a few games."""
    monkeypatch.setattr(lockstep, "SMALL", (1, 18))


def test_rounds_until_enough_moves():
    """Rounds with seeds of their own go on until so many moves have been compared."""
    row = lockstep.rounds(Config("hex8", 2), 5, 600, 1)
    first, last = row.seeds
    assert first == 5
    assert last > 5
    assert row.tally.moves >= 600
    assert (row.tally.games, row.tally.positions) == (last - 4, 18 * (last - 4))


def test_the_tables(monkeypatch, capsys):
    """The command prints a line per configuration, the sum, and one line per case."""
    arguments = ["--moves", "100", "--seed", "3", "--config", "hex8:2", "--config", "square8:3"]
    monkeypatch.setattr(sys, "argv", ["lockstep", *arguments])
    assert lockstep.main() == 0
    out = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in out[2:5]] == ["| hex8:2", "| square8:3", "| all"]
    widths = {line.count("|") for line in out if line.startswith("| §")}
    assert widths == {8}
    assert sum(line.startswith("| §14 ") for line in out) >= 8


def test_a_difference(monkeypatch, capsys):
    """Exit 1 with the difference and the command that shows it again."""
    monkeypatch.setattr(turn, "_next_seat", lambda position, _material: position.player)
    monkeypatch.setattr(
        sys, "argv", ["lockstep", "--moves", "9", "--seed", "3", "--config", "hex8:2"]
    )
    assert lockstep.main() == 1
    out = capsys.readouterr().out
    assert "ringrift parity check --config hex8:2 --seed 3 --only" in out
