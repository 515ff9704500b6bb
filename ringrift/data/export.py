"""Game records to a training dataset: every recorded decision becomes a row.

    for each shard:  verify its hash, read its games
    for each game:   play it again, compare its end, cut out its decisions; one that is not what it
                     says is told and left out
    at the end:      stack the rows, write the file (`ringrift.data.npz` is the format)

The same shards, games left out, fraction and seed give the same bytes, in whatever order the shards
are named.

Legend: n rows, P players, N cells, F = 6 rows of a state.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ringrift.configs import Config
from ringrift.data.npz import write_npz
from ringrift.data.replay import Replay, check_end, replay_record
from ringrift.errors import BadInput
from ringrift.rules.boards import tables
from ringrift.rules.kernels import constants as k
from ringrift.rules.kernels.apply import apply_move
from ringrift.rules.records import Decision, GameRecord, RecordReader


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """A dataset that was written."""

    #: The file.
    path: Path
    #: sha256 of its bytes, which is its name.
    sha256: str
    #: Rows: recorded decisions.
    rows: int
    #: Rows with a policy target.
    policy_rows: int
    #: Games.
    games: int
    #: Games kept out of training.
    heldout_games: int
    #: Rows of those games.
    heldout_rows: int


@dataclass(slots=True)
class _Columns:
    """Rows so far: one list of per-game arrays for each column."""

    states: list[NDArray[np.uint16]] = field(default_factory=list)  # [r, F, N]
    value: list[NDArray[np.float32]] = field(default_factory=list)  # [r, P]
    root_value: list[NDArray[np.float32]] = field(default_factory=list)  # [r, P]
    final_territory: list[NDArray[np.uint8]] = field(default_factory=list)  # [r, N]
    final_elim: list[NDArray[np.uint16]] = field(default_factory=list)  # [r, P]
    policy_size: list[int] = field(default_factory=list)  # entries of each row
    policy_action: list[NDArray[np.int32]] = field(default_factory=list)  # [entries]
    policy_prob: list[NDArray[np.float32]] = field(default_factory=list)  # [entries]
    full: list[bool] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)  # rows of each game
    ids: list[str] = field(default_factory=list)  # id of each game
    families: list[str] = field(default_factory=list)  # id of the game whose first moves it has


def export_dataset(
    shards: Sequence[Path],
    config: Config,
    out_dir: Path,
    heldout_fraction: float,
    seed: int,
    progress: Callable[[int], None] | None = None,
    *,
    without: Collection[str] = (),
    bad: Callable[[Path, GameRecord, BadInput], None] | None = None,
) -> DatasetInfo:
    """Write the dataset of some shards into `out_dir`; BadInput for a bad or foreign shard.

    `heldout_fraction` of the games, chosen by a hash of their id and `seed`, is marked as held
    out; at least one game as soon as there are two. A game that goes on from a stored one is held
    out with it. Rows that were not searched have NaN for the root's value. A game that occurs in several shards counts
    once, and one whose id is in `without` not at all. `bad` is told of a game whose moves do not
    lead to what it says, with its shard and the reason, and the game is left out; without `bad` that
    is a BadInput too. `progress` is told the number of games done.
    """
    if not 0.0 <= heldout_fraction < 1.0:
        raise BadInput(f"heldout_fraction must be in [0, 1), not {heldout_fraction}")
    columns = _Columns()
    names = sorted({path.name: path for path in shards}.items())
    for path, game in _games([path for _, path in names], config, without):
        try:
            _add_game(columns, game)
        except BadInput as error:
            if bad is None:
                raise
            bad(path, game, error)
            continue
        if progress is not None:
            progress(len(columns.ids))
    if not sum(columns.rows):
        raise BadInput(f"{len(names)} shards of {config} hold no recorded decision to learn from")
    held = heldout_games(columns.families, heldout_fraction, seed)
    arrays = _stack(columns, held)
    meta = {
        "config": str(config),
        "shards": [name for name, _ in names],
        "heldout_fraction": heldout_fraction,
        "seed": seed,
        "games": len(columns.ids),
        "rows": int(arrays["full"].size),
    }
    path = write_npz(out_dir, arrays, meta)
    return DatasetInfo(
        path=path,
        sha256=path.stem,
        rows=int(arrays["full"].size),
        policy_rows=int(arrays["full"].sum()),
        games=len(columns.ids),
        heldout_games=int(held.sum()),
        heldout_rows=int(arrays["heldout"].sum()),
    )


def _games(
    paths: Sequence[Path], config: Config, without: Collection[str]
) -> Iterator[tuple[Path, GameRecord]]:
    """Each game of the shards once, with its shard, but those that are to be left out."""
    seen = set(without)
    for path in paths:
        for game in RecordReader(path):
            if game.config != config:
                raise BadInput(f"{path}: game {game.id[:12]} is {game.config}, expected {config}")
            if game.id not in seen:
                seen.add(game.id)
                yield path, game


def heldout_games(ids: Sequence[str], fraction: float, seed: int) -> NDArray[np.bool_]:
    """Which games are held out, bool[games]: a game keeps its place whatever else is exported, and equal ids share it."""
    draws = np.array(
        [
            int.from_bytes(hashlib.sha256(f"heldout {seed} {game}".encode()).digest()[:7], "little")
            for game in ids
        ],
        dtype=np.float64,
    )
    held: NDArray[np.bool_] = draws < fraction * 2.0**56
    if fraction > 0.0 and len(ids) > 1:
        # Never none and never all, even if all go on from one game: the trainer compares the two.
        held[draws == draws.min()] = True
        held[draws == draws.max()] = False
        held[0] |= not held.any()
    return held


def _add_game(columns: _Columns, game: GameRecord) -> None:
    """Append the rows of one game; where it is not what it says, BadInput and nothing is appended."""
    played = replay_record(game)
    check_end(game, played)
    decisions = game.decisions
    P = game.config.players
    r = len(decisions)
    states = _positions(game, played)
    actions: list[int] = []
    shares: list[float] = []
    for decision in decisions:
        target = decision.full and bool(decision.a)
        columns.full.append(target)
        columns.policy_size.append(len(decision.a) if target else 0)
        if target:
            total = sum(decision.p)
            actions += decision.a
            shares += [p / total for p in decision.p]
    columns.policy_action.append(np.array(actions, np.int32))
    columns.policy_prob.append(np.array(shares, np.float32))
    final = played.final
    columns.states.append(states)
    columns.value.append(_values(states, final, P))
    root_value = np.array([decision.v for decision in decisions], np.float32).reshape(r, P)
    # What nobody searched says no more than the network did: the result alone is to be learned from.
    root_value[[decision.n == 0 for decision in decisions]] = np.nan
    columns.root_value.append(root_value)
    columns.final_territory.append(np.repeat(_territory(final)[None], r, axis=0))
    credit = final[k.F_SCALAR, k.S_ELIM : k.S_ELIM + P]
    columns.final_elim.append(np.repeat(credit[None], r, axis=0))
    columns.rows.append(r)
    columns.ids.append(game.id)
    columns.families.append(game.id if game.origin is None else game.origin.game)


def _positions(game: GameRecord, played: Replay) -> NDArray[np.uint16]:
    """States [r, F, N] in which the decisions were made."""
    states = np.empty((len(game.decisions), *played.final.shape), np.uint16)
    before = -1
    for row, decision in enumerate(game.decisions):
        half = decision.i == before or _pays_for_slide(game.config, played, decision)
        before = decision.i
        states[row] = _position(game.config, played, decision, half=half)
    return states


def _pays_for_slide(config: Config, played: Replay, decision: Decision) -> bool:
    """Whether the decision chose the stack of a recovery slide that was settled before.

    A paid slide is one move of the record and may be two decisions of the search. The second one
    has the same move index as the first, where that was a choice at all, and its actions are
    eliminations, which the movement phase knows in no other place.
    """
    if not decision.a or played.states[decision.i, k.F_SCALAR, k.S_PHASE] != k.MOVEMENT:
        return False
    t = tables(config.board)
    elimination = k.PLANE_RAY + t.D * t.max_ray + 2 * t.A
    return decision.a[0] // t.n == elimination


def _position(
    config: Config, played: Replay, decision: Decision, *, half: bool
) -> NDArray[np.uint16]:
    """State [F, N] in which the decision was made."""
    state = played.states[decision.i]
    if not half:
        return state
    slid: NDArray[np.uint16] = state[None].copy()
    action = int(played.codes[decision.i]) & k.ACTION_MASK
    apply_move(slid, 0, tables(config.board), action)
    if slid[0, k.F_SCALAR, k.S_SLIDE] == 0:
        raise BadInput(f"move {decision.i + 1} has two decisions and is no paid recovery slide")
    return slid[0]


def _values(
    states: NDArray[np.uint16],  # [r, F, N]
    final: NDArray[np.uint16],  # [F, N]
    P: int,
) -> NDArray[np.float32]:
    """One-hot winner [r, P], for the agents as they sit in each row (rules §12)."""
    winner = int(final[k.F_SCALAR, k.S_WINNER])
    value = np.zeros((len(states), P), np.float32)
    value[:, winner - 1] = 1.0
    if final[k.F_SCALAR, k.S_SWAPPED]:
        before = states[:, k.F_SCALAR, k.S_SWAPPED] == 0
        value[before, :2] = value[before, 1::-1]
    return value


def _territory(final: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Owner of each collapsed cell [N], 0 for none."""
    words = final[k.F_CELL]
    collapsed = (words >> k.KIND_SHIFT) & k.KIND_MASK == k.COLLAPSED
    return np.where(collapsed, words & k.OWNER_MASK, 0).astype(np.uint8)


def _stack(columns: _Columns, held: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    """The arrays of the file; the per-game states are let go as they are copied."""
    rows = np.array(columns.rows)
    n = int(rows.sum())
    N = columns.states[0].shape[-1]
    states = np.empty((n, k.NUM_FIELDS, N), np.uint16)
    at = n
    while columns.states:
        part = columns.states.pop()
        states[at - len(part) : at] = part
        at -= len(part)
    game = np.repeat(np.arange(len(rows), dtype=np.int32), rows)
    index = np.zeros(n + 1, np.int64)
    np.cumsum(columns.policy_size, out=index[1:])
    return {
        "states": states,
        "policy_index": index,
        "policy_action": np.concatenate(columns.policy_action),
        "policy_prob": np.concatenate(columns.policy_prob),
        "value": np.concatenate(columns.value),
        "root_value": np.concatenate(columns.root_value),
        "final_territory": np.concatenate(columns.final_territory),
        "final_elim": np.concatenate(columns.final_elim),
        "game": game,
        "heldout": held[game],
        "full": np.array(columns.full, np.bool_),
        "weight": np.ones(n, np.float32),
    }
