"""State array <-> canonical state (the traces' object, docs/traces.md) and state+ (our own).

The canonical state is what a recorded trace compares. It does not hold all that decides a game:
**state+** is the same object with these keys more, and is what a record stores:

============== ==================================================================================
key            value
============== ==================================================================================
``lps``        ``{"leader": seat, "seen": [seats], "real": [seats], "seat": seat, "count": n}``:
               the tracker of rules §15.2; seats asked in this round, and those of them that had
               a real action; leader and seat 0 for none
``turns``      turns begun
``plies``      moves applied, bookkeeping included
``swap_open``  true until the right to swap seats is gone (rules §12)
``last``       seat of the last recorded move, 0 before the first
``out``        per seat the turn in which it lost its last ring, 0 while it has one
``winner``     seat, 0 while the game goes on
``victory``    name of the ending, "" while the game goes on
``options``    ``{"pie": bool, "line_detect": n, "lps_rounds": n, "rings": n}``
============== ==================================================================================

A position set up from a bare canonical state starts with an empty tracker, no right to swap and
nobody eliminated earlier, in its first turn. Loading checks everything that can be checked in the
position itself and raises BadInput naming the key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ringrift.errors import BadInput, nearest, shown
from ringrift.rules.boards import Board, board, constants, tables
from ringrift.rules.kernels import constants as k
from ringrift.rules.kernels.moves import legal_moves
from ringrift.rules.kernels.state import recount

if TYPE_CHECKING:
    from ringrift.configs import Config

CANONICAL_KEYS = (
    "acted",
    "chain",
    "collapsed",
    "cur",
    "elim",
    "hand",
    "markers",
    "must",
    "pend",
    "phase",
    "recov",
    "stacks",
    "swapped",
    "terr",
)

PLUS_KEYS = ("last", "lps", "options", "out", "plies", "swap_open", "turns", "victory", "winner")

_CAPTURES = (k.CAPTURE, k.CHAIN_CAPTURE)


class Options(Protocol):
    """The rule options of a game; None means the default of its configuration."""

    @property
    def pie(self) -> bool | None:
        """Whether seat 2 may swap seats (rules §12)."""

    @property
    def line_detect(self) -> int | None:
        """Shortest run that is noticed as a line."""

    @property
    def lps_rounds(self) -> int:
        """Rounds of exclusive real actions that win (rules §15)."""

    @property
    def rings(self) -> int | None:
        """Rings per player."""


# -- state array to objects ------------------------------------------------------------------


@lru_cache(maxsize=1 << 16)
def _rings_text(height: int, r0: int, r1: int, r2: int, r3: int) -> str:
    """Seat digits of a stack, bottom ring first; 8 rings of 2 bits per word."""
    bits = r0 | r1 << 16 | r2 << 32 | r3 << 48
    return "".join("1234"[bits >> 2 * i & 3] for i in range(height))


def canonical(states: NDArray[np.uint16], g: int, b: Board) -> dict[str, Any]:
    """Canonical state of game g of `states` uint16[G, 6, N]."""
    return _canonical(states[g], b, states[g, k.F_SCALAR, : k.NUM_SCALARS].tolist())


def _canonical(state: NDArray[np.uint16], b: Board, scalars: list[int]) -> dict[str, Any]:
    words = state[k.F_CELL]
    used = np.flatnonzero(words)
    texts = b.texts
    collapsed: dict[str, int] = {}
    markers: dict[str, int] = {}
    stacks: dict[str, str] = {}
    rows = state[: k.F_RINGS + 4, used].T.tolist()
    for cell, (word, r0, r1, r2, r3) in zip(used.tolist(), rows, strict=True):
        kind = word >> 3 & 3
        if kind == k.STACK:
            stacks[texts[cell]] = _rings_text(word >> 5 & 31, r0, r1, r2, r3)
        elif kind == k.MARKER:
            markers[texts[cell]] = word & 7
        else:
            collapsed[texts[cell]] = word & 7
    players = scalars[k.S_PLAYERS]
    phase = scalars[k.S_PHASE]
    must = scalars[k.S_MUST] if phase == k.MOVEMENT else 0
    chain = scalars[k.S_FROM] if phase in _CAPTURES else 0
    over = phase == k.GAME_OVER
    recovered = bool(scalars[k.S_RECOVERED]) and not over
    if over:
        pend = ""
    elif scalars[k.S_DEBT]:
        pend = "line"
    elif scalars[k.S_PEND]:
        pend = "recovery" if recovered else "territory"
    else:
        pend = ""
    return {
        "acted": bool(scalars[k.S_ACTED]) and not over,
        "chain": texts[chain - 1] if chain else None,
        "collapsed": collapsed,
        "cur": 0 if over else scalars[k.S_PLAYER],
        "elim": scalars[k.S_ELIM : k.S_ELIM + players],
        "hand": scalars[k.S_HAND : k.S_HAND + players],
        "markers": markers,
        "must": texts[must - 1] if must else None,
        "pend": pend,
        "phase": k.PHASE_NAMES[phase],
        "recov": recovered,
        "stacks": stacks,
        "swapped": bool(scalars[k.S_SWAPPED]),
        "terr": scalars[k.S_TERR : k.S_TERR + players],
    }


def canonical_text(state: Mapping[str, Any]) -> str:
    """JSON without white space, all keys sorted by code point."""
    return json.dumps(state, separators=(",", ":"), sort_keys=True)


def canonical_sha(state: Mapping[str, Any]) -> str:
    """Lower-case hex SHA-256 of the canonical text."""
    return hashlib.sha256(canonical_text(state).encode()).hexdigest()


def _seats(mask: int) -> list[int]:
    return [seat for seat in (1, 2, 3, 4) if mask >> (seat - 1) & 1]


def state_plus(states: NDArray[np.uint16], g: int, b: Board) -> dict[str, Any]:
    """state+ of game g of `states` uint16[G, 6, N]: all that decides the rest of the game."""
    scalars: list[int] = states[g, k.F_SCALAR, : k.NUM_SCALARS].tolist()
    players = scalars[k.S_PLAYERS]
    return _canonical(states[g], b, scalars) | {
        "last": scalars[k.S_LAST],
        "lps": {
            "leader": scalars[k.S_LPS_LEADER],
            "seen": _seats(scalars[k.S_LPS_SEEN]),
            "real": _seats(scalars[k.S_LPS_REAL]),
            "seat": scalars[k.S_LPS_SEAT],
            "count": scalars[k.S_LPS_COUNT],
        },
        "options": {
            "pie": bool(scalars[k.S_PIE]),
            "line_detect": scalars[k.S_DETECT],
            "lps_rounds": scalars[k.S_LPS_ROUNDS],
            "rings": scalars[k.S_RINGS],
        },
        "out": scalars[k.S_OUT : k.S_OUT + players],
        "plies": scalars[k.S_PLIES],
        "swap_open": bool(scalars[k.S_SWAP_OPEN]),
        "turns": scalars[k.S_TURNS],
        "victory": k.VICTORY_NAMES[scalars[k.S_VICTORY]],
        "winner": scalars[k.S_WINNER],
    }


# -- objects to a state array ----------------------------------------------------------------


def _bad(key: str, message: str) -> BadInput:
    return BadInput(f"state key {key!r}: {message}")


def _near(value: Any, choices: Sequence[str]) -> str:
    return nearest(value if isinstance(value, str) else "", choices)


def _integer(value: Any, key: str, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise _bad(key, f"expected a whole number {low} to {high}, found {shown(value)}")
    return value


def _flag(value: Any, key: str) -> bool:
    if type(value) is not bool:
        raise _bad(key, f"expected true or false, found {shown(value)}")
    return value


def _numbers(value: Any, key: str, players: int) -> list[int]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != players:
        raise _bad(key, f"expected a list of {players} numbers, found {shown(value)}")
    return [_integer(item, key, 0, 65535) for item in value]


def _cell(value: Any, key: str, b: Board) -> int:
    if not isinstance(value, str):
        raise _bad(key, f"expected a position, found {shown(value)}")
    try:
        return b.cell_of(value)
    except BadInput as error:
        raise _bad(key, str(error)) from None


def _map(state: Mapping[str, Any], key: str, b: Board) -> dict[int, Any]:
    value = state[key]
    if not isinstance(value, Mapping):
        raise _bad(key, f"expected an object position -> value, found {shown(value)}")
    return {_cell(text, key, b): item for text, item in value.items()}


def _check_keys(found: Mapping[str, Any], wanted: Sequence[str], where: str) -> None:
    for key in found:
        if key not in wanted:
            raise BadInput(f"{where} has an unknown key {shown(key)}: {nearest(str(key), wanted)}")
    for key in wanted:
        if key not in found:
            raise BadInput(f"{where} lacks the key {key!r}")


def is_plus(state: Mapping[str, Any]) -> bool:
    """Whether an object is a state+ rather than a bare canonical state."""
    return any(key in state for key in PLUS_KEYS)


def load(
    config: Config, state: Mapping[str, Any], options: Options | None = None
) -> NDArray[np.uint16]:
    """State array uint16[1, 6, N] of a canonical state or a state+.

    `options` give the rule options of a bare canonical state (None: the defaults, without the
    pie rule, whose right a bare state cannot tell). A state+ brings its own; `options` are then
    ignored. Raises BadInput on anything that no game could hold.
    """
    if not isinstance(state, Mapping):
        raise BadInput(f"a state is an object, found {type(state).__name__}")
    plus = is_plus(state)
    _check_keys(state, CANONICAL_KEYS + PLUS_KEYS if plus else CANONICAL_KEYS, "the state")
    b = board(config.board)
    out = np.zeros((1, k.NUM_FIELDS, b.n), dtype=np.uint16)
    scalars = out[0, k.F_SCALAR]
    rings = _load_options(scalars, config, state, options, plus)
    counts = _load_cells(out[0], config.players, state, b)
    _load_players(scalars, config.players, state, counts, rings)
    _load_turn(out[0], config.players, state, b)
    if plus:
        _load_plus(scalars, config.players, state)
    elif state["phase"] == "game_over":
        raise _bad(
            "phase", "a bare canonical state after the end does not say who won; a state+ does"
        )
    else:
        scalars[k.S_TURNS] = 1
    recount(out, 0, tables(config.board))
    if state["phase"] != "game_over":
        # Only a capture to go on with can lack: every other phase has a move to leave it by.
        codes = np.empty(k.MAX_MOVES, np.int32)
        if legal_moves(out, 0, tables(config.board), codes) == 0:
            raise _bad("phase", f"is {state['phase']}, but no move is possible")
    return out


class _Given:
    """Options as a state+ states them."""

    def __init__(self, given: Any, players: int) -> None:
        if not isinstance(given, Mapping):
            raise _bad("options", f"expected an object, found {shown(given)}")
        _check_keys(given, ("pie", "line_detect", "lps_rounds", "rings"), "state key 'options'")
        self.pie: bool | None = _flag(given["pie"], "options.pie")
        self.line_detect: int | None = _integer(given["line_detect"], "options.line_detect", 1, 99)
        self.lps_rounds = _integer(given["lps_rounds"], "options.lps_rounds", 1, 999)
        self.rings: int | None = _integer(given["rings"], "options.rings", 1, 999)
        if self.pie and players != 2:
            raise _bad("options.pie", f"the pie rule is for 2 players, found {players}")


def _load_options(
    scalars: NDArray[np.uint16],
    config: Config,
    state: Mapping[str, Any],
    options: Options | None,
    plus: bool,
) -> int:
    """Write the options; return the rings per player."""
    chosen = _Given(state["options"], config.players) if plus else options
    limits = constants(config, chosen)
    scalars[k.S_PLAYERS] = config.players
    scalars[k.S_RINGS] = limits.rings
    scalars[k.S_LINE] = limits.line
    scalars[k.S_DETECT] = limits.detect
    scalars[k.S_VT] = limits.victory
    scalars[k.S_TM] = limits.territory
    scalars[k.S_LPS_ROUNDS] = 3 if chosen is None else chosen.lps_rounds
    scalars[k.S_PIE] = int(chosen is not None and bool(chosen.pie) and config.players == 2)
    return limits.rings


def pack_stack(rings: Sequence[int]) -> tuple[int, list[int]]:
    """Cell word and the four ring words of a stack given as seats, bottom ring first."""
    top = rings[-1]
    cap = next((i for i, seat in enumerate(reversed(rings)) if seat != top), len(rings))
    words = [0, 0, 0, 0]
    for i, seat in enumerate(rings):
        words[i // 8] |= seat - 1 << 2 * (i % 8)
    return top | k.STACK << 3 | len(rings) << 5 | cap << 10, words


def _load_cells(
    out: NDArray[np.uint16], players: int, state: Mapping[str, Any], b: Board
) -> tuple[list[int], list[int]]:
    """Write the cells; return rings on the board per colour and collapsed cells per owner."""
    taken: dict[int, str] = {}
    on_board = [0] * players
    collapsed = [0] * players
    for key, kind in (("markers", k.MARKER), ("collapsed", k.COLLAPSED)):
        for cell, owner in _map(state, key, b).items():
            _integer(owner, f"{key}.{b.texts[cell]}", 1, players)
            if cell in taken:
                raise _bad(key, f"{b.texts[cell]} is already among the {taken[cell]}")
            taken[cell] = key
            out[k.F_CELL, cell] = owner | kind << 3
            if kind == k.COLLAPSED:
                collapsed[owner - 1] += 1
    digits = "1234"[:players]
    for cell, text in _map(state, "stacks", b).items():
        where = f"stacks.{b.texts[cell]}"
        if cell in taken:
            raise _bad(where, f"is already among the {taken[cell]}")
        if not isinstance(text, str) or not text or not set(text) <= set(digits):
            raise _bad(
                where, f"expected seat digits {digits[0]} to {digits[-1]}, found {shown(text)}"
            )
        if len(text) > b.M + 1:
            raise _bad(where, f"{len(text)} rings, but no stack is higher than {b.M + 1} here")
        word, rings = pack_stack([int(digit) for digit in text])
        out[k.F_CELL, cell] = word
        out[k.F_RINGS : k.F_RINGS + 4, cell] = rings
        for digit in text:
            on_board[int(digit) - 1] += 1
    return on_board, collapsed


def _load_players(
    scalars: NDArray[np.uint16],
    players: int,
    state: Mapping[str, Any],
    counts: tuple[list[int], list[int]],
    rings: int,
) -> None:
    on_board, collapsed = counts
    hand = _numbers(state["hand"], "hand", players)
    elim = _numbers(state["elim"], "elim", players)
    terr = _numbers(state["terr"], "terr", players)
    if terr != collapsed:
        raise _bad("terr", f"says {terr}, but the board holds {collapsed} collapsed cells")
    for seat in range(players):
        if on_board[seat] + hand[seat] > rings:
            raise _bad(
                "hand",
                f"seat {seat + 1} has {on_board[seat]} rings on the board and {hand[seat]} in "
                f"hand, more than {rings}",
            )
    total = sum(on_board) + sum(hand) + sum(elim)
    if total != rings * players:
        raise _bad(
            "elim",
            f"{sum(on_board)} rings on the board, {sum(hand)} in hand and {sum(elim)} eliminated "
            f"are {total}, expected {rings * players}",
        )
    scalars[k.S_HAND : k.S_HAND + players] = hand
    scalars[k.S_ELIM : k.S_ELIM + players] = elim
    scalars[k.S_TERR : k.S_TERR + players] = terr


def _own_stack(
    out: NDArray[np.uint16], state: Mapping[str, Any], key: str, b: Board, player: int
) -> int:
    """Cell + 1 of the stack that key names, which the seat to move must control."""
    cell = _cell(state[key], key, b)
    word = int(out[k.F_CELL, cell])
    if word >> 3 & 3 != k.STACK or word & 7 != player:
        raise _bad(key, f"seat {player} controls no stack at {b.texts[cell]}")
    return cell + 1


def _load_turn(out: NDArray[np.uint16], players: int, state: Mapping[str, Any], b: Board) -> None:
    scalars = out[k.F_SCALAR]
    name = state["phase"]
    if type(name) is not str or name not in k.PHASE_NAMES:
        raise _bad("phase", f"unknown phase {shown(name)}, {_near(name, k.PHASE_NAMES)}")
    phase = k.PHASE_NAMES.index(name)
    player = _integer(state["cur"], "cur", 0, players)
    if (player == 0) != (phase == k.GAME_OVER):
        raise _bad("cur", f"is {player} in phase {name}: 0 belongs to game_over and only there")
    pend = state["pend"]
    acted, recovered = _flag(state["acted"], "acted"), _flag(state["recov"], "recov")
    swapped = _flag(state["swapped"], "swapped")
    allowed = {
        k.LINE_PROCESSING: ("", "line"),
        k.TERRITORY_PROCESSING: ("", "recovery" if recovered else "territory"),
    }
    if pend not in allowed.get(phase, ("",)):
        expected = " or ".join(repr(word) for word in allowed.get(phase, ("",)))
        raise _bad("pend", f"is {shown(pend)} in phase {name}, expected {expected}")
    if recovered and not acted:
        raise _bad("recov", "is true although 'acted' is false")
    if phase == k.GAME_OVER and acted:
        raise _bad("acted", "is true after the end")
    if swapped and players != 2:
        raise _bad("swapped", f"is true with {players} players")
    if state["must"] is not None:
        if phase != k.MOVEMENT:
            raise _bad("must", f"is {shown(state['must'])} in phase {name}, expected null")
        scalars[k.S_MUST] = _own_stack(out, state, "must", b, player)
    if (state["chain"] is not None) != (phase in _CAPTURES):
        raise _bad("chain", f"is {shown(state['chain'])} in phase {name}")
    if phase in _CAPTURES:
        scalars[k.S_FROM] = _own_stack(out, state, "chain", b, player)
    scalars[k.S_PHASE] = phase
    scalars[k.S_PLAYER] = player
    scalars[k.S_DEBT] = pend == "line"
    scalars[k.S_PEND] = pend in ("territory", "recovery")
    scalars[k.S_ACTED] = acted
    scalars[k.S_RECOVERED] = recovered
    scalars[k.S_SWAPPED] = swapped


def _mask(value: Any, key: str, players: int) -> int:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise _bad(key, f"expected a list of seats, found {shown(value)}")
    mask = 0
    for seat in value:
        mask |= 1 << _integer(seat, key, 1, players) - 1
    return mask


def _load_plus(scalars: NDArray[np.uint16], players: int, state: Mapping[str, Any]) -> None:
    lps = state["lps"]
    if not isinstance(lps, Mapping):
        raise _bad("lps", f"expected an object, found {shown(lps)}")
    _check_keys(lps, ("leader", "seen", "real", "seat", "count"), "state key 'lps'")
    scalars[k.S_LPS_LEADER] = _integer(lps["leader"], "lps.leader", 0, players)
    scalars[k.S_LPS_SEEN] = seen = _mask(lps["seen"], "lps.seen", players)
    scalars[k.S_LPS_REAL] = real = _mask(lps["real"], "lps.real", players)
    if real & ~seen:
        raise _bad("lps.real", "names a seat that is not in 'lps.seen'")
    scalars[k.S_LPS_SEAT] = _integer(lps["seat"], "lps.seat", 0, players)
    scalars[k.S_LPS_COUNT] = _integer(lps["count"], "lps.count", 0, 65535)
    scalars[k.S_TURNS] = _integer(state["turns"], "turns", 1, 65535)
    scalars[k.S_PLIES] = _integer(state["plies"], "plies", 0, 65535)
    scalars[k.S_LAST] = _integer(state["last"], "last", 0, players)
    scalars[k.S_OUT : k.S_OUT + players] = _numbers(state["out"], "out", players)
    scalars[k.S_SWAP_OPEN] = swap_open = _flag(state["swap_open"], "swap_open")
    if swap_open and not scalars[k.S_PIE]:
        raise _bad("swap_open", "is true although options.pie is false")
    if swap_open and (scalars[k.S_HAND + 1] == 0 or state["collapsed"]):
        raise _bad(
            "swap_open",
            "is true, but seat 2 must have moved: its hand is empty, or cells are collapsed",
        )
    over = state["phase"] == "game_over"
    winner = _integer(state["winner"], "winner", 0, players)
    victory = state["victory"]
    if type(victory) is not str or victory not in k.VICTORY_NAMES:
        raise _bad("victory", f"unknown ending {shown(victory)}, {_near(victory, k.VICTORY_NAMES)}")
    if (winner != 0) != over or (victory != "") != over:
        raise _bad("winner", f"is {winner} with victory {shown(victory)} in phase {state['phase']}")
    scalars[k.S_WINNER] = winner
    scalars[k.S_VICTORY] = k.VICTORY_NAMES.index(victory)
