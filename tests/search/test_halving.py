"""Sequential halving as a table of visits."""

from math import ceil, log2

import numpy as np
import pytest

from ringrift.search.gumbel import turn_tables, visits_in_turn
from tests.search.reference import halving

#: (considered actions, simulations) -> visits that the action in turn has, phases apart.
GOLDEN = {
    (1, 4): "0 1 2 3",
    (2, 6): "0 0 1 1 2 2",
    (2, 5): "0 0 1 1 2",
    (3, 6): "0 0 0 | 1 1 | 2",
    (4, 8): "0 0 0 0 | 1 1 2 2",
    (4, 6): "0 0 0 0 | 1 1",
    (8, 24): "0 0 0 0 0 0 0 0 | 1 1 1 1 2 2 2 2 | 3 3 4 4 5 5 6 6",
    (8, 5): "0 0 0 0 0",
    (16, 4): "0 0 0 0",
}


@pytest.mark.parametrize(("considered", "simulations"), GOLDEN)
def test_golden(considered, simulations):
    """The table is the drawn one.

    With 8 actions and 24 simulations, actions in the order of their final score:

        action  phase 1  phase 2  phase 3   visits
        1       x        x x      x x x x   7
        2       x        x x      x x x x   7
        3, 4    x        x x                3
        5 - 8   x                           1
    """
    expected = [int(x) for x in GOLDEN[considered, simulations].replace("|", "").split()]
    assert visits_in_turn(considered, simulations).tolist() == expected


def play(table, actions):
    """Visits per action when an action with the wanted number of visits always exists."""
    visits = [0] * actions
    for wanted in table.tolist():
        assert wanted in visits, "no action has the wanted number of visits"
        visits[visits.index(wanted)] += 1
    return sorted(visits, reverse=True)


@pytest.mark.parametrize("considered", [2, 3, 5, 8, 12, 16, 33])
def test_every_prefix_is_possible(considered):
    """For any budget the table has its length, asks for what exists, and visits all in the first round."""
    for simulations in range(1, 150):
        table = visits_in_turn(considered, simulations)
        assert table.dtype == np.int32
        assert len(table) == simulations
        visits = play(table, considered)
        assert visits[-1] >= 1 or simulations < considered
        assert sum(visits) == simulations


@pytest.mark.parametrize("considered", [4, 8, 16, 32])
def test_halves(considered):
    """With enough simulations the number of actions halves from phase to phase, and phases cost the same."""
    phases = ceil(log2(considered))
    simulations = 4 * considered * phases
    visits = play(visits_in_turn(considered, simulations), considered)
    sizes = [sum(v >= least for v in visits) for least in sorted(set(visits))]
    assert sizes == [considered >> i for i in range(phases)]
    steps = [4 << i for i in range(phases)]
    assert visits[0] == sum(steps)


@pytest.mark.parametrize("considered", range(2, 20))
def test_same_as_rounds(considered):
    """The table says the same as the rounds of the plain search."""
    for simulations in (1, 7, 16, 64, 100):
        rounds = [n for n in halving(considered, simulations) if n]
        spelled = [i for i, n in enumerate(rounds) for _ in range(n)]
        assert visits_in_turn(considered, simulations).tolist() == spelled


def test_tables_of_several_budgets():
    """One array holds the tables of all budgets and numbers of actions, each in its own row."""
    tables = turn_tables([6, 20], 8)
    assert tables.shape == (2, 9, 20)
    for i, simulations in enumerate((6, 20)):
        for considered in range(1, 9):
            row = tables[i, considered, :simulations]
            assert (row == visits_in_turn(considered, simulations)).all()
