"""Recorded games to feed the data room: uniform random play with the targets of a uniform search."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ringrift.configs import Config
from ringrift.rules.boards import board, tables
from ringrift.rules.canonical import state_plus
from ringrift.rules.game import GameOptions, opening
from ringrift.rules.kernels import constants as k
from ringrift.rules.kernels.apply import apply_move
from ringrift.rules.kernels.moves import legal_actions
from ringrift.rules.notation import format_move
from ringrift.rules.outcome import outcome
from ringrift.rules.records import Decision, GameRecord, Result, SeatAgent, write_records


def random_record(
    config: Config, seed: int, *, full_share: float = 0.5, rings: int | None = None
) -> GameRecord:
    """One random game; a share of its decisions carries a uniform policy target.

    Few `rings` make a short game.
    """
    rng = np.random.default_rng(seed)
    b, t = board(config.board), tables(config.board)
    states = opening(config, GameOptions(rings=rings))
    options = state_plus(states, 0, b)["options"]
    out = np.empty(k.MAX_MOVES, np.int32)
    moves: list[str] = []
    decisions: list[Decision] = []
    while (result := outcome(states[0])) is None:
        legal = out[: legal_actions(states, 0, t, out)]
        action = int(rng.choice(legal))
        if len(legal) > 1:
            full = bool(rng.random() < full_share)
            decisions.append(
                Decision(
                    i=len(moves),
                    a=tuple(int(a) for a in legal) if full else (),
                    p=(1.0 / len(legal),) * len(legal) if full else (),
                    v=(1.0 / config.players,) * config.players,
                    n=64 if full else 16,
                    full=full,
                )
            )
        text = format_move(states, 0, b, action)
        apply_move(states, 0, t, action)
        if states[0, k.F_SCALAR, k.S_SLIDE] == 0:
            moves.append(text)
    return GameRecord(
        config=config,
        options=options,
        seats=(SeatAgent("random"),) * config.players,
        seed=seed,
        moves=tuple(moves),
        decisions=tuple(decisions),
        result=Result(result.winner, result.victory, result.ranks, result.turns, result.plies),
    )


@pytest.fixture(scope="session")
def hex_games() -> list[GameRecord]:
    """Forty games of hex8 with two players."""
    return [random_record(Config("hex8", 2), seed) for seed in range(40)]


@pytest.fixture
def make_shard(tmp_path: Path) -> Callable[[list[GameRecord]], Path]:
    """Writes games as a file of records."""

    def make(games: list[GameRecord]) -> Path:
        path = write_records(tmp_path / "made", games, {"made": "by a test"}).path
        assert path is not None
        return path

    return make


@pytest.fixture
def record_of() -> Callable[[Config, int], GameRecord]:
    """Plays one random game of a config."""
    return random_record
