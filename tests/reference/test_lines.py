"""Lines: the subtle points of rules §8."""

from ringrift.rules.game import GameOptions
from tests.reference.positions import eliminated, position, row


def test_lines_are_paid_one_by_one():
    """While a fee is due only fees are legal; two lines cost two rings (rules §4.3, §19.2 case 2)."""
    game = position(
        "square8:2",
        "line_processing",
        1,
        markers={**row(0, 3, 0, 1), **row(0, 3, 2, 1)},
        stacks={"6,6": [1, 1], "7,0": [2]},
    )
    before = eliminated(game)
    first, second = "LN 0,0;1,0;2,0;3,0", "LN 0,2;1,2;2,2;3,2"
    assert game.legal() == [first, second]
    for move, left in ((first, [second]), (second, ["NL"])):
        game.apply(move)
        assert game.canonical()["pend"] == "line"
        assert game.legal() == ["ER line 6,6"]
        game.apply("ER line 6,6")
        assert game.legal() == left  # after a fee the end of the lines is a move of its own
    assert eliminated(game) == before + 2


def test_options_of_an_overlength_line():
    """A run of 5 offers itself whole, and both its parts of 4 (rules §8.4, §19.2 case 4)."""
    game = position("square8:2", "line_processing", 1, markers=row(0, 4, 0, 1), stacks={"7,7": [1]})
    run = "0,0;1,0;2,0;3,0;4,0"
    assert game.legal() == [
        f"LO {run} > *",
        f"LO {run} > 0,0;1,0;2,0;3,0",
        f"LO {run} > 1,0;2,0;3,0;4,0",
    ]
    whole = game.copy()
    whole.apply(f"LO {run} > *")
    assert whole.legal() == ["ER line 7,7"]
    game.apply(f"LO {run} > 1,0;2,0;3,0;4,0")
    assert game.phase == "territory_processing"  # free, and the phase ends without NL (rules §4.3)
    assert game.canonical()["markers"] == {"0,0": 1}


def test_what_a_free_part_leaves_may_be_a_line():
    """A run of 8 taken in part leaves a run of 4, which must be taken too (rules §8.4)."""
    game = position("square8:2", "line_processing", 1, markers=row(0, 7, 0, 1), stacks={"7,7": [1]})
    game.apply("LO 0,0;1,0;2,0;3,0;4,0;5,0;6,0;7,0 > 0,0;1,0;2,0;3,0")
    assert game.legal() == ["LN 4,0;5,0;6,0;7,0"]


def test_crossing_lines_are_looked_at_afresh():
    """A run that lost its crossing cell counts with what is left of it (rules §8.2)."""
    column = {f"2,{y}": 1 for y in range(5)}
    game = position(
        "square8:2",
        "line_processing",
        1,
        markers={**row(1, 4, 0, 1), **column},
        stacks={"7,7": [1]},
    )
    cells = "2,0;2,1;2,2;2,3;2,4"
    assert len([text for text in game.legal() if text.startswith(f"LO {cells}")]) == 3
    game.apply("LN 1,0;2,0;3,0;4,0")
    game.apply("ER line 7,7")
    assert game.legal() == ["LN 2,1;2,2;2,3;2,4"]


def test_the_fee_is_waived_without_a_stack():
    """Who controls no stack collapses a line for nothing (rules §8.3)."""
    game = position("square8:2", "line_processing", 1, markers=row(0, 3, 0, 1), stacks={"7,7": [2]})
    before = eliminated(game)
    game.apply("LN 0,0;1,0;2,0;3,0")
    assert eliminated(game) == before
    assert game.phase == "territory_processing"


def test_the_fee_is_one_ring_of_any_height():
    """The top ring goes; the ring below decides control (rules §8.5)."""
    game = position(
        "square8:2",
        "line_processing",
        1,
        markers=row(0, 3, 0, 1),
        stacks={"7,7": [1, 2], "5,5": [1]},
    )
    game.apply("LN 0,0;1,0;2,0;3,0")
    assert game.legal() == ["ER line 5,5", "ER line 7,7"]
    game.apply("ER line 7,7")
    assert game.canonical()["stacks"] == {"5,5": "1", "7,7": "2"}


def test_only_the_movers_lines_count():
    """A run of another player's markers is no line in this turn (rules §8.1)."""
    game = position("square8:2", "line_processing", 1, markers=row(0, 4, 0, 2), stacks={"7,7": [1]})
    assert game.legal() == ["NL"]


def test_lines_of_3_on_hex8():
    """With 3 players on hex8 a run of 3 is a line, but not with line_detect=4 (rules §8.1, case 5)."""
    keys = {
        "markers": {"0,0": 1, "1,0": 1, "2,0": 1},
        "stacks": {"-4,0": [2], "-4,4": [3]},
    }
    assert position("hex8:3", "line_processing", 1, **keys).legal() == ["LN 0,0,0;1,0,-1;2,0,-2"]
    four = GameOptions(line_detect=4)
    assert position("hex8:3", "line_processing", 1, **keys, options=four).legal() == ["NL"]
    keys["markers"]["3,0"] = 1
    cells = "0,0,0;1,0,-1;2,0,-2;3,0,-3"
    assert position("hex8:3", "line_processing", 1, **keys, options=four).legal() == [
        f"LO {cells} > *",
        f"LO {cells} > 0,0,0;1,0,-1;2,0,-2",
        f"LO {cells} > 1,0,-1;2,0,-2;3,0,-3",
    ]
