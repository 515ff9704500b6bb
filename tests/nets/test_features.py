"""The network's input and output kernels."""

import numpy as np
import pytest

from ringrift.configs import ALL_CONFIGS, Config
from ringrift.nets.features import num_planes, num_scalars, plane_names, scalar_names
from ringrift.nets.kernels.features import (
    read_policy,
    read_policy_bf16,
    read_values,
    write_features,
)
from ringrift.rules.boards import board, tables
from ringrift.rules.kernels import constants as k
from ringrift.rules.kernels.symmetry import transform_states
from ringrift.rules.symmetry import symmetries
from tests.nets.naive_features import naive_planes, naive_scalars
from tests.nets.positions import random_positions, whole_space


def features_of(config, states):
    """Planes float32[B, S, S, C] and scalars float32[B, K]; the buffers are dirty before."""
    side, players = board(config.board).side, config.players
    planes = np.full((len(states), side, side, num_planes(players)), 7.0, np.float32)
    scalars = np.full((len(states), num_scalars(players)), 7.0, np.float32)
    write_features(states, len(states), tables(config.board), players, planes, scalars)
    return planes, scalars


@pytest.mark.parametrize("config", ALL_CONFIGS, ids=str)
def test_features_agree_with_plain_python(config):
    """Every plane and scalar is what its name says, in positions of random games."""
    states = random_positions(config, 2 if board(config.board).n < 100 else 1, 5, 40)
    t = tables(config.board)
    planes, scalars = features_of(config, states)
    for g, state in enumerate(states):
        for i, (name, cells) in enumerate(naive_planes(config, state).items()):
            expected = np.zeros((t.side, t.side), np.float32)
            for cell, value in cells.items():
                expected[t.row[cell], t.bit[cell]] = value
            assert (planes[g, :, :, i] == expected).all(), (g, name)
        expected = naive_scalars(config, state)
        wrong = np.array(scalar_names(config.players))[~np.isclose(scalars[g], expected)]
        assert not len(wrong), (g, wrong)


@pytest.mark.parametrize("players", [2, 3, 4])
def test_names_are_complete(players):
    """Each plane and each scalar has a name of its own."""
    assert len(set(plane_names(players))) == num_planes(players)
    assert len(set(scalar_names(players))) == num_scalars(players)


@pytest.mark.parametrize("config", [Config("hex8", 2), Config("square8", 3)], ids=str)
def test_features_move_with_the_board(config):
    """Features of a moved state are the moved features of the state."""
    states = random_positions(config, 4, 9, 100)
    t, sym = tables(config.board), symmetries(config)
    which = np.arange(len(states)) % len(sym.cell)
    moved = np.zeros_like(states)
    transform_states(states, len(states), t, sym, which, moved)
    planes, scalars = features_of(config, states)
    moved_planes, moved_scalars = features_of(config, moved)
    assert (scalars == moved_scalars).all()
    for g in range(len(states)):
        there = sym.cell[which[g]]
        assert (moved_planes[g, t.row[there], t.bit[there]] == planes[g, t.row, t.bit]).all()


@pytest.mark.parametrize("config", [Config("hex8", 2), Config("square8", 4)], ids=str)
def test_policy_is_read_in_action_order(config):
    """Logit of action plane * N + cell is the grid's value at the cell on that plane; bfloat16 alike."""
    t, planes = tables(config.board), board(config.board).planes(config.players)
    random = np.random.default_rng(1)
    grid = random.standard_normal((3, t.side, t.side, planes)).astype(np.float32)
    grid = (grid.view(np.uint32) & 0xFFFF0000).view(np.float32)  # representable in bfloat16
    tail = random.standard_normal((3, 2)).astype(np.float32)
    out = np.zeros((3, planes * t.n + 2), np.float32)
    legal = whole_space(config, 3)
    read_policy(grid, tail, 3, t, *legal, out.reshape(-1))
    expected = grid[:, t.row, t.bit].transpose(0, 2, 1).reshape(3, -1)
    assert (out == np.concatenate([expected, tail], 1)).all()
    other = np.zeros_like(out)
    bits = (grid.view(np.uint32) >> 16).astype(np.uint16)
    read_policy_bf16(bits, tail, 3, t, *legal, other.view(np.uint32).reshape(-1))
    assert (out == other).all()


@pytest.mark.parametrize("config", ALL_CONFIGS[:3], ids=str)
def test_values_are_absolute(config):
    """The mover's share goes to the mover's seat, and shares sum to 1."""
    states = random_positions(config, 1, 2, 20)
    logits = np.zeros((len(states), config.players), np.float32)
    logits[:, 0] = 3.0
    values = np.zeros_like(logits)
    read_values(logits, states, len(states), values)
    assert (values.argmax(1) + 1 == states[:, k.F_SCALAR, k.S_PLAYER]).all()
    assert np.allclose(values.sum(1), 1)
