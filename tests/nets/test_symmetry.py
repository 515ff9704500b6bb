"""Symmetries of the boards."""

import numpy as np
import pytest

from ringrift.configs import ALL_CONFIGS, Config
from ringrift.nets.kernels.symmetry import transform_actions, transform_states
from ringrift.nets.symmetry import symmetries
from ringrift.rules.boards import tables
from ringrift.rules.kernels import constants as k
from ringrift.rules.kernels.apply import apply_move
from tests.nets.positions import actions_of, is_free_slide, is_paid_slide, random_positions

SIZES = {"square8": 8, "square19": 8, "hex8": 4, "hexagonal": 12}


def moved(config, states, which):
    """Each state under its symmetry."""
    out = np.zeros_like(states)
    transform_states(states, len(states), tables(config.board), symmetries(config), which, out)
    return out


def moved_actions(config, states, g, which, actions):
    """Actions of state g under a symmetry, in the same order."""
    out = np.zeros_like(actions)
    sym = symmetries(config)
    transform_actions(states, g, tables(config.board), sym, which, actions, out)
    return out


def sample(config):
    """Random positions and a symmetry for each, every symmetry several times."""
    small = config.board in {"square8", "hex8"}
    states = random_positions(config, 12 if small else 1, 7, 600 if small else 150)
    return states, np.arange(len(states), dtype=np.int64) % SIZES[config.board]


@pytest.mark.parametrize("config", ALL_CONFIGS, ids=str)
def test_tables(config):
    """Each symmetry is a permutation of cells that carries rays to rays and axes to axes."""
    t, sym = tables(config.board), symmetries(config)
    assert len(sym.cell) == SIZES[config.board]
    assert len({row.tobytes() for row in sym.cell}) == len(sym.cell)
    assert (sym.cell[0] == np.arange(t.n)).all()
    for i in range(len(sym.cell)):
        assert sorted(sym.cell[i]) == list(range(t.n))
        there = np.append(sym.cell[i], -1)  # -1, off board, stays off board
        for d in range(t.D):
            assert (t.ray[sym.cell[i], sym.direction[i, d]] == there[t.ray[:, d]]).all()
        for a in range(t.A):
            step = t.axis_prev if sym.flip[i, a] else t.axis_next
            assert (step[sym.cell[i], sym.axis[i, a]] == there[t.axis_next[:, a]]).all()
        for table in (t.terr_nbr, t.grow_nbr):
            assert (np.sort(there[table], 1) == np.sort(table[sym.cell[i]], 1)).all()


@pytest.mark.parametrize("config", ALL_CONFIGS, ids=str)
def test_legal_actions_commute(config):
    """The legal actions of the moved state are the moved legal actions of the state."""
    states, which = sample(config)
    after = moved(config, states, which)
    for g in range(len(states)):
        legal = actions_of(config, states, g)
        images = moved_actions(config, states, g, which[g], legal)
        expected = actions_of(config, after, g)
        # Where two runs are equally long, recovery prefers an axis by its number (rules §11.2).
        images = [a for a in images if not is_free_slide(config, after[g], a)]
        expected = [a for a in expected if not is_free_slide(config, after[g], a)]
        assert sorted(images) == sorted(expected), (g, which[g])


@pytest.mark.parametrize("config", ALL_CONFIGS, ids=str)
def test_moves_commute(config):
    """Playing a move and moving the board give the same state in either order."""
    states, which = sample(config)
    t, random = tables(config.board), np.random.default_rng(3)
    for g in range(len(states)):
        legal = actions_of(config, states, g)
        action = random.choice(legal)
        if is_free_slide(config, states[g], action) or is_paid_slide(config, states[g], action):
            continue
        image = moved_actions(config, states, g, which[g], np.array([action], np.int32))[0]
        one, other = states[g : g + 1].copy(), moved(config, states[g : g + 1], which[g : g + 1])
        apply_move(one, 0, t, action)
        apply_move(other, 0, t, image)
        assert (moved(config, one, which[g : g + 1]) == other).all(), (g, action, which[g])


def test_half_slides_are_among_the_positions():
    """The sample holds half-played recovery slides, whose scalar must be moved as well."""
    states, _ = sample(Config.parse("hex8:2"))
    assert (states[:, k.F_SCALAR, k.S_SLIDE] > 0).any()


@pytest.mark.parametrize("which", range(8))
def test_free_slides_keep_their_stretch(which):
    """A free recovery slide moved by a symmetry collapses the moved cells (rules §20.5: o becomes L-1-o)."""
    config = Config.parse("square8:2")
    t = tables("square8")
    states = random_positions(config, 1, 1, 1)
    states[0, : k.F_SCALAR] = 0
    row = states[0, k.F_SCALAR]
    row[[k.S_MUST, k.S_FROM, k.S_DEBT, k.S_PEND, k.S_RECOVERED, k.S_SLIDE, k.S_SWAP_OPEN]] = 0
    row[k.S_PHASE], row[k.S_PLAYER] = k.MOVEMENT, 1
    row[k.S_HAND : k.S_HAND + 2] = 5
    marker = 1 | (k.MARKER << k.KIND_SHIFT)
    for x in (1, 2, 4, 5, 6):  # a run of six on row y = 3 once (2, 4) has slid to (3, 3)
        states[0, k.F_CELL, x * 8 + 3] = marker
    states[0, k.F_CELL, 2 * 8 + 4] = marker
    stack = 7 * 8 + 7  # seat 2 on top of a ring of seat 1
    states[0, k.F_CELL, stack] = 2 | (k.STACK << 3) | (2 << k.HEIGHT_SHIFT) | (1 << k.CAP_SHIFT)
    states[0, k.F_RINGS, stack] = 0b0100
    free = [a for a in actions_of(config, states, 0) if is_free_slide(config, states[0], a)]
    assert free
    after = moved(config, states, np.array([which]))
    for action in free:
        image = moved_actions(config, states, 0, which, np.array([action], np.int32))[0]
        assert image in actions_of(config, after, 0)
        one, other = states.copy(), after.copy()
        apply_move(one, 0, t, action)
        apply_move(other, 0, t, image)
        assert (moved(config, one, np.array([which])) == other).all()
