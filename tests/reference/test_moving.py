"""Placement, movement and capture: the subtle points of rules §5 to §7."""

from ringrift.reference.geometry import geometry
from tests.reference.positions import eliminated, kinds, position


def test_dead_with_one_ring_is_not_offered_at_all():
    """A cell dead with one ring is closed, though two rings could capture (rules §5.2, §19.2 case 1)."""
    tall = {"1,0": [2, 2], "0,1": [2, 2], "1,1": [2, 2]}
    game = position("square8:2", "ring_placement", 1, stacks=tall)
    assert not [text for text in game.legal() if text.startswith("PL 0,0 ")]
    low = {at: [2] for at in tall}
    assert "PL 0,0 1" in position("square8:2", "ring_placement", 1, stacks=low).legal()


def test_placing_on_another_players_stack():
    """One ring may go on any stack; on another's the cap is 1, whatever lies below (rules §5.2)."""
    game = position(
        "square8:2", "ring_placement", 1, stacks={"3,3": [2, 1], "5,5": [1]}, hand=[5, 5]
    )
    on_stacks = [text for text in game.legal() if text.startswith(("PL 3,3", "PL 5,5"))]
    assert on_stacks == ["PL 3,3 1", "PL 5,5 1"]
    game.apply("PL 3,3 1")
    state = game.canonical()
    assert state["stacks"]["3,3"] == "121"
    assert (state["must"], state["hand"]) == ("3,3", [4, 5])
    assert all(text.startswith(("MV 3,3 ", "CA 3,3 ")) for text in game.legal())


def test_the_last_rings_limit_the_count():
    """With two rings in hand nobody places three (rules §5.2)."""
    game = position("square8:2", "ring_placement", 1, hand=[2, 18])
    assert {text.rpartition(" ")[2] for text in game.legal()} == {"1", "2"}


def test_markers_and_territory_are_closed():
    """No ring is placed on a marker or on a collapsed cell (rules §5.2)."""
    game = position("square8:2", "ring_placement", 1, markers={"2,2": 1}, collapsed={"4,4": 1})
    assert not [text for text in game.legal() if text.startswith(("PL 2,2 ", "PL 4,4 "))]
    assert len(game.legal()) == 62 * 3


def test_declining_needs_something_to_do():
    """`SP` stands beside placements if a stack can move, and not if none can (rules §5.4)."""
    free = position("square8:2", "ring_placement", 1, stacks={"0,0": [1]})
    assert "SP" in free.legal()
    closed = {"0,1": 2, "1,0": 2, "1,1": 2}
    stuck = position("square8:2", "ring_placement", 1, stacks={"0,0": [1]}, collapsed=closed)
    assert "SP" not in stuck.legal()
    assert "PL 7,7 1" in stuck.legal()


def test_declining_towards_recovery():
    """With rings in hand and no stack, `SP` leads to recovery (rules §5.4, §11.1)."""
    game = position(
        "square8:2", "ring_placement", 1, stacks={"6,6": [2, 1]}, markers={"1,1": 1}, hand=[3, 9]
    )
    assert "SP" in game.legal()
    game.apply("SP")
    assert kinds(game) == {"SR", "RF"}


def test_nothing_to_place():
    """With an empty hand `NP` is the only move, whatever stacks there are (rules §4.1)."""
    game = position("square8:2", "ring_placement", 1, stacks={"0,0": [1]}, hand=[0, 3])
    assert game.legal() == ["NP"]


def test_crossing_markers():
    """Passed markers of others turn, own ones become territory; a marker stays behind (rules §6.2)."""
    game = position(
        "square8:2", "movement", 1, stacks={"0,0": [1], "7,7": [2]}, markers={"1,0": 1, "2,0": 2}
    )
    game.apply("MV 0,0 3,0")
    state = game.canonical()
    assert state["markers"] == {"0,0": 1, "2,0": 1}
    assert state["collapsed"] == {"1,0": 1}
    assert state["terr"] == [1, 0]


def test_landing_on_a_marker_may_hand_the_stack_over():
    """The top ring goes, credited to the mover, and the ring below decides control (rules §6.2.3)."""
    game = position(
        "square8:2", "movement", 1, stacks={"0,0": [1, 2], "5,0": [1]}, markers={"2,0": 1}
    )
    before = eliminated(game)
    game.apply("MV 0,0 2,0")
    assert game.canonical()["stacks"] == {"2,0": "2", "5,0": "1"}
    assert eliminated(game) == before + 1
    assert game.phase == "line_processing"  # not the mover's any more: no capture is offered


def test_a_stack_moves_at_least_its_height():
    """The whole height counts, not the cap (rules §6.1)."""
    game = position("square8:2", "movement", 1, stacks={"0,0": [1, 2, 2], "7,7": [2]})
    along = [text for text in game.legal() if text.startswith("MV 0,0 ") and text.endswith(",0")]
    assert along == [f"MV 0,0 {x},0" for x in (3, 4, 5, 6, 7)]


def test_capture_asks_for_the_cap_and_the_distance():
    """Caps are compared, whole heights are not; the landing is as far as the attacker is high (§7.1)."""
    stacks = {"0,0": [1, 1], "1,0": [2, 1, 1, 1], "0,1": [2, 2, 2], "2,2": [1]}
    game = position("square8:2", "movement", 1, stacks=stacks)
    captures = {text for text in game.legal() if text.startswith("CA 0,0 ")}
    assert captures == {
        *(f"CA 0,0 1,0 {x},0" for x in range(2, 8)),
        *(f"CA 0,0 2,2 {x},{x}" for x in range(3, 8)),
    }  # the cap of 3 on 0,1 is too tall; the mover's own stack may be taken


def test_capturing_one_ring():
    """The target's top ring goes to the bottom of the attacker, the rest stands (rules §7.2)."""
    game = position("square8:2", "movement", 1, stacks={"0,0": [1], "1,0": [2, 1], "7,7": [2]})
    game.apply("CA 0,0 1,0 3,0")
    assert game.canonical()["stacks"] == {"1,0": "1", "3,0": "21", "7,7": "2"}
    assert game.phase == "chain_capture"


def test_a_chain_is_compulsory_and_may_turn_back():
    """After a segment only captures are legal, reversing over the same target included (rules §7.3)."""
    game = position(
        "square8:2", "movement", 1, stacks={"3,0": [1, 1], "4,0": [2, 2, 2, 1], "7,7": [2]}
    )
    assert not kinds(game) & {"CA"}  # a cap of 3 is too tall
    game = position(
        "square8:2", "movement", 1, stacks={"3,0": [1, 1], "4,0": [2, 2, 1], "7,7": [2]}
    )
    game.apply("CA 3,0 4,0 5,0")
    assert game.phase == "chain_capture"
    assert game.canonical()["chain"] == "5,0"
    assert set(game.legal()) == {f"CC 5,0 4,0 {x},0" for x in (2, 1, 0)}
    before = game.canonical()["terr"]
    game.apply("CC 5,0 4,0 2,0")
    # The marker left on 3,0 by the first segment is crossed by the second, and collapses.
    assert game.canonical()["collapsed"] == {"3,0": 1}
    assert game.canonical()["terr"] == [before[0] + 1, before[1]]
    assert game.canonical()["stacks"]["2,0"] == "2211"


def test_a_capture_onto_a_marker():
    """A single ring that lands on a marker leaves only what it took (rules §7.2, §19.2 case 12)."""
    game = position(
        "square8:2",
        "movement",
        1,
        markers={"2,0": 2},
        stacks={"0,0": [1], "1,0": [2], "7,7": [1]},
    )
    before = eliminated(game)
    game.apply("CA 0,0 1,0 2,0")
    assert game.canonical()["stacks"] == {"2,0": "2", "7,7": "1"}
    assert game.canonical()["markers"] == {"0,0": 1}
    assert eliminated(game) == before + 1
    assert game.phase == "line_processing"


def test_capture_after_a_move_may_be_declined():
    """After a plain move the moved stack alone is offered its captures, with `SC` (rules §7.4)."""
    stacks = {"0,0": [1], "3,1": [2], "7,6": [1], "7,7": [2]}
    game = position("square8:2", "movement", 1, stacks=stacks)
    game.apply("MV 0,0 3,0")
    assert game.phase == "capture"
    assert game.legal() == [f"CA 3,0 3,1 3,{y}" for y in range(2, 8)] + ["SC"]
    game.apply("SC")
    assert game.legal() == ["NL"]


def test_two_stacks_in_a_row_cannot_be_passed():
    """A ray ends at the second stack on it (rules §7.1)."""
    game = position(
        "square8:2", "movement", 1, stacks={"0,0": [1], "2,0": [2], "4,0": [2]}, hand=[0, 0]
    )
    along = {text for text in game.legal() if text.startswith("CA")}
    assert along == {"CA 0,0 2,0 3,0"}


def test_a_seat_that_cannot_act_passes_through():
    """Without stack, hand and recovery a turn is `NP NM NL NT` (rules §4.1)."""
    game = position("square8:2", "ring_placement", 1, stacks={"3,3": [2, 1]}, hand=[0, 4])
    for expected in ("NP", "NM", "NL", "NT"):
        assert game.legal() == [expected]
        game.apply(expected)
    assert game.player == 2


def test_a_blocked_player_pays():
    """Who did nothing and declines the regions loses a cap, and the turn ends (rules §4.6, §10.2)."""
    alone = {"0,0": [1, 1], "7,7": [2]}
    rest = [cell for cell in geometry("square8").order if cell not in alone]
    collapsed = {cell: 1 + i % 2 for i, cell in enumerate(rest)}
    game = position(
        "square8:2", "ring_placement", 1, stacks=alone, collapsed=collapsed, hand=[3, 3]
    )
    for expected in ("NP", "NM", "NL"):
        assert game.legal() == [expected]
        game.apply(expected)
    assert game.legal() == ["ST", "TO 7,7"]
    game.apply("ST")
    assert game.legal() == ["FE 0,0"]
    before = eliminated(game)
    game.apply("FE 0,0")
    assert eliminated(game) == before + 2
    assert (game.player, game.phase) == (2, "ring_placement")
