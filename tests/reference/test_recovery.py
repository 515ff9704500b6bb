"""Recovery slides: the subtle points of rules §11."""

from ringrift.reference.recovery import line_slides
from ringrift.rules.game import GameOptions
from tests.reference.positions import eliminated, kinds, position, row


def test_a_line_slide_excludes_all_others():
    """Where a slide makes a line only such slides and `SR` are legal (rules §11.2, case 10)."""
    game = position(
        "square19:2",
        "movement",
        1,
        markers={**row(2, 5, 3, 1), "7,4": 1},
        stacks={"15,15": [2, 1]},
        hand=[0, 71],
    )
    # 7,4 -> 6,3 makes a run of 5 from 2,3; of its two parts of 4 only one holds 6,3.
    assert game.legal() == ["RL 7,4 6,3 1 15,15", "RL 7,4 6,3 2 3,3;4,3;5,3;6,3", "SR"]
    before, free = eliminated(game), game.copy()
    game.apply("RL 7,4 6,3 1 15,15")
    assert game.canonical()["terr"] == [5, 0]
    assert game.canonical()["stacks"] == {"15,15": "2"}
    assert eliminated(game) == before + 1
    free.apply("RL 7,4 6,3 2 3,3;4,3;5,3;6,3")
    assert free.canonical()["markers"] == {"2,3": 1}
    assert eliminated(free) == before


def test_fallback_slides():
    """Without a line every step to an empty cell, at the cost of either stack (rules §11.2, case 11)."""
    game = position(
        "square8:2",
        "movement",
        1,
        markers={"1,1": 1},
        stacks={"5,5": [2, 1], "6,6": [2, 2, 1]},
        hand=[0, 15],
    )
    assert len(game.legal()) == 17
    assert kinds(game) == {"RF", "SR"}
    game.apply("RF 1,1 2,2 6,6")
    state = game.canonical()
    assert state["stacks"] == {"5,5": "12", "6,6": "22"}
    assert state["markers"] == {"2,2": 1}
    assert (state["phase"], state["recov"], state["acted"]) == ("line_processing", True, True)


def test_the_lowest_own_ring_is_taken():
    """Of several own rings in a stack the bottommost goes (rules §11.5)."""
    game = position(
        "square8:2",
        "movement",
        1,
        markers={"1,1": 1},
        stacks={"5,5": [2, 1, 2, 2, 1, 2]},
        hand=[0, 14],
    )
    game.apply("RF 1,1 2,2 5,5")
    assert game.canonical()["stacks"] == {"5,5": "22212"}


def test_slides_go_around_what_is_taken():
    """A marker slides neither onto a marker nor onto a collapsed cell (rules §11.2)."""
    game = position(
        "square8:2",
        "movement",
        1,
        markers={"0,0": 1, "0,1": 2},
        collapsed={"1,0": 2},
        stacks={"5,5": [2, 1]},
        hand=[0, 15],
    )
    assert game.legal() == ["RF 0,0 1,1 5,5", "SR"]


def test_a_strike_comes_before_its_extraction():
    """On the struck stack the lowest own ring is taken last, even as the only one (rules §11.5)."""
    game = position(
        "square8:2",
        "movement",
        1,
        markers={"1,1": 1},
        stacks={"2,2": [2, 1], "6,6": [2, 2, 1]},
        hand=[0, 14],
    )
    before, other = eliminated(game), game.copy()
    game.apply("RS 1,1 2,2 2,2")
    assert game.canonical()["stacks"] == {"6,6": "122"}
    assert game.canonical()["markers"] == {}
    assert eliminated(game) == before + 2
    other.apply("RS 1,1 2,2 6,6")
    assert other.canonical()["stacks"] == {"2,2": "1", "6,6": "22"}  # control regained


def test_strikes_need_no_burial_in_the_struck_stack():
    """Any neighbouring stack may be struck; it pays only if it holds a buried own ring (§11.2)."""
    game = position(
        "square8:2",
        "movement",
        1,
        markers={"0,0": 1},
        stacks={"1,1": [2], "6,6": [2, 1]},
        hand=[0, 14],
    )
    assert [text for text in game.legal() if text.startswith("RS")] == ["RS 0,0 1,1 6,6"]


def test_of_two_lines_the_longest_collapses_and_the_first_of_equals():
    """RUN is the longest run; of equals the first in the order E, S, SE, NE (rules §11.2, §11.4)."""
    row_and_column = {**row(1, 3, 3, 1), "4,4": 1, "4,5": 1, "4,6": 1, "5,2": 1}
    game = position(
        "square8:2", "movement", 1, markers=row_and_column, stacks={"7,7": [2, 1]}, hand=[0, 14]
    )
    runs = line_slides(game.position, 1)
    assert runs["5,2", "4,3"] == ("1,3", "2,3", "3,3", "4,3")
    game.apply("RL 5,2 4,3 1 7,7")
    assert set(game.canonical()["collapsed"]) == {"1,3", "2,3", "3,3", "4,3"}
    longer = position(
        "square8:2",
        "movement",
        1,
        markers={**row_and_column, "4,7": 1},
        stacks={"7,0": [2, 1]},
        hand=[0, 14],
    )
    longer.apply("RL 5,2 4,3 1 7,0")
    assert set(longer.canonical()["collapsed"]) == {f"4,{y}" for y in range(3, 8)}


def test_the_other_line_of_a_slide_is_an_ordinary_one():
    """What a slide leaves of a second line is processed in the line phase (rules §11.3)."""
    markers = {**row(0, 3, 3, 1), "4,4": 1, "4,5": 1, "4,6": 1, "4,7": 1, "5,2": 1}
    game = position(
        "square8:2", "movement", 1, markers=markers, stacks={"7,7": [2, 1]}, hand=[0, 14]
    )
    game.apply("RL 5,2 4,3 1 7,7")
    assert game.legal() == ["LN 4,4;4,5;4,6;4,7"]
    game.apply("LN 4,4;4,5;4,6;4,7")  # free: no stack is controlled
    assert game.phase == "territory_processing"


def test_refused_slides_are_legal_and_named():
    """A slide past a run of 3 in an earlier direction is refused by the public engine (§11.4)."""
    markers = {**row(2, 3, 3, 1), "4,4": 1, "4,5": 1, "4,6": 1, "5,2": 1}
    game = position(
        "square8:2", "movement", 1, markers=markers, stacks={"7,7": [2, 1]}, hand=[0, 14]
    )
    # Through 4,3 the row holds 3 cells and the column 4.
    assert game.refused() == ["RL 5,2 4,3 1 7,7"]
    assert "RL 5,2 4,3 1 7,7" in game.legal()
    assert "RF" not in kinds(game)


def test_a_line_of_3_is_refused_where_the_public_engine_overlooks_it():
    """On hex8 with 3 players and line_detect=4 slides to runs of 3 are listed and refused (§11.4)."""
    keys = {
        "markers": {"0,0": 1, "1,0": 1, "3,-1": 1},
        "stacks": {"-4,0": [2, 1], "-4,4": [3]},
        "hand": [0, 17, 17],
    }
    four = position("hex8:3", "movement", 1, **keys, options=GameOptions(line_detect=4))
    three = position("hex8:3", "movement", 1, **keys)
    slide = "RL 3,-1,-2 2,0,-2 1 -4,0,4"
    assert slide in three.legal()
    assert three.legal() == four.legal()
    assert three.refused() == []
    assert slide in four.refused()
