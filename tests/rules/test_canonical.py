"""Canonical states and state+: what they hold, and what is refused."""

import json

import pytest

from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.rules.canonical import canonical_sha, canonical_text
from ringrift.rules.game import Game, GameOptions
from tests.rules.play import random_game
from tests.rules.positions import position

CONFIG = Config("square8", 2)


def opening():
    """A canonical opening state, fresh for each test to spoil."""
    return Game.new(CONFIG).canonical()


def test_opening():
    """The opening has exactly the documented keys and values."""
    assert opening() == {
        "acted": False,
        "chain": None,
        "collapsed": {},
        "cur": 1,
        "elim": [0, 0],
        "hand": [18, 18],
        "markers": {},
        "must": None,
        "pend": "",
        "phase": "ring_placement",
        "recov": False,
        "stacks": {},
        "swapped": False,
        "terr": [0, 0],
    }


def test_canonical_text_sorts_positions_by_code_point():
    """Keys are in alphabetical order, positions by code point, and nothing is padded."""
    game = position("square19:2", "ring_placement", 1, markers={"2,3": 1, "10,3": 2, "2,10": 1})
    text = canonical_text(game.canonical())
    assert '"markers":{"10,3":2,"2,10":1,"2,3":1}' in text
    assert " " not in text
    keys = list(json.loads(text))
    assert keys == sorted(keys)
    assert len(canonical_sha(game.canonical())) == 64


def test_stacks_are_written_bottom_ring_first():
    """A stack of 1 and 2 with a ring of 1 on top ends in 1, and its cap and controller follow."""
    game = position("square8:2", "movement", 1, stacks={"3,3": [1, 1, 2]})
    assert game.canonical()["stacks"] == {"3,3": "211"}
    assert "1^3/2" in game.draw()


def test_a_bare_state_has_no_history():
    """A position set up from a bare canonical state has no swap, no tracker and no eliminations."""
    for game, _, _ in random_game(Config("hex8", 2), 3):
        plus = (
            Game.from_canonical(game.config, game.canonical()).state_plus() if game.player else None
        )
        if plus is not None:
            assert plus["lps"] == {"leader": 0, "seen": [], "real": [], "seat": 0, "count": 0}
            assert not plus["swap_open"]
            assert plus["out"] == [0, 0]
            assert (plus["turns"], plus["plies"], plus["last"]) == (1, 0, 0)


def test_state_plus_goes_on_as_the_original():
    """A game set up from a state+ in its middle ends like the original, move for move."""
    config = Config("hex8", 3)
    copies = []
    for number, (game, _, code) in enumerate(random_game(config, 11)):
        for copy in copies:
            assert copy.hash() == game.hash()
            if code is not None:
                copy.apply(code)
        if number % 37 == 5 and code is not None:
            again = Game.from_canonical(config, json.loads(json.dumps(game.state_plus())))
            again.apply(code)
            copies.append(again)
    assert len(copies) > 2
    assert {copy.result for copy in copies} == {game.result}


def test_options_survive_in_state_plus():
    """Rule options are part of a state+."""
    options = GameOptions(pie=False, line_detect=4, lps_rounds=2, rings=9)
    game = Game.new(Config("hex8", 4), options)
    assert game.state_plus()["options"] == {
        "pie": False,
        "line_detect": 4,
        "lps_rounds": 2,
        "rings": 9,
    }
    again = Game.from_canonical(game.config, game.state_plus())
    assert again.hash() == game.hash()


SPOILED = {
    "unknown key": ({"colour": 1}, "unknown key 'colour'"),
    "near key": ({"hands": [1, 1]}, "did you mean 'hand'"),
    "off the board": ({"markers": {"8,0": 1}}, "'8,0' is no position of square8"),
    "owner": ({"markers": {"0,0": 3}}, "'markers.0,0'"),
    "two things": (
        {"markers": {"0,0": 1}, "collapsed": {"0,0": 1}, "terr": [1, 0]},
        "already among",
    ),
    "colour of a ring": ({"stacks": {"0,0": "13"}}, "expected seat digits 1 to 2"),
    "empty stack": ({"stacks": {"0,0": ""}}, "expected seat digits"),
    "too high": ({"stacks": {"0,0": "111111111"}, "hand": [9, 18]}, "no stack is higher than 8"),
    "territory": ({"terr": [1, 0]}, "the board holds [0, 0] collapsed"),
    "a ring too few": ({"hand": [17, 18]}, "are 35, expected 36"),
    "too many of a colour": ({"hand": [18, 17], "stacks": {"0,0": "1"}}, "seat 1 has 1 rings on"),
    "phase": ({"phase": "moving"}, "unknown phase 'moving'"),
    "player": ({"cur": 0}, "is 0 in phase ring_placement"),
    "true for a number": ({"cur": True}, "whole number"),
    "list length": ({"elim": [0, 0, 0]}, "list of 2 numbers"),
    "must outside movement": ({"must": "0,0"}, "in phase ring_placement, expected null"),
    "must without stack": ({"phase": "movement", "must": "0,0"}, "controls no stack at 0,0"),
    "capture from nowhere": ({"phase": "capture"}, "'chain'"),
    "debt": ({"pend": "line"}, "in phase ring_placement, expected ''"),
    "recovered idle": ({"recov": True}, "although 'acted' is false"),
    "not an object": ({"markers": []}, "expected an object"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_refused(name):
    """What no game could hold is refused, and the message names the key."""
    changes, message = SPOILED[name]
    with pytest.raises(BadInput) as caught:
        Game.from_canonical(CONFIG, {**opening(), **changes})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_key_is_named():
    """A state without one of its keys is refused by name."""
    state = opening()
    del state["swapped"]
    with pytest.raises(BadInput, match="lacks the key 'swapped'"):
        Game.from_canonical(CONFIG, state)


def test_state_plus_must_agree_with_itself():
    """A state+ with a tracker, options or an ending that contradict it is refused."""
    plus = Game.new(CONFIG).state_plus()
    for changes, message in (
        ({"swap_open": True, "options": {**plus["options"], "pie": False}}, "swap_open"),
        ({"swap_open": True, "hand": [18, 0], "elim": [9, 9]}, "seat 2 must have moved"),
        ({"winner": 1}, "winner"),
        ({"victory": "checkmate"}, "unknown ending"),
        ({"lps": {**plus["lps"], "real": [1]}}, "lps.real"),
        ({"lps": {**plus["lps"], "round": 1}}, "unknown key 'round'"),
        ({"turns": 0}, "turns"),
    ):
        with pytest.raises(BadInput, match=message):
            Game.from_canonical(CONFIG, {**plus, **changes})
