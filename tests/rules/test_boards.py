"""Boards: sizes, order of cells, directions, axes, neighbours, constants."""

import numpy as np
import pytest

from ringrift.configs import ALL_CONFIGS, BOARD_NAMES, Config
from ringrift.errors import BadInput
from ringrift.rules.boards import board, constants, tables
from ringrift.rules.game import GameOptions

#: rules §1.1: N, R, M, D, A, then the sum of the ray lengths of the best cell (rules §20.1).
SIZES = {
    "square8": (64, 18, 7, 8, 4, 27),
    "square19": (361, 72, 18, 8, 4, 72),
    "hex8": (61, 18, 8, 6, 3, 24),
    "hexagonal": (469, 96, 24, 6, 3, 72),
}

#: rules §20.3: dense size of the action space for 2, 3 and 4 players.
ACTIONS = {
    "square8": (4546, 4610, 4674),
    "square19": (57401, 57762, 58123),
    "hex8": (3723, 3784, 3845),
    "hexagonal": (73635, 74104, 74573),
}

#: rules §1.2, with our default of runs of 3 on hex8 with 3-4 players: L, Dt, VT, TM.
CONSTANTS = {
    "square8": ((4, 4, 18, 33), (3, 3, 24, 22), (3, 3, 30, 17)),
    "square19": ((4, 4, 72, 181), (4, 4, 96, 121), (4, 4, 120, 91)),
    "hex8": ((4, 4, 18, 31), (3, 3, 24, 21), (3, 3, 30, 16)),
    "hexagonal": ((4, 4, 96, 235), (4, 4, 128, 157), (4, 4, 160, 118)),
}


@pytest.mark.parametrize("name", BOARD_NAMES)
def test_sizes(name):
    """Cells, rings, rays, directions and axes are those of rules §1.1."""
    b, t = board(name), tables(name)
    assert (b.n, b.rings, b.M, b.D, b.A, int(t.ray_len.sum(1).max())) == SIZES[name]
    assert (t.n, t.max_ray, t.D, t.A) == (b.n, b.M, b.D, b.A)


@pytest.mark.parametrize("name", BOARD_NAMES)
def test_action_space(name):
    """The action space has the dense size of rules §20.3."""
    assert tuple(board(name).num_actions(players) for players in (2, 3, 4)) == ACTIONS[name]


@pytest.mark.parametrize("config", ALL_CONFIGS, ids=str)
def test_constants(config):
    """L, Dt, VT and TM are those of rules §1.2."""
    found = constants(config)
    assert found.rings == board(config.board).rings
    values = (found.line, found.detect, found.victory, found.territory)
    assert values == CONSTANTS[config.board][config.players - 2]


def test_options_change_constants():
    """Rings per player change hand and threshold together; line_detect changes only Dt."""
    found = constants(Config("square8", 3), GameOptions(rings=10))
    assert (found.rings, found.victory) == (10, 13)
    assert constants(Config("hex8", 4), GameOptions(line_detect=4)).detect == 4
    for options in (GameOptions(rings=0), GameOptions(line_detect=2)):
        with pytest.raises(BadInput):
            constants(Config("hex8", 4), options)


@pytest.mark.parametrize("name", BOARD_NAMES)
def test_cells_are_in_scan_order(name):
    """Cells are numbered x outer, y inner, and texts and cells invert each other."""
    b = board(name)
    points = [tuple(point) for point in b.coords.tolist()]
    assert points == sorted(points)
    assert [b.cell_of(text) for text in b.texts] == list(range(b.n))
    for wrong in ("", "0", "99,0", "0,0,1", " 0,0", "+0,0", "0,-0"):
        with pytest.raises(BadInput, match="is no position of"):
            b.cell_of(wrong)


@pytest.mark.parametrize("name", BOARD_NAMES)
def test_rays_step_one_cell_and_turn_back(name):
    """The opposite of d is d + D/2, and distance k is k single steps (rules §2.2)."""
    t = tables(name)
    for cell in range(t.n):
        for d in range(t.D):
            at = cell
            for k in range(int(t.ray_len[cell, d])):
                following = int(t.ray[at, d, 0])
                assert int(t.ray[cell, d, k]) == following
                assert int(t.ray[following, (d + t.D // 2) % t.D, 0]) == at
                at = following
            assert (t.ray[cell, d, t.ray_len[cell, d] :] == -1).all()
            assert t.ray_len[at, d] == 0


@pytest.mark.parametrize("name", BOARD_NAMES)
def test_axes_follow_their_direction(name):
    """Next and previous cell on an axis are the steps along and against its direction."""
    t = tables(name)
    for a in range(t.A):
        d = int(t.axis_dir[a])
        assert (t.axis_next[:, a] == t.ray[:, d, 0]).all()
        assert (t.axis_prev[:, a] == t.ray[:, (d + t.D // 2) % t.D, 0]).all()
    assert sorted(t.recovery_axes.tolist()) == list(range(t.A))


@pytest.mark.parametrize(
    ("name", "territory", "growth"),
    [("square8", 4, 8), ("square19", 4, 8), ("hex8", 6, 8), ("hexagonal", 6, 0)],
)
def test_neighbours(name, territory, growth):
    """Territory and border growth use the neighbours of rules §2.4; both are symmetric."""
    t = tables(name)
    assert int((t.terr_nbr >= 0).sum(1).max()) == territory
    assert int((t.grow_nbr >= 0).sum(1).max()) == growth
    for table in (t.terr_nbr, t.grow_nbr):
        pairs = {(cell, int(x)) for cell in range(t.n) for x in table[cell] if x >= 0}
        assert pairs == {(b, a) for a, b in pairs}


def test_hex8_grows_over_two_far_cells():
    """On hex8 growth also reaches (1,1,-2) and (-1,-1,2), as rules §2.4 has it."""
    b, t = board("hex8"), tables("hex8")
    near = set(t.ray[b.cell_of("0,0,0"), :, 0].tolist())
    grown = set(t.grow_nbr[b.cell_of("0,0,0")].tolist())
    assert grown - near == {b.cell_of("1,1,-2"), b.cell_of("-1,-1,2")}
    assert near <= grown


@pytest.mark.parametrize("name", BOARD_NAMES)
def test_row_masks(name):
    """Row and bit name each cell once, and the row masks hold exactly the cells."""
    t = tables(name)
    assert (t.cell_at[t.row, t.bit] == np.arange(t.n)).all()
    bits = sum(int(mask).bit_count() for mask in t.row_mask)
    assert bits == t.n == int((t.cell_at >= 0).sum())
    assert all(int(t.row_mask[r]) >> int(b) & 1 for r, b in zip(t.row, t.bit, strict=True))


def test_tables_have_one_type():
    """All boards give kernels the same dtypes and C-contiguous arrays: one specialisation."""
    kinds = set()
    for name in BOARD_NAMES:
        fields = tables(name)
        assert all(x.flags.c_contiguous for x in fields if isinstance(x, np.ndarray))
        kinds.add(
            tuple((str(x.dtype), x.ndim) if isinstance(x, np.ndarray) else type(x) for x in fields)
        )
    assert len(kinds) == 1


def test_unknown_board_names_the_nearest():
    """A wrong board name is a BadInput with the nearest valid one."""
    with pytest.raises(BadInput, match="did you mean 'hexagonal'"):
        board("hexagon")
