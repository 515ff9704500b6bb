"""Searches against endgames that were solved by looking through the whole tree."""

import pytest

from benchmarks.endgames.convergence import search
from benchmarks.endgames.kept import KEPT, one_ply, read
from benchmarks.endgames.making import compose
from benchmarks.endgames.solver import Position, Solver, decide
from ringrift.search.gumbel import RULES

WON, LOST, OPEN = Position(1, 1, 1), Position(2, 2, 1), Position(3, 2, 4)


def test_the_set():
    """At least 50 endgames each for 2 and 3 seats, of 1,000 positions and 3 decisions; in half one ply errs."""
    for players in (2, 3):
        kept = [e for config in KEPT if config.players == players for e in read(config)]
        assert len(kept) >= 50
        assert all(e.nodes >= 1000 and e.decisions >= 3 for e in kept)
        assert all(e.winning and e.losing for e in kept)
        assert all(e.one_ply in e.winning + e.losing for e in kept)
        assert sum(not e.one_ply_is_right for e in kept) * 2 >= len(kept)
        assert len({e.game.hash() for e in kept}) == len(kept)


@pytest.mark.parametrize("config", KEPT, ids=str)
def test_solved_again(config):
    """The recipe gives the kept positions, and solving the smallest three again the kept solutions."""
    solver = Solver(config, 15_000)
    kept = read(config)
    for e in kept:
        assert compose(config, e.seed).state_plus() == e.state
        assert one_ply(e.game) == e.one_ply
    for e in sorted(kept, key=lambda e: e.nodes)[:3]:
        solution = solver.solve(e.game.states[0])
        assert (solution.winning, solution.losing) == (e.winning, e.losing)
        assert (solution.nodes, solution.root.decisions) == (e.nodes, e.decisions)


def test_values_of_decisions():
    """A certain win is taken; without one all that may follow stays possible, and the tie rule takes the first."""
    assert decide(1, [LOST, OPEN, WON]) == Position(1, 1, 2)
    assert decide(1, [LOST, LOST]) == Position(2, 2, 2)
    assert decide(2, [OPEN, WON]) == Position(3, 2, 5)
    third = Position(4, 3, 2)
    assert decide(2, [WON, third]) == Position(5, 1, 2)
    assert decide(2, [third, WON]) == Position(5, 3, 3)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("config", KEPT, ids=str)
def test_convergence(config, rule):
    """Without a network, choice and value of a search come to the solution as simulations grow.

    PUCT finds every win. Gumbel may keep one wrong reply: below the root it does not look again at a move whose first
    visits were unlucky, since σ grows with the visits (eq. 8).
    """
    kept = read(config)
    small, middle, large = (search(kept, n, rule) for n in (16, 256, 4096))
    assert small.error > 1.5 * middle.error > 3 * large.error
    assert small.share_right < middle.share_right <= large.share_right
    assert large.share_right == 1 or (rule == "gumbel" and large.share_right > 0.95)
    assert large.error < 0.05
