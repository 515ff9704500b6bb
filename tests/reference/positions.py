"""Positions set up by hand, as games of the reference."""

from ringrift.reference import ReferenceGame
from tests.rules.positions import position as validated
from tests.rules.positions import row

__all__ = ["eliminated", "kinds", "position", "row"]


def position(config, phase, player, **keys):
    """A game of the reference in a crafted position; see tests/rules/positions.py.

    Stacks are given TOP ring first, as in rules §19.2; states hold them bottom ring first.
    """
    plus = validated(config, phase, player, **{k: v for k, v in keys.items() if k != "plus"})
    state = plus.state_plus() | keys.get("plus", {})
    return ReferenceGame.from_state(plus.config, state)


def eliminated(game, seat=1):
    """Rings that a seat has caused to be eliminated."""
    return game.canonical()["elim"][seat - 1]


def kinds(game):
    """First words of the legal moves."""
    return {text.partition(" ")[0] for text in game.legal()}
