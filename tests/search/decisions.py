"""Positions of random games in which a decision is due."""

from tests.nets.positions import actions_of, random_positions


def decision_positions(config, count, seed=3):
    """uint16[count, 6, N]; half-played recovery slides among them where their stack is a choice."""
    states = random_positions(config, games=2, seed=seed, most=2 * count)
    due = [i for i in range(len(states)) if len(actions_of(config, states, i)) > 1]
    assert len(due) >= count
    return states[due[:count]]
