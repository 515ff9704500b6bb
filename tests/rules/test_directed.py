"""The directed cases and counts of rules §19.1 and §19.2."""

import pytest

from ringrift.configs import Config
from ringrift.rules.boards import board, tables
from ringrift.rules.game import Game, GameOptions
from tests.rules.positions import position, row


def credit(game, seat=1):
    """Eliminated rings of a seat."""
    return game.canonical()["elim"][seat - 1]


@pytest.mark.parametrize(
    ("name", "count"), [("square8", 192), ("square19", 1083), ("hex8", 183), ("hexagonal", 1407)]
)
def test_first_placements(name, count):
    """The opening has 3 placements per cell and nothing else (rules §19.1)."""
    game = Game.new(Config(name, 2))
    assert len(game.legal()) == count
    assert all(text.startswith("PL ") for text in game.legal())


@pytest.mark.parametrize(
    ("name", "cell", "count"),
    [("square8", "0,0", 21), ("square8", "3,3", 27), ("hex8", "0,0,0", 24)],
)
def test_first_moves(name, cell, count):
    """A single first ring moves along all its rays (rules §19.1)."""
    game = Game.new(Config(name, 2))
    game.apply(f"PL {cell} 1")
    assert len(game.legal()) == count


@pytest.mark.parametrize("name", ["square8", "hex8", "hexagonal", "square19"])
def test_first_moves_equal_ray_lengths(name):
    """From every cell, one ring has as many moves as its rays have cells (rules §19.1)."""
    t = tables(name)
    for cell in range(0, t.n, 7):
        game = Game.new(Config(name, 2))
        game.apply(cell)
        assert len(game.legal_codes()) == int(t.ray_len[cell].sum())


def test_case_1_dead_with_one_ring():
    """A cell that is dead with one ring is not offered at all, though two rings could capture."""
    game = position(
        "square8:2", "ring_placement", 1, stacks={"1,0": [2, 2], "0,1": [2, 2], "1,1": [2, 2]}
    )
    assert not [text for text in game.legal() if text.startswith("PL 0,0 ")]
    # With caps of 1 around it the same cell is alive.
    alive = position("square8:2", "ring_placement", 1, stacks={"1,0": [2], "0,1": [2], "1,1": [2]})
    assert "PL 0,0 1" in alive.legal()


def test_case_2_lines_are_paid_one_by_one():
    """While a line fee is due only fees are legal; each of two lines costs its ring."""
    game = position(
        "square8:2",
        "line_processing",
        1,
        markers={**row(0, 3, 0, 1), **row(0, 3, 2, 1)},
        stacks={"6,6": [1, 1], "7,0": [2]},
    )
    first, second = "LN 0,0;1,0;2,0;3,0", "LN 0,2;1,2;2,2;3,2"
    assert game.legal() == [first, second]
    game.apply(first)
    assert game.legal() == ["ER line 6,6"]
    game.apply("ER line 6,6")
    assert game.legal() == [second]
    game.apply(second)
    assert game.legal() == ["ER line 6,6"]
    game.apply("ER line 6,6")
    assert game.legal() == ["NL"]
    assert credit(game) == 2
    assert game.canonical()["terr"] == [8, 0]


def test_case_3_debt_before_the_overlength_line():
    """An overlength line cannot wipe out the debt of another line."""
    game = position(
        "square8:2",
        "line_processing",
        1,
        markers={**row(0, 3, 0, 1), **row(0, 4, 2, 1)},
        stacks={"6,6": [1, 1], "7,0": [2]},
    )
    game.apply("LN 0,0;1,0;2,0;3,0")
    assert game.legal() == ["ER line 6,6"]


def test_case_4_options_of_an_overlength_line():
    """A run of 5 offers itself whole, and both its parts of 4."""
    game = position("square8:2", "line_processing", 1, markers=row(0, 4, 0, 1), stacks={"7,7": [2]})
    run = "0,0;1,0;2,0;3,0;4,0"
    assert game.legal() == [
        f"LO {run} > *",
        f"LO {run} > 0,0;1,0;2,0;3,0",
        f"LO {run} > 1,0;2,0;3,0;4,0",
    ]


def test_case_5_lines_of_3_on_hex8():
    """With 3 players on hex8 a run of 3 is an exact line, but with line_detect=4 none at all."""
    run = {"0,0": 1, "1,0": 1, "2,0": 1}
    stacks = {"-4,0": [2], "-4,4": [3]}
    three, four = GameOptions(), GameOptions(line_detect=4)
    assert position(
        "hex8:3", "line_processing", 1, markers=run, stacks=stacks, options=three
    ).legal() == ["LN 0,0,0;1,0,-1;2,0,-2"]
    assert position(
        "hex8:3", "line_processing", 1, markers=run, stacks=stacks, options=four
    ).legal() == ["NL"]
    longer = {**run, "3,0": 1}
    cells = "0,0,0;1,0,-1;2,0,-2;3,0,-3"
    for options in (three, four):
        game = position(
            "hex8:3", "line_processing", 1, markers=longer, stacks=stacks, options=options
        )
        assert game.legal() == [
            f"LO {cells} > *",
            f"LO {cells} > 0,0,0;1,0,-1;2,0,-2",
            f"LO {cells} > 1,0,-1;2,0,-2;3,0,-3",
        ]


def test_case_6_a_region_in_a_recovery_turn():
    """After a recovery slide a region is paid for by extraction."""
    game = position(
        "square8:2",
        "territory_processing",
        1,
        markers={"0,1": 1, "1,0": 1},
        stacks={"6,6": [1, 2], "5,5": [2, 1]},
        recov=True,
    )
    assert game.legal() == ["ST", "TO 0,0"]
    game.apply("TO 0,0")
    assert game.legal() == ["ER recovery 5,5"]
    game.apply("ER recovery 5,5")
    assert game.canonical()["stacks"] == {"6,6": "21", "5,5": "2"}


def test_case_7_a_region_takes_the_whole_marker_cluster():
    """A claim collapses every marker connected to the border, of any colour."""
    game = position(
        "square8:2",
        "territory_processing",
        2,
        markers={"0,1": 1, "1,0": 1, "3,2": 1, "2,1": 2},
        stacks={"6,6": [1], "5,5": [2]},
    )
    assert game.legal() == ["ST", "TO 0,0"]
    game.apply("TO 0,0")
    assert game.canonical()["collapsed"] == dict.fromkeys(("0,0", "1,0", "0,1", "2,1", "3,2"), 2)
    assert game.canonical()["terr"] == [0, 5]


@pytest.mark.parametrize(("name", "edge", "grown"), [("hex8", 4, True), ("hexagonal", 12, False)])
def test_case_8_growth_of_the_border(name, edge, grown):
    """On hex8 the border grows over (-1,-1); on the large hexagon it does not grow."""
    near = {f"{edge - 1},{-edge}": 1, f"{edge - 1},{1 - edge}": 1, f"{edge},{1 - edge}": 1}
    far = f"{edge - 2},{-edge}"
    game = position(
        f"{name}:2",
        "territory_processing",
        1,
        markers={**near, far: 2},
        stacks={"0,0": [1], "0,2": [2]},
    )
    game.apply(f"TO {edge},{-edge},0")
    taken = set(game.canonical()["collapsed"])
    assert f"{edge},{-edge},0" in taken
    assert f"{edge - 1},{-edge},1" in taken
    assert f"{edge},{1 - edge},-1" in taken
    assert (f"{edge - 2},{-edge},2" in taken) is grown
    if grown:
        assert len(taken) == 5


def test_case_9_no_claim_without_a_stack_outside():
    """Regions that hold the mover's only stack are detected but cannot be claimed."""
    game = position(
        "square8:2", "territory_processing", 1, markers={"4,4": 1}, stacks={"6,6": [1, 2]}
    )
    assert game.legal() == ["NT"]


def test_case_10_recovery_line():
    """A slide that makes a line of 5 may collapse all for a ring, or the 4 around it for none."""
    game = position(
        "square19:2",
        "movement",
        1,
        markers={**row(2, 5, 3, 1), "7,4": 1},
        stacks={"15,15": [2, 1]},
        hand=[0, 71],
    )
    assert game.legal() == [
        "RL 7,4 6,3 1 15,15",
        "RL 7,4 6,3 2 3,3;4,3;5,3;6,3",
        "SR",
    ]
    free = game.copy()
    before = credit(game)
    game.apply("RL 7,4 6,3 1 15,15")
    assert game.canonical()["terr"] == [5, 0]
    assert credit(game) == before + 1
    assert game.canonical()["stacks"] == {"15,15": "2"}
    free.apply("RL 7,4 6,3 2 3,3;4,3;5,3;6,3")
    assert free.canonical()["terr"] == [4, 0]
    assert credit(free) == before
    assert free.canonical()["markers"] == {"2,3": 1}


def test_case_11_fallback_slides():
    """Without a line to make, a marker slides in 8 directions, at the cost of either stack."""
    game = position(
        "square8:2",
        "movement",
        1,
        markers={"1,1": 1},
        stacks={"5,5": [2, 1], "6,6": [2, 2, 1]},
        hand=[0, 15],
    )
    legal = game.legal()
    assert len(legal) == 17
    assert legal[-1] == "SR"
    assert all(text.startswith("RF 1,1 ") for text in legal[:-1])
    game.apply("RF 1,1 2,2 5,5")
    assert game.canonical()["stacks"]["5,5"] == "2"
    assert game.phase == "line_processing"
    assert game.canonical()["recov"] is True


def test_case_12_capture_onto_a_marker():
    """A single ring that captures and lands on a marker leaves the captured ring alone."""
    game = position(
        "square8:2",
        "movement",
        1,
        markers={"2,0": 2},
        stacks={"0,0": [1], "1,0": [2], "7,7": [1]},
    )
    before = credit(game)
    game.apply("CA 0,0 1,0 2,0")
    state = game.canonical()
    assert state["stacks"] == {"2,0": "2", "7,7": "1"}
    assert state["markers"] == {"0,0": 1}
    assert credit(game) == before + 1
    assert game.phase == "line_processing"


def test_swap_only_at_the_first_turn_of_seat_2():
    """The swap stands beside the placements of seat 2's first turn, once, and can be switched off."""
    for pie in (True, False):
        game = Game.new(Config("hex8", 2), GameOptions(pie=pie))
        for move in ("PL 0,0,0 1", "MV 0,0,0 0,1,-1", "NL"):
            assert "SW" not in game.legal()
            game.apply(move)
        game.apply("NT")
        assert ("SW" in game.legal()) is pie
    game = Game.new(Config("hex8", 2))
    for move in ("PL 0,0,0 1", "MV 0,0,0 0,1,-1", "NL", "NT", "SW"):
        game.apply(move)
    assert (game.player, game.phase) == (2, "ring_placement")
    assert game.canonical()["swapped"] is True
    assert "SW" not in game.legal()


def test_a_blocked_player_pays():
    """A player who did nothing and declines all regions loses a whole cap, and the turn ends."""
    b = board("square8")
    alone = {"0,0": [1, 1], "7,7": [2]}
    rest = [text for text in b.texts if text not in alone]
    collapsed = {at: 1 + i % 2 for i, at in enumerate(rest)}
    game = position(
        "square8:2", "ring_placement", 1, stacks=alone, collapsed=collapsed, hand=[3, 3]
    )
    for expected in ("NP", "NM", "NL"):
        assert game.legal() == [expected]
        game.apply(expected)
    assert game.legal() == ["ST", "TO 7,7"]
    game.apply("ST")
    assert game.legal() == ["FE 0,0"]
    before = credit(game)
    game.apply("FE 0,0")
    assert credit(game) == before + 2
    assert (game.player, game.phase) == (2, "ring_placement")
