"""Datasets made of random games, with a policy target that can be learned from the position."""

import numpy as np

from ringrift.data.npz import write_npz
from ringrift.rules.boards import tables
from ringrift.rules.kernels import constants as k
from tests.nets.positions import actions_of, random_game


def preferred(config, actions):
    """Target shares float32[n]: the longest rays and the largest placements, the same under every symmetry."""
    t = tables(config.board)
    plane = actions // t.n
    ray = plane - k.PLANE_RAY
    far = np.where((ray >= 0) & (ray < t.D * t.max_ray), ray % t.max_ray, plane.clip(0, 2))
    shares = np.exp(far.astype(np.float64))
    return (shares / shares.sum()).astype(np.float32)


def synthetic_arrays(config, games, seed=1, heldout_games=2, full_share=0.5):
    """Arrays of a dataset as ringrift.data.npz describes them."""
    players, random = config.players, np.random.default_rng(seed)
    rows = {name: [] for name in ("states", "value", "root", "territory", "elim", "game", "full")}
    index, action, prob = [0], [], []
    for game in range(games):
        states, end = random_game(config, seed * 1000 + game)
        winner = int(end[k.F_SCALAR, k.S_WINNER])
        kinds, owners = (end[0] >> k.KIND_SHIFT) & k.KIND_MASK, end[0] & k.OWNER_MASK
        value = np.zeros(players, np.float32)
        value[winner - 1] = 1.0
        for state in states:
            legal = actions_of(config, state[None], 0)
            if len(legal) < 2:
                continue
            full = random.random() < full_share
            if full:
                action.append(legal)
                prob.append(preferred(config, legal))
            index.append(index[-1] + (len(legal) if full else 0))
            rows["states"].append(state)
            rows["value"].append(value)
            rows["root"].append(np.full(players, 1 / players, np.float32))
            rows["territory"].append(np.where(kinds == k.COLLAPSED, owners, 0).astype(np.uint8))
            rows["elim"].append(end[k.F_SCALAR, k.S_ELIM : k.S_ELIM + players])
            rows["game"].append(game)
            rows["full"].append(full)
    game = np.array(rows["game"], np.int32)
    return {
        "states": np.ascontiguousarray(np.stack(rows["states"])),
        "policy_index": np.array(index, np.int64),
        "policy_action": np.concatenate(action).astype(np.int32),
        "policy_prob": np.concatenate(prob),
        "value": np.stack(rows["value"]),
        "root_value": np.stack(rows["root"]),
        "final_territory": np.stack(rows["territory"]),
        "final_elim": np.stack(rows["elim"]).astype(np.uint16),
        "game": game,
        "heldout": game >= games - heldout_games,
        "full": np.array(rows["full"], np.bool_),
        "weight": np.ones(len(game), np.float32),
    }


def synthetic_dataset(folder, config, games, **options):
    """Path of a dataset file."""
    arrays = synthetic_arrays(config, games, **options)
    return write_npz(folder, arrays, {"config": str(config)})
