"""Positions set up by hand."""

from ringrift.configs import Config
from ringrift.rules.boards import board, constants
from ringrift.rules.game import Game, GameOptions


def position(
    config,
    phase,
    player,
    *,
    stacks=None,
    markers=None,
    collapsed=None,
    hand=None,
    options=None,
    **keys,
):
    """A game in a crafted position.

    stacks: position -> seats TOP ring first (the order of rules §19.2); markers, collapsed:
    position -> owner. Hands hold what is not on the board unless given (per seat); the rest counts
    as eliminated, spread over the seats.
    """
    config = Config.parse(config) if isinstance(config, str) else config
    b = board(config.board)
    options = options or GameOptions(pie=False)
    rings = constants(config, options).rings

    def full(text):
        x, y, *_ = map(int, text.split(","))
        return f"{x},{y},{-x - y}" if b.hexa else f"{x},{y}"

    turned = {full(at): "".join(map(str, reversed(seats))) for at, seats in (stacks or {}).items()}
    owned = "".join(turned.values())
    own = [owned.count(str(seat + 1)) for seat in range(config.players)]
    hands = list(hand) if hand is not None else [rings - n for n in own]
    gone = rings * config.players - sum(hands) - len(owned)
    taken = {full(at): owner for at, owner in (collapsed or {}).items()}
    state = {
        "acted": phase not in ("ring_placement", "movement", "game_over"),
        "chain": None,
        "collapsed": taken,
        "cur": player,
        "elim": [
            gone // config.players + (q < gone % config.players) for q in range(config.players)
        ],
        "hand": hands,
        "markers": {full(at): owner for at, owner in (markers or {}).items()},
        "must": None,
        "pend": "",
        "phase": phase,
        "recov": False,
        "stacks": turned,
        "swapped": False,
        "terr": [list(taken.values()).count(q + 1) for q in range(config.players)],
    }
    for key, value in keys.items():
        assert key in state
        state[key] = value
    return Game.from_canonical(config, state, options)


def row(first, last, y, owner):
    """Markers of one owner on (first..last, y)."""
    return {f"{x},{y}": owner for x in range(first, last + 1)}
