"""Move texts: each legal move has one of its own, and reads back as its code."""

import pytest

from ringrift.configs import ALL_CONFIGS, Config
from ringrift.errors import BadInput
from ringrift.rules import notation
from ringrift.rules.game import Game, GameOptions
from tests.rules.play import SMALL, random_game, texts
from tests.rules.positions import position, row


@pytest.mark.parametrize("config", ALL_CONFIGS, ids=str)
def test_round_trip(config):
    """Every legal move of a game has a text of its own that reads back as its code."""
    step = 1 if config.board in SMALL else 23
    for seed in range(3 if config.board in SMALL else 1):
        for number, (game, codes, _) in enumerate(random_game(config, seed)):
            if number % step:
                continue
            written = texts(game, codes)
            assert len(set(written)) == len(codes)
            for code, text in zip(codes, written, strict=True):
                assert notation.read_move(game.states, 0, game.board, text) == code
                assert notation.format_move(game.states, 0, game.board, code) == text


def test_recovery_round_trip():
    """All recovery texts, both options of a line among them, read back as their codes."""
    line = position(
        "square19:2",
        "movement",
        1,
        markers={**row(2, 7, 3, 1), "9,4": 1, "5,9": 2},
        stacks={"15,15": [2, 1], "16,16": [2, 2, 1]},
        hand=[0, 69],
    )
    strike = position(
        "hex8:3",
        "movement",
        1,
        markers={"0,0": 1, "0,-4": 1},
        stacks={"1,0": [2, 1], "-3,0": [3, 2]},
        hand=[0, 16, 10],
    )
    kinds = set()
    for game in (line, strike):
        codes = game.legal_codes().tolist()
        for code, text in zip(codes, texts(game, codes), strict=True):
            kinds.add(text[:2])
            assert notation.parse_move(game.states, 0, game.board, text) == code
    assert kinds == {"RL", "RF", "RS", "SR"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("XX 0,0", "unknown word 'XX'"),
        ("PL 0,0", "PL takes 2 fields"),
        ("PL 0,0 4", "1 to 3 rings"),
        ("PL 9,9 1", "no position of square8"),
        ("MV 0,0 1,2", "not on one line"),
        ("MV 0,0 0,5", "is not legal for seat 1 in ring_placement"),
        ("PL 0,0  1", "takes 2 fields"),
        ("LN 0,0;2,2", "not consecutive"),
        ("TO 0,0", "no region"),
        ("ER stack 0,0", "is no move"),
        ("RF 0,0 2,2 1,1", "one step"),
        ("SP", "is not legal"),
        ("NT", "is not legal"),
        ("", "unknown word"),
    ],
)
def test_refused(text, message):
    """A text that is no legal move is refused in one line that says why."""
    game = Game.new(Config("square8", 2))
    before = game.hash()
    with pytest.raises(BadInput) as caught:
        game.apply(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert game.hash() == before


def test_the_wrong_target_of_a_capture_is_refused():
    """A capture text must name the stack that is really passed, and a move must pass none."""
    game = position("square8:2", "movement", 1, stacks={"0,0": [1], "3,0": [2], "7,7": [1]})
    assert "CA 0,0 3,0 5,0" in game.legal()
    for text in ("CA 0,0 2,0 5,0", "MV 0,0 5,0", "CC 0,0 3,0 5,0"):
        with pytest.raises(BadInput, match="is not legal"):
            game.apply(text)


def test_pass_texts_follow_the_phase():
    """The one pass action is written as what it is in its phase."""
    game = Game.new(Config("square8", 2), GameOptions(pie=False))
    seen = []
    for move in ("PL 3,3 1", "MV 3,3 3,4", "NL", "NT"):
        seen += [text for text in game.legal() if len(text) == 2]
        game.apply(move)
    assert seen == ["NL", "NT"]
    assert (game.player, game.phase) == (2, "ring_placement")
