"""Figures of recorded games."""

import dataclasses
import math

from ringrift.configs import Config
from ringrift.data.statistics import statistics
from ringrift.rules.records import GameRecord


def test_figures(hex_games: list[GameRecord]) -> None:
    """Counts agree with the records they are read from."""
    (found,) = statistics(hex_games, sample=10)
    assert found.config == Config("hex8", 2)
    assert found.games == 40 == sum(found.victories.values()) == sum(found.seat_wins)
    assert found.repeated == 0
    assert found.plies.most == max(len(g.moves) for g in hex_games)
    assert math.isclose(found.turns.mean, sum(g.result.turns for g in hex_games) / 40)
    assert found.targets == sum(d.full for g in hex_games for d in g.decisions)
    # Every root value of these games says that all seats are equal.
    assert found.value_error is not None
    assert math.isclose(found.value_error, 0.25)


def test_branching(hex_games: list[GameRecord]) -> None:
    """Every move of the sample is counted in its phase; bookkeeping is forced."""
    (found,) = statistics(hex_games, sample=10)
    positions = sum(b.positions for b in found.branching.values())
    assert positions == sum(len(g.moves) for g in hex_games[::4])
    assert found.branching["ring_placement"].most > 100
    assert found.branching["line_processing"].forced > 0.9
    (without,) = statistics(hex_games, sample=0)
    assert without.branching == {}


def test_by_config(hex_games: list[GameRecord], record_of) -> None:
    """Configs are counted apart; no games give no figures."""
    three = record_of(Config("square8", 3), 1)
    found = statistics([*hex_games, three], sample=2)
    assert [str(one.config) for one in found] == ["hex8:2", "square8:3"]
    assert statistics([]) == []


def test_repeated(hex_games: list[GameRecord]) -> None:
    """One course of play under two seeds is noticed."""
    again = dataclasses.replace(hex_games[0], seed=999, id="")
    (found,) = statistics([*hex_games, again], sample=0)
    assert found.repeated == 1
