"""Turns, victory, the last player and ranks: the subtle points of rules §12 to §16."""

import pytest

from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.reference import ReferenceGame, ReferenceIllegalMove
from tests.reference.positions import position


def end_turn(config, player=1, **keys):
    """A game whose turn of `player` is about to end, and its end."""
    game = position(config, "territory_processing", player, **keys)
    game.apply("NT" if "NT" in game.legal() else "ST")
    return game


def test_pie_rule():
    """Seat 2 may swap in its first turn, once, and then goes on with that turn (rules §12)."""
    game = ReferenceGame.new(Config("hex8", 2))
    for move in ("PL 0,0,0 1", "MV 0,0,0 0,1,-1", "NL", "NT"):
        assert "SW" not in game.legal()
        game.apply(move)
    later = game.copy()
    game.apply("SW")
    assert (game.player, game.phase) == (2, "ring_placement")
    assert game.canonical()["swapped"] is True
    assert game.canonical()["acted"] is True
    assert "SW" not in game.legal()
    later.apply("PL 1,0,-1 1")
    assert later.state_plus()["swap_open"] is False
    assert ReferenceGame.new(Config("hex8", 2), pie=False).state_plus()["swap_open"] is False


def test_seats_without_a_ring_are_passed_over():
    """A seat with nothing is skipped; one with only a buried ring is not (rules §13.2)."""
    game = end_turn("square8:4", stacks={"0,0": [1, 3], "7,7": [4]}, hand=[2, 0, 0, 2])
    assert game.player == 3
    assert game.state_plus()["out"] == [0, 1, 0, 0]
    assert game.legal() == ["NP"]


def test_two_turns_in_a_row():
    """A lone seat with rings only in hand plays again, and wins when it has a stack (§13.2, §14)."""
    game = end_turn("square8:2", markers={"0,0": 1}, hand=[3, 0])
    assert (game.player, game.phase, game.state_plus()["turns"]) == (1, "ring_placement", 2)
    assert game.canonical()["acted"] is False
    for move in ("PL 4,4 1", "MV 4,4 4,5", "NL", "NT"):
        game.apply(move)
    assert (game.result.winner, game.result.victory) == (1, "lps_early")
    assert game.result.turns == 2  # the turn whose end decides is the last one counted
    assert game.legal() == []


def test_victory_waits_for_the_end_of_the_turn():
    """A threshold crossed within a turn ends the game only when the turn ends (rules §13.2)."""
    game = position(
        "square8:2",
        "movement",
        1,
        stacks={"0,0": [1, 1], "7,7": [2]},
        markers={"2,0": 2},
        hand=[0, 16],
        elim=[17, 0],
    )
    game.apply("MV 0,0 2,0")
    assert game.canonical()["elim"] == [18, 0]
    assert game.result is None
    game.apply("NL")
    game.apply("NT")
    assert (game.result.winner, game.result.victory) == (1, "ring_elimination")
    assert game.canonical()["cur"] == 0


def collapsed(count, owner, start=0):
    """So many collapsed cells of one owner, column by column from the left."""
    cells = [(x, y) for x in range(8) for y in range(8)]
    return {f"{x},{y}": owner for x, y in cells[start : start + count]}


@pytest.mark.parametrize(
    ("mine", "others", "wins"), [(17, 16, True), (17, 17, False), (16, 2, False)]
)
def test_territory_needs_more_than_all_others(mine, others, wins):
    """TM cells win only if all others together have fewer (rules §14.2)."""
    game = end_turn(
        "square8:4",
        collapsed=collapsed(mine, 1) | collapsed(others, 3, mine),
        stacks={"7,7": [1], "7,6": [2]},
    )
    assert (game.result is not None and game.result.victory == "territory_control") is wins


@pytest.mark.parametrize(
    ("keys", "winner", "victory"),
    [
        ({"collapsed": {"0,0": 1, "0,1": 2, "0,2": 2}}, 2, "stalemate:territory"),
        ({"elim": [12, 24], "collapsed": {"0,0": 1, "0,1": 2}}, 2, "stalemate:rings"),
        ({"markers": {"1,1": 2}}, 2, "stalemate:markers_or_last_actor"),
        ({}, 1, "stalemate:markers_or_last_actor"),
    ],
)
def test_ladder_of_the_bare_board(keys, winner, victory):
    """Territory, rings, markers, and at last who moved last decide a bare board (rules §14.5)."""
    keys = {"hand": [0, 0], "rings": 12, "elim": [12, 12], **keys}
    total = sum(keys["elim"]) // 2
    state = ReferenceGame.new(Config("square8", 2), rings=keys.pop("rings")).state_plus()
    state |= {
        "phase": "territory_processing",
        "swap_open": False,
        "collapsed": keys.get("collapsed", {}),
        "markers": keys.get("markers", {}),
        "hand": keys["hand"],
        "elim": keys["elim"],
        "options": state["options"] | {"rings": max(total, 30)},  # no win by rings
    }
    game = ReferenceGame.from_state(Config("square8", 2), state)
    game.apply("NT")
    assert (game.result.winner, game.result.victory) == (winner, victory)
    assert game.result.ranks == ((1, 2) if winner == 1 else (2, 1))


def test_a_bare_board_goes_on_while_somebody_can_place():
    """With a ring in hand and an open cell the game goes on, hands or not for the others (§14.5)."""
    assert end_turn("square8:3", hand=[1, 0, 1]).result is None
    full = {f"{x},{y}": 1 + (x + y) % 2 for x in range(8) for y in range(8) if (x, y) != (0, 0)}
    closed = end_turn("square8:3", collapsed=full, hand=[1, 0, 1])
    assert closed.result is not None  # the one empty cell has only collapsed neighbours


def test_hands_count_in_the_ladder_and_in_its_ranks():
    """On a bare board rings in hand are added for the ladder and the ranks, not moved (§14.5, §16)."""
    full = {f"{x},{y}": 1 + (x + y) % 2 for x in range(8) for y in range(8)}
    game = end_turn("square8:2", collapsed=full, hand=[4, 2], elim=[14, 16])
    assert game.result.victory == "stalemate:markers_or_last_actor"  # 18 each
    assert game.canonical()["hand"] == [4, 2]
    game = end_turn("square8:2", collapsed=full, hand=[4, 3], elim=[14, 15])
    assert (game.result.winner, game.result.victory) == (1, "stalemate:markers_or_last_actor")
    game = end_turn("square8:2", collapsed=full, hand=[2, 3], elim=[14, 17])
    assert (game.result.winner, game.result.victory) == (2, "stalemate:rings")


def test_ranks_are_shared_and_skip():
    """The winner is first whatever it has; equal seats share a rank (rules §16)."""
    game = end_turn(
        "square8:4",
        stacks={"0,0": [2]},
        hand=[0, 3, 0, 0],
        collapsed={"7,7": 1, "7,6": 3, "7,5": 4, "7,4": 4},
        elim=[20, 8, 20, 20],
        player=2,
        plus={"out": [3, 0, 3, 1], "turns": 9},
    )
    assert game.result.victory == "lps_early"
    assert game.result.ranks == (3, 1, 3, 2)
    later = game.copy()
    later.position.out[3] = 5
    assert later.result.ranks == (4, 1, 3, 2)  # later is better


def test_a_seat_never_eliminated_ranks_above_one_that_was():
    """Of equals, the one that still has a ring is better than one that lost its last (rules §16)."""
    game = end_turn(
        "square8:3",
        stacks={"0,0": [1], "1,0": [2]},
        hand=[0, 0, 0],
        elim=[40, 6, 6],
        plus={"out": [0, 0, 4], "turns": 9},
    )
    assert game.result.victory == "ring_elimination"
    assert game.result.ranks == (1, 2, 3)


def test_another_exclusive_seat_begins_at_one():
    """A round in which another seat was alone starts the count anew (rules §15.2)."""
    game = position(
        "square8:2",
        "territory_processing",
        1,
        stacks={"0,0": [1], "7,7": [2]},
        plus={"lps": {"leader": 2, "seen": [1, 2], "real": [1], "seat": 2, "count": 2}},
    )
    game.apply("NT")
    lps = game.state_plus()["lps"]
    assert lps == {"leader": 2, "seen": [2], "real": [2], "seat": 1, "count": 1}


def play_turn(game):
    """Play a turn: the stack on 6,6 if it may move, else the last legal move."""
    player, turns = game.player, game.state_plus()["turns"]
    while game.result is None and (game.player, game.state_plus()["turns"]) == (player, turns):
        legal = game.legal()
        game.apply(next((text for text in legal if text.startswith("MV 6,6")), legal[-1]))


def test_the_last_player_by_rounds():
    """Three rounds in which only one seat could act, and one more turn of it, win (rules §15)."""
    game = position(
        "square8:2", "ring_placement", 1, stacks={"0,0": [1, 2], "6,6": [1]}, hand=[0, 0]
    )
    start = {key: game.canonical()[key] for key in ("stacks", "markers", "collapsed", "terr")}
    trackers = []
    while game.result is None:
        if game.player == 1:  # on a board swept clean seat 1 goes on to move alone
            game = ReferenceGame.from_state(game.config, game.state_plus() | start)
        play_turn(game)
        lps = game.state_plus()["lps"]
        trackers.append((lps["leader"], lps["seat"], lps["count"]))
    # The first turn is not noted, so seat 2 leads; a round is closed when its turn comes again.
    assert trackers == [(2, 1, n // 2) if n > 1 else (2, 0, 0) for n in range(8)]
    assert (game.result.winner, game.result.victory) == (1, "lps_rounds")
    assert game.result.turns == 9  # the turn that was about to begin is counted


def test_illegal_moves_are_told():
    """An illegal move is a BadInput that names seat, phase and the nearest legal move."""
    game = ReferenceGame.new(Config("square8", 2))
    with pytest.raises(ReferenceIllegalMove, match=r"'PL 0,0 4'.*ring_placement.*PL 0,0"):
        game.apply("PL 0,0 4")
    assert issubclass(ReferenceIllegalMove, BadInput)
