"""Random positions for the tests of the rules."""

import random

from ringrift.rules import notation
from ringrift.rules.boards import tables
from ringrift.rules.game import Game, GameOptions
from ringrift.rules.kernels.apply import apply_move

#: Whole games of the large boards are long: tests on them look at fewer.
SMALL = ("square8", "hex8")


def random_game(config, seed, options=None):
    """Yield a game before each of its moves, with its legal codes and the one played, to the end.

    Kinds of moves are picked before moves, so that rare ones are common. The same `Game` is
    yielded each time; the last time with no codes and None, after the end.
    """
    rng = random.Random(f"{config}:{seed}")
    game = Game.new(config, options or GameOptions())
    t = tables(config.board)
    n = game.board.n
    while game.result is None:
        codes = game.legal_codes().tolist()
        kinds = {}
        for code in codes:
            plane = (code & 0x1FFFF) // n
            kinds.setdefault(
                min(plane, 3) if plane < 3 + game.board.D * game.board.M else plane, []
            ).append(code)
        code = rng.choice(kinds[rng.choice(sorted(kinds))])
        yield game, codes, code
        apply_move(game.states, 0, t, code)
    yield game, [], None


def texts(game, codes):
    """Texts of codes, in their order."""
    return notation.format_moves(game.states, 0, game.board, codes)
