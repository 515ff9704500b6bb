"""A recorded game played again is the same game."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from ringrift.configs import ALL_CONFIGS, Config
from ringrift.data.replay import check_end, check_legal, replay_record
from ringrift.errors import BadInput
from ringrift.rules.game import Game
from ringrift.rules.kernels import constants as k
from ringrift.rules.records import GameRecord


def same(one: NDArray[np.uint16], other: NDArray[np.uint16]) -> bool:
    """Whether two states [6, N] are equal, but for what somebody has found out by looking."""
    one, other = one.copy(), other.copy()
    one[k.F_SCALAR, k.S_KNOWN] = other[k.F_SCALAR, k.S_KNOWN] = 0
    return np.array_equal(one, other)


@pytest.mark.parametrize("config", [c for c in ALL_CONFIGS if c.board != "hexagonal"], ids=str)
def test_replay_is_the_game(config: Config, record_of: Callable[[Config, int], GameRecord]) -> None:
    """Each state of the fast replay is the one the façade reaches move by move."""
    record = record_of(config, 11)
    played = replay_record(record)
    game = Game.new(config)
    for i, move in enumerate(record.moves):
        assert same(played.states[i], game.states[0]), f"before move {i + 1} {move}"
        game.apply(move)
    assert same(played.final, game.states[0])
    assert played.outcome == game.result
    check_end(record, played)
    check_legal(record)


def test_all_move_kinds(hex_games: list[GameRecord]) -> None:
    """The games that these tests feed on hold the moves that are read against the position."""
    words = {move.split(" ")[0] for game in hex_games for move in game.moves}
    assert {"PL", "MV", "CA", "CC", "TO", "ER", "LN", "FE", "RF"} <= words
    for game in hex_games:
        check_legal(game)


def test_illegal_move(hex_games: list[GameRecord]) -> None:
    """A move that was not legal is named with its number."""
    game = hex_games[0]
    i = next(i for i, move in enumerate(game.moves) if move.startswith("MV"))
    moves = list(game.moves)
    moves[i] = "MV 0,4,-4 0,-4,4"
    with pytest.raises(BadInput, match=f"move {i + 1}: 'MV 0,4,-4 0,-4,4' is not legal"):
        check_legal(dataclasses.replace(game, moves=tuple(moves), id=""))


def test_no_move(hex_games: list[GameRecord]) -> None:
    """A text that is no move is named with its number."""
    game = dataclasses.replace(hex_games[0], moves=("XX 1", *hex_games[0].moves[1:]), id="")
    with pytest.raises(BadInput, match="move 1: .*unknown word 'XX'"):
        replay_record(game)


def test_wrong_end(hex_games: list[GameRecord]) -> None:
    """A record whose result is not that of its moves is refused."""
    game = hex_games[0]
    result = dataclasses.replace(game.result, winner=3 - game.result.winner)
    with pytest.raises(BadInput, match="the record says winner"):
        check_legal(dataclasses.replace(game, result=result))
    cut = dataclasses.replace(game, moves=game.moves[:-1], decisions=(), id="")
    with pytest.raises(BadInput, match="not over"):
        check_legal(cut)
