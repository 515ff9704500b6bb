"""Regions: the subtle points of rules §9."""

import pytest

from ringrift.reference.territory import disconnected
from tests.reference.positions import eliminated, position


def test_a_claim_takes_the_whole_marker_cluster():
    """Every marker joined to the border by king steps collapses, of any colour (rules §9.5, case 7)."""
    game = position(
        "square8:2",
        "territory_processing",
        2,
        markers={"0,1": 1, "1,0": 1, "3,2": 1, "2,1": 2, "7,0": 1},
        stacks={"6,6": [1], "5,5": [2]},
    )
    assert game.legal() == ["ST", "TO 0,0"]  # fenced by another player's markers
    game.apply("TO 0,0")
    state = game.canonical()
    assert state["collapsed"] == dict.fromkeys(("0,0", "1,0", "0,1", "2,1", "3,2"), 2)
    assert state["markers"] == {"7,0": 1}
    assert state["pend"] == "territory"


@pytest.mark.parametrize(("name", "edge", "grown"), [("hex8", 4, True), ("hexagonal", 12, False)])
def test_growth_of_the_border(name, edge, grown):
    """On hex8 the border grows over (-1,-1) too; on hexagonal not at all (rules §2.4, case 8)."""
    near = {f"{edge - 1},{-edge}": 1, f"{edge - 1},{1 - edge}": 1, f"{edge},{1 - edge}": 1}
    game = position(
        f"{name}:2",
        "territory_processing",
        1,
        markers={**near, f"{edge - 2},{-edge}": 2},
        stacks={"0,0": [1], "0,2": [2]},
    )
    game.apply(f"TO {edge},{-edge},0")
    taken = set(game.canonical()["collapsed"])
    assert (f"{edge - 2},{-edge},2" in taken) is grown
    assert f"{edge},{1 - edge},-1" in taken


def test_regions_are_found_but_not_taken_without_a_stack_outside():
    """If a colour is only buried even the whole board is a region (rules §9.3, §9.4, case 9)."""
    game = position(
        "square8:2", "territory_processing", 1, markers={"4,4": 1}, stacks={"6,6": [1, 2]}
    )
    assert sorted(map(len, disconnected(game.position))) == [63, 64]
    assert game.legal() == ["NT"]


def test_stacks_inside_are_eliminated_for_the_claimer():
    """All rings inside count for the claimer, its own and buried ones included (rules §9.5)."""
    fence = {"0,2": 1, "1,2": 1, "2,2": 1, "2,1": 1, "2,0": 1}
    game = position(
        "square8:2",
        "territory_processing",
        1,
        markers=fence,
        stacks={"0,0": [1, 2, 2], "6,6": [1, 1], "5,5": [2]},
    )
    before = eliminated(game)
    assert "TO 0,0;0,1;1,0;1,1" in game.legal()  # only colour 1 is shown inside
    game.apply("TO 0,0;0,1;1,0;1,1")
    assert eliminated(game) == before + 3
    assert game.legal() == ["ER territory 6,6"]
    game.apply("ER territory 6,6")
    assert eliminated(game) == before + 5  # the whole cap


def test_without_a_colour_exactly_one_must_be_shown():
    """Behind collapsed cells alone, an empty corner is no region, one with a single colour is (§9.3)."""
    wall = {"0,2": 1, "1,1": 1, "2,0": 1}
    keys = {"collapsed": wall, "markers": {}}
    others = {"6,6": [1], "5,5": [2]}
    empty = position("square8:2", "territory_processing", 1, stacks=others, **keys)
    assert empty.legal() == ["NT"]
    held = position("square8:2", "territory_processing", 1, stacks={**others, "0,0": [2]}, **keys)
    assert held.legal() == ["ST", "TO 0,0;0,1;1,0"]


def test_a_region_with_markers_of_all_colours_is_found_without_colours():
    """Cut apart by every colour, such a region is whole only in the last pass (rules §9.2)."""
    wall = {"0,2": 1, "1,2": 1, "2,2": 1, "2,1": 1, "2,0": 1}
    game = position(
        "square8:2",
        "territory_processing",
        1,
        collapsed=wall,
        markers={"0,1": 1, "1,0": 2},
        stacks={"0,0": [2], "6,6": [1], "5,5": [2]},
    )
    assert "TO 0,0;0,1;1,0;1,1" in game.legal()
    assert "TO 0,0;1,0;1,1" in game.legal()  # walled by colour 1, it holds the marker of colour 2
    assert "TO 0,0;0,1;1,1" in game.legal()


def test_equal_regions_are_one_move():
    """A corner fenced by collapsed cells is found under both colours and listed once (rules §9.3)."""
    game = position(
        "square8:2",
        "territory_processing",
        1,
        collapsed={"0,1": 1, "1,0": 1},
        markers={"4,4": 1, "4,5": 2},
        stacks={"6,6": [1], "5,5": [2]},
    )
    assert game.legal() == ["ST", "TO 0,0"]


def test_cascades_and_declining():
    """After each payment regions are searched afresh; a skip leaves all of them (rules §9.7, §9.8)."""
    game = position(
        "square8:2",
        "territory_processing",
        1,
        markers={"0,1": 1, "1,0": 1, "7,6": 1, "6,7": 1},
        stacks={"4,4": [1], "4,5": [1], "3,3": [2]},
        hand=[5, 5],
    )
    assert game.legal() == ["ST", "TO 0,0", "TO 7,7"]
    game.apply("TO 7,7")
    assert game.legal() == ["ER territory 4,4", "ER territory 4,5"]
    game.apply("ER territory 4,4")
    assert game.legal() == ["ST", "TO 0,0"]
    last = game.copy()
    game.apply("ST")
    assert game.player == 2
    last.apply("TO 0,0")
    last.apply("ER territory 4,5")
    assert last.player == 2  # nothing is left: the turn ends within the payment (rules §4.5)


def test_a_recovery_turn_pays_by_extraction():
    """The fee is a buried ring, from whoever's stack (rules §9.4, §9.6, case 6)."""
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
    assert game.canonical()["pend"] == "recovery"
    assert game.legal() == ["ER recovery 5,5"]
    game.apply("ER recovery 5,5")
    assert game.canonical()["stacks"] == {"6,6": "21", "5,5": "2"}
