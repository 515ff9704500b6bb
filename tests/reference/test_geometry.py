"""Boards and numbers of rules §1 and §2."""

import pytest

from ringrift.configs import ALL_CONFIGS, Config
from ringrift.errors import BadInput
from ringrift.reference import ReferenceGame
from ringrift.reference.geometry import geometry

#: Cells, longest ray, directions, axes (rules §1.1).
BOARDS = {
    "square8": (64, 7, 8, 4),
    "square19": (361, 18, 8, 4),
    "hex8": (61, 8, 6, 3),
    "hexagonal": (469, 24, 6, 3),
}

#: Config -> R, L, Dt, VT, TM (rules §1.2).
NUMBERS = {
    "square8:2": (18, 4, 4, 18, 33),
    "square8:3": (18, 3, 3, 24, 22),
    "square8:4": (18, 3, 3, 30, 17),
    "square19:2": (72, 4, 4, 72, 181),
    "square19:3": (72, 4, 4, 96, 121),
    "square19:4": (72, 4, 4, 120, 91),
    "hex8:2": (18, 4, 4, 18, 31),
    "hex8:3": (18, 3, 3, 24, 21),
    "hex8:4": (18, 3, 3, 30, 16),
    "hexagonal:2": (96, 4, 4, 96, 235),
    "hexagonal:3": (96, 4, 4, 128, 157),
    "hexagonal:4": (96, 4, 4, 160, 118),
}


@pytest.mark.parametrize("name", BOARDS)
def test_board(name):
    """Each board has the cells, the longest ray, the directions and the axes of rules §1.1."""
    board = geometry(name)
    cells, longest, directions, axes = BOARDS[name]
    assert len(board.order) == cells
    assert max(len(ray) for rays in board.rays.values() for ray in rays) == longest
    assert {len(rays) for rays in board.rays.values()} == {directions}
    assert {len(pairs) for pairs in board.axes.values()} == {axes}


@pytest.mark.parametrize("name", BOARDS)
def test_neighbours_are_mutual(name):
    """Whatever is next to a cell, in any of the neighbourhoods, has that cell next to it."""
    board = geometry(name)
    for near in (board.territory, board.growth):
        for cell in board.order:
            assert all(cell in near[other] for other in near[cell])


def test_neighbourhoods():
    """Territory joins edges; borders grow by king steps, by two extra on hex8, not on hexagonal."""
    assert set(geometry("square8").territory["0,0"]) == {"1,0", "0,1"}
    assert set(geometry("square8").growth["0,0"]) == {"1,0", "0,1", "1,1"}
    assert len(geometry("hex8").territory["0,0,0"]) == 6
    assert set(geometry("hex8").growth["0,0,0"]) - set(geometry("hex8").territory["0,0,0"]) == {
        "1,1,-2",
        "-1,-1,2",
    }
    assert geometry("hexagonal").growth["0,0,0"] == ()


def test_position_order_is_by_number():
    """Cells are in order of x, then y, then z as numbers, not as text."""
    order = geometry("square19").order
    assert order["2,0"] < order["10,0"] < order["10,2"] < order["10,10"]
    assert next(iter(geometry("hex8").order)) == "-4,0,4"


@pytest.mark.parametrize("config", ALL_CONFIGS, ids=str)
def test_numbers(config):
    """R, L, Dt, VT and TM of each configuration are those of rules §1.2."""
    n = ReferenceGame.new(config).position.limits
    found = (n.rings, n.length, n.detect, n.victory, n.territory)
    assert found == NUMBERS[str(config)]


@pytest.mark.parametrize(
    ("name", "count"), [("square8", 192), ("square19", 1083), ("hex8", 183), ("hexagonal", 1407)]
)
def test_opening(name, count):
    """The first node has 3 placements per cell and nothing else (rules §19.1)."""
    legal = ReferenceGame.new(Config(name, 2)).legal()
    assert len(legal) == count
    assert all(text.startswith("PL ") for text in legal)


@pytest.mark.parametrize(
    ("name", "cell", "count"),
    [("square8", "0,0", 21), ("square8", "3,3", 27), ("hex8", "0,0,0", 24)],
)
def test_first_moves(name, cell, count):
    """A single first ring moves along all its rays (rules §19.1)."""
    game = ReferenceGame.new(Config(name, 2))
    game.apply(f"PL {cell} 1")
    assert len(game.legal()) == count


@pytest.mark.parametrize(
    "options",
    [{"pie": True}, {"line_detect": 2}, {"line_detect": 5}, {"rings": 0}, {"lps_rounds": 0}],
)
def test_options_that_do_not_fit(options):
    """An option outside its range is a BadInput."""
    with pytest.raises(BadInput):
        ReferenceGame.new(Config("hex8", 3), **options)


def test_rings_change_hand_threshold_and_supply():
    """Ten rings per player are ten in hand, and ten eliminated win with two players (rules §1.2)."""
    game = ReferenceGame.new(Config("square8", 2), rings=10)
    assert game.canonical()["hand"] == [10, 10]
    assert game.position.limits.victory == 10
