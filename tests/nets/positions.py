"""Positions from random games: what the network's parts are tested on."""

from functools import cache

import numpy as np

from ringrift.rules.boards import board, tables
from ringrift.rules.game import opening
from ringrift.rules.kernels import constants as k
from ringrift.rules.kernels.apply import apply_move
from ringrift.rules.kernels.moves import legal_actions
from ringrift.rules.kernels.play import playout, replay
from ringrift.rules.legal import Legal


@cache
def random_game(config, seed):
    """One uniformly random game: (states uint16[n, 6, N] before each move, end uint16[6, N])."""
    t = tables(config.board)
    states = opening(config)
    log = np.zeros(100_000, np.int32)
    length, _ = playout(states.copy(), 0, t, np.uint64(seed), log)
    out = np.zeros((length, *states.shape[1:]), np.uint16)
    replay(states, 0, t, log[:length], out)
    return out, states[0]


def actions_of(config, states, g):
    """All legal actions of state g, sorted."""
    out = np.empty(k.MAX_MOVES, np.int32)
    return np.sort(out[: legal_actions(states, g, tables(config.board), out)])


def whole_space(config, count):
    """All actions of the space for so many positions, as if all were legal: what a network says of any of them."""
    actions = board(config.board).num_actions(config.players)
    start = np.arange(count + 1, dtype=np.int32) * actions
    return Legal(start, np.tile(np.arange(actions, dtype=np.int32), count))


def whole(evaluator, states):
    """What an evaluator says of all actions, float32[B, A], and its values, float32[B, P]; copies."""
    logits, values = evaluator.evaluate(states, whole_space(evaluator.config, len(states)))
    return logits.reshape(len(states), -1).copy(), values.copy()


def random_positions(config, games, seed, most=400):
    """Positions with at least one decision, half-played recovery slides among them."""
    found = []
    for i in range(games):
        for state in random_game(config, seed + i)[0]:
            legal = actions_of(config, state[None], 0)
            if len(legal) < 2:
                continue
            found.append(state)
            slides = [a for a in legal if is_paid_slide(config, state, a)]
            if slides:
                half = state[None].copy()
                apply_move(half, 0, tables(config.board), slides[0])
                found.append(half[0])
    random = np.random.default_rng(seed)
    order = random.permutation(len(found))[:most]
    return np.ascontiguousarray(np.stack([found[i] for i in order]))


def ray_slot(config, action):
    """Distance slot (1..M) of a ray action, or 0 for any other action."""
    t = tables(config.board)
    ray = action // t.n - k.PLANE_RAY
    return ray % t.max_ray + 1 if 0 <= ray < t.D * t.max_ray else 0


def starts_at_marker(config, state, action):
    """Whether an action begins where a marker stands: a recovery slide."""
    word = int(state[k.F_CELL, action % tables(config.board).n])
    return (word >> k.KIND_SHIFT) & k.KIND_MASK == k.MARKER


def is_paid_slide(config, state, action):
    """Whether a legal action is a recovery slide that costs an extraction."""
    return ray_slot(config, action) == 1 and starts_at_marker(config, state, action)


def is_free_slide(config, state, action):
    """Whether a legal action is a recovery slide that collapses a chosen stretch."""
    return ray_slot(config, action) > 1 and starts_at_marker(config, state, action)
