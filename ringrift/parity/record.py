"""Playing a game with this engine and writing it down as a trace (docs/traces.md).

Moves are picked at random: ``uniform`` over the legal list, or ``bytype``, first a kind of move
and then one of that kind, which makes rare kinds common.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ringrift.errors import BadInput, shown
from ringrift.parity.trace import VERSION, const_of
from ringrift.rules import notation
from ringrift.rules.boards import tables
from ringrift.rules.canonical import canonical_sha
from ringrift.rules.game import Game, GameOptions
from ringrift.rules.kernels import constants as k
from ringrift.rules.kernels.apply import apply_move

Picker = Callable[[random.Random, Sequence[str]], str]


def pick_uniform(rng: random.Random, legal: Sequence[str]) -> str:
    """Any legal move."""
    return rng.choice(legal)


def pick_by_type(rng: random.Random, legal: Sequence[str]) -> str:
    """A kind of move first (a pass half as often), then one of that kind."""
    kinds = sorted({text[:2] for text in legal})
    weights = [1 if kind in k.PASS_NAMES else 2 for kind in kinds]
    (kind,) = rng.choices(kinds, weights)
    return rng.choice([text for text in legal if text.startswith(kind)])


PICKERS: dict[str, Picker] = {"uniform": pick_uniform, "bytype": pick_by_type}


def play(game: Game, policy: str, seed: int) -> Iterator[tuple[list[str], str]]:
    """Play `game` to its end in place; yield the sorted legal list and the move, before it is made."""
    rng = random.Random(f"{policy}:{seed}")
    pick = PICKERS[policy]
    t = tables(game.config.board)
    while game.result is None:
        codes = game.legal_codes().tolist()
        texts = notation.format_moves(game.states, 0, game.board, codes)
        legal = sorted(texts)
        move = pick(rng, legal)
        yield legal, move
        apply_move(game.states, 0, t, codes[texts.index(move)])


def follow(game: Game, moves: Iterable[str]) -> Iterator[tuple[list[str], str]]:
    """Play given moves in place; yield the sorted legal list and the move, before it is made.

    BadInput where a move is not legal.
    """
    t = tables(game.config.board)
    for move in moves:
        codes = game.legal_codes().tolist()
        texts = notation.format_moves(game.states, 0, game.board, codes)
        if move not in texts:
            raise BadInput(f"{shown(move)} is not legal for seat {game.player} in {game.phase}")
        yield sorted(texts), move
        apply_move(game.states, 0, t, codes[texts.index(move)])


def record(
    game: Game,
    options: GameOptions,
    name: str,
    policy: str,
    seed: int,
    *,
    crafted: bool,
    note: str,
) -> Iterator[dict[str, Any]]:
    """Play `game` to its end and yield the lines of its trace; see `write_down`."""
    steps = play(game, policy, seed)
    return write_down(game, options, name, policy, seed, steps, crafted=crafted, note=note)


def write_down(
    game: Game,
    options: GameOptions,
    name: str,
    policy: Any,
    seed: int,
    steps: Iterable[tuple[list[str], str]],
    *,
    crafted: bool,
    note: str,
    plus: bool = False,
) -> Iterator[dict[str, Any]]:
    """Yield the lines of a trace of `game` while `steps` (`play`, `follow`) move it.

    `options` are those the game was made with; `note` goes into the header as ``recorded``. With
    `plus` the start is written as a state+. The large boards get hashes in place of most lists and
    states (docs/traces.md §3).
    """
    yield {
        "t": "h",
        "v": VERSION,
        "id": name,
        "board": game.config.board,
        "players": game.config.players,
        "pie": bool(game.states[0, k.F_SCALAR, k.S_PIE]),
        "policy": policy,
        "seed": seed,
        "recorded": note,
        "crafted": crafted,
        "const": const_of(game.config, options),
        "state": game.state_plus() if plus else game.canonical(),
    }
    large = game.board.n > 100
    line: dict[str, Any] | None = None
    number = 0
    for legal, move in steps:
        if line is not None:
            yield _with_state(line, game, full=not large or number % 10 == 0)
        number += 1
        line = {"t": "p", "i": number, "pl": game.player, "ph": game.phase, "n": len(legal)}
        if not large or number % 10 == 0 or game.phase not in ("ring_placement", "movement"):
            line["legal"] = legal
        else:
            line["lh"] = hashlib.sha256("\n".join(legal).encode()).hexdigest()
        line["mv"] = move
    if line is not None:
        yield _with_state(line, game, full=True)
    result = game.result
    yield {
        "t": "e",
        "id": name,
        "plies": number,
        "turns": int(game.states[0, k.F_SCALAR, k.S_TURNS]),
        "over": result is not None,
        "winner": result.winner if result else 0,
        "victory": result.victory if result else None,
        "ranks": list(result.ranks) if result else [],
    }


def _with_state(line: dict[str, Any], game: Game, *, full: bool) -> dict[str, Any]:
    """The move line with the state after its move."""
    state = game.canonical()
    tracker = game.states[0, k.F_SCALAR, [k.S_LPS_SEAT, k.S_LPS_COUNT]].tolist()
    after = {"st": state} if full else {"sh": canonical_sha(state)}
    return {**line, **after, "lps": tracker}
