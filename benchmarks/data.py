"""Records read, replayed and exported, games per second on one core."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.machine import Timing, repeat
from ringrift.configs import Config
from ringrift.data.export import export_dataset
from ringrift.data.replay import replay_record
from ringrift.rules.boards import board, tables
from ringrift.rules.canonical import state_plus
from ringrift.rules.game import opening
from ringrift.rules.kernels import constants as k
from ringrift.rules.kernels.apply import apply_move
from ringrift.rules.kernels.moves import legal_moves
from ringrift.rules.notation import format_move
from ringrift.rules.outcome import outcome
from ringrift.rules.records import (
    Decision,
    GameRecord,
    RecordReader,
    Result,
    SeatAgent,
    write_records,
)

CONFIG = Config("hex8", 2)
GAMES = 200


def game(seed: int) -> GameRecord:
    """A random game with a policy target of up to 16 moves at every fourth choice."""
    rng = np.random.default_rng(seed)
    b, t, states = board(CONFIG.board), tables(CONFIG.board), opening(CONFIG)
    out = np.empty(k.MAX_MOVES, np.int32)
    moves: list[str] = []
    decisions: list[Decision] = []
    options = state_plus(states, 0, b)["options"]
    while (end := outcome(states[0])) is None:
        legal = out[: legal_moves(states, 0, t, out)]
        code = int(rng.choice(legal))
        if len(legal) > 1 and rng.random() < 0.25:
            actions = tuple(dict.fromkeys(int(c) & k.ACTION_MASK for c in legal[:16]))
            share = (1 / len(actions),) * len(actions)
            decisions.append(Decision(len(moves), actions, share, (0.5, 0.5), 64, full=True))
        moves.append(format_move(states, 0, b, code))
        apply_move(states, 0, t, code)
    result = Result(end.winner, end.victory, end.ranks, end.turns, end.plies)
    return GameRecord(
        config=CONFIG,
        options=options,
        seats=(SeatAgent("random"),) * 2,
        seed=seed,
        moves=tuple(moves),
        result=result,
        decisions=tuple(decisions),
    )


def prepare() -> None:
    """Compile."""
    replay_record(game(0))


def timings(quick: bool) -> dict[str, Timing]:
    """Games per second of each step."""
    games = [game(seed) for seed in range(GAMES)]
    repeats = 3 if quick else 5
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = write_records(folder, games).path
        assert path is not None
        return {
            "games read": repeat(lambda: list(RecordReader(path)), items=GAMES, repeats=repeats),
            "games replayed": repeat(
                lambda: [replay_record(g) for g in games], items=GAMES, repeats=repeats
            ),
            "games exported": repeat(
                lambda: export_dataset([path], CONFIG, folder, 0.05, 1),
                items=GAMES,
                repeats=repeats,
            ),
        }
