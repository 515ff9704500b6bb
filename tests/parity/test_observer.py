"""The rare cases are named where they happen, and not where something much like them happens."""

from ringrift.configs import Config
from ringrift.parity.lockstep import Lockstep, Start
from ringrift.parity.observer import Observer
from ringrift.rules.boards import board
from ringrift.rules.game import GameOptions
from tests.rules.positions import position, row


def played(game, *moves):
    """Play moves in lockstep; the set of cases of each, in a list."""
    options = GameOptions(**game.state_plus()["options"])
    step = Lockstep(Start(game.config, options, game.state_plus()))
    observer = Observer(game.config, options)
    found = []
    for move in moves:
        before, legal, refused = step.state, step.legal(), step.refused()
        assert move in legal, legal
        after = step.play(move)
        found.append(set(observer.move(before, legal, refused, move, after)))
    return found


def test_a_region_only_for_the_pass_without_colours():
    """A region that holds markers of every colour is such a one; a part of it is not."""
    game = position(
        "square8:2",
        "territory_processing",
        1,
        markers={"0,0": 1, "1,0": 2},
        collapsed={"2,0": 1, "1,1": 1, "0,2": 2},
        stacks={"0,1": [2], "7,7": [1], "5,5": [2]},
    )
    (whole,) = played(game, "TO 0,0;0,1;1,0")
    assert {"region-none", "region-fenceless", "region-others", "regions-overlap"} <= whole
    (part,) = played(game, "TO 0,0;0,1")
    assert "region-none" not in part
    assert "region-foreign" in part


def test_a_cascade():
    """Two colours inside a fence are no region until the payment takes one of them away."""
    game = position(
        "square8:2",
        "territory_processing",
        1,
        markers={"0,1": 1, "1,0": 1, "5,7": 1, "6,6": 1, "7,6": 1},
        stacks={"7,7": [1], "6,7": [2], "4,4": [1], "2,5": [1], "3,0": [2]},
    )
    opened = played(game, "TO 0,0", "ER territory 7,7", "TO 6,7;7,7", "ER territory 4,4")
    assert {"region-empty"} <= opened[0]
    assert "region-fee-choice" in opened[1]
    assert {"cascade", "cascade-claimed"} <= opened[2]
    kept = played(game, "TO 0,0", "ER territory 4,4", "PL 0,2 1")
    assert not any("cascade" in names for names in kept)


def test_a_border_that_grows_over_the_odd_neighbours():
    """On hex8 a border reaches over (-1,-1), and that is named apart from other growth."""
    near = {"3,-4": 1, "3,-3": 1, "4,-3": 1}
    stacks = {"0,0": [1], "0,2": [2]}
    far, beside = (
        played(
            position("hex8:2", "territory_processing", 1, markers=near | more, stacks=stacks),
            "TO 4,-4,0",
        )[0]
        for more in ({"2,-2": 2, "1,-3": 2}, {"2,-2": 2})
    )
    assert {"region-grown", "region-grown-far"} <= far
    assert "region-grown" in beside
    assert "region-grown-far" not in beside


def test_parts_that_need_the_slid_marker():
    """Rules §19.2 case 10: of a run of 5 only the 4 cells with the slid marker are a part."""
    game = position(
        "square19:2",
        "movement",
        1,
        markers={**row(2, 5, 3, 1), "7,4": 1},
        stacks={"15,15": [2, 1]},
        hand=[0, 71],
    )
    (free,) = played(game, "RL 7,4 6,3 2 3,3;4,3;5,3;6,3")
    assert {"recovery-free", "recovery-needs-slid"} <= free
    (paid,) = played(game, "RL 7,4 6,3 1 15,15")
    assert {"recovery-paid", "recovery-overlength"} <= paid
    assert not paid & {"recovery-tie", "recovery-choice", "recovery-hand", "recovery-refused"}


def test_a_slide_that_the_reference_refuses():
    """A run of exactly 3 on an earlier axis than the line of 4 makes the reference refuse."""
    game = position(
        "square8:2",
        "movement",
        1,
        markers={"1,3": 1, "2,3": 1, "3,0": 1, "3,1": 1, "3,2": 1, "4,4": 1},
        stacks={"7,0": [2, 1]},
        hand=[0, 15],
    )
    (names,) = played(game, "RL 4,4 3,3 1 7,0")
    assert {"recovery-refused", "recovery-refused-played", "recovery-not-first"} <= names
    (names,) = played(game, "SR")
    assert "recovery-refused" in names
    assert "recovery-refused-played" not in names


def test_a_recovery_turn_with_further_lines():
    """What a slide leaves of a crossing run is a line of the same turn."""
    column = {f"9,{y}": 1 for y in (3, 4, 5, 6, 8)}
    game = position(
        "square19:2",
        "movement",
        1,
        markers={**row(4, 8, 7, 1), **row(10, 12, 7, 1), **column, "10,8": 1},
        stacks={"15,15": [2, 1]},
        hand=[0, 71],
    )
    slide, line = played(game, "RL 10,8 9,7 1 15,15", "LN 9,3;9,4;9,5;9,6")
    assert "recovery-not-first" not in slide
    assert {"recovery-lines", "line-waived"} <= line


def test_a_recovery_turn_that_gives_a_stack_back():
    """A strike that bares an own ring; a region is then still paid by extraction."""
    game = position(
        "square8:2",
        "movement",
        1,
        markers={"4,4": 1, "0,1": 1, "1,0": 1},
        stacks={"3,3": [2, 1], "6,6": [2, 1], "5,0": [2, 1]},
        hand=[0, 9],
    )
    names = played(game, "RS 4,4 3,3 6,6", "NL", "TO 0,0", "ER recovery 5,0")
    assert {"recovery-strike", "recovery-regains", "recovery-choice"} <= names[0]
    assert "recovery-strike-same" not in names[0]
    assert {"recovery-region", "recovery-region-stack"} <= names[3]
    (same,) = played(game, "RS 4,4 3,3 3,3")
    assert "recovery-strike-same" in same
    assert "recovery-regains" not in same


def test_lines_that_cross_and_lines_that_remain():
    """A crossing line is broken by the other; what a part leaves over may be a line again."""
    crossing = {**row(0, 3, 0, 1), **{f"0,{y}": 1 for y in range(1, 4)}}
    stacks = {"7,7": [1, 1], "5,5": [2]}
    game = position("square8:2", "line_processing", 1, markers=crossing, stacks=stacks)
    names = played(game, "LN 0,0;1,0;2,0;3,0", "ER line 7,7", "NL")
    assert {"lines-two", "lines-cross", "line-exact"} <= names[0]
    assert {"line-broken", "line-fee-end"} <= names[2]
    game = position("square8:2", "line_processing", 1, markers=row(0, 7, 0, 1), stacks=stacks)
    run = "0,0;1,0;2,0;3,0;4,0;5,0;6,0;7,0"
    names = played(game, f"LO {run} > 0,0;1,0;2,0;3,0", "LN 4,0;5,0;6,0;7,0")
    assert {"line-part", "line-long"} <= names[0]
    assert "line-part-inner" not in names[0]
    assert "line-rest" in names[1]
    (inner,) = played(game, f"LO {run} > 2,0;3,0;4,0;5,0")
    assert "line-part-inner" in inner


def test_forced_eliminations():
    """Forced eliminations turn after turn, after declined regions; the first is no chain yet."""
    b = board("square8")
    alone = {"0,0": [1, 1], "7,7": [2]}
    rest = [text for text in b.texts if text not in alone]
    game = position(
        "square8:2",
        "ring_placement",
        1,
        stacks=alone,
        collapsed={at: 1 + i % 2 for i, at in enumerate(rest)},
        hand=[3, 3],
    )
    turn = ["NP", "NM", "NL"]
    names = played(game, *turn, "ST", "FE 0,0", *turn, "FE 7,7")
    assert {"place-none-blocked"} <= names[0]
    assert {"forced", "forced-cap", "forced-declined"} <= names[4]
    assert "forced-chain" not in names[4]
    assert "forced-chain" in names[8]
    assert not names[8] & {"forced-declined", "forced-again", "forced-chain-3"}


def test_the_ladder_of_a_bare_board():
    """Hands that decide a bare board are told apart from credit that does."""
    cells = board("square8").texts
    common = {
        "collapsed": {at: 1 + i % 2 for i, at in enumerate(cells[:32])},
        "markers": {at: 1 + i % 2 for i, at in enumerate(cells[32:])},
    }
    for hand, elim, expected in (
        ([0, 5], [16, 15], {"stalemate:rings", "stalemate:rings-hand"}),
        ([1, 2], [16, 17], {"stalemate:rings"}),
        ([1, 1], [17, 17], {"stalemate:last"}),
    ):
        game = position("square8:2", "territory_processing", 2, hand=hand, elim=elim, **common)
        (names,) = played(game, "NT")
        assert {name for name in names if name.startswith("stalemate")} == expected


def test_an_opening_names_little():
    """A quiet first turn has two cases: the placement, and no right to be declined yet."""
    game = position("hex8:3", "ring_placement", 1)
    assert game.config == Config("hex8", 3)
    names = played(game, "PL 0,0,0 1", "MV 0,0,0 1,0,-1", "NL", "NT")
    assert names[:3] == [{"place-1"}, set(), set()]
