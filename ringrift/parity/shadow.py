"""Shadow contracts: the moves of a played game, made again by the engine and by the oracle at once.

Before each move both must list the same legal moves, the played one among them, and after it both
must be in the same state+. At the end both must say of the game what its record says. The oracle
(`ringrift.reference`) is the rules once more in plain Python and shares no code with the engine.

A game that differs is written down as a trace of the oracle's legal lists and states with the
record's moves and result, so that `ringrift parity gate` shows the difference again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ringrift.parity.trace import VERSION, const_of
from ringrift.reference import ReferenceGame
from ringrift.rules import notation
from ringrift.rules.boards import tables
from ringrift.rules.game import Game, GameOptions
from ringrift.rules.kernels.apply import apply_move
from ringrift.rules.records import GameRecord

#: What of a result is compared.
_RESULT = ("winner", "victory", "ranks", "turns", "plies")


class Oracle(Protocol):
    """A second engine, as far as it is asked here."""

    @property
    def player(self) -> int:
        """Seat to move."""

    @property
    def phase(self) -> str:
        """Name of the phase."""

    @property
    def result(self) -> Any:
        """How the game ended, None while it goes on."""

    def legal(self) -> list[str]:
        """All legal moves."""

    def apply(self, move: str) -> None:
        """Make a legal move."""

    def canonical(self) -> dict[str, Any]:
        """The canonical state."""

    def state_plus(self) -> dict[str, Any]:
        """The state+."""


#: Makes the oracle's game at the start of a record.
MakeOracle = Callable[[GameRecord], Oracle]


def reference_game(record: GameRecord) -> Oracle:
    """The oracle's game at the start of a record."""
    options = dict(record.options)
    if record.start is not None:
        return ReferenceGame.from_state(record.config, record.start, **options)
    return ReferenceGame.new(record.config, **options)


@dataclass(frozen=True, slots=True)
class Parting:
    """Where a played game and the oracle part."""

    #: From 1; one more than there are moves for the end, 0 for the start.
    move: int
    #: What differs, in one line.
    reason: str
    #: The position before the move, drawn.
    board: str


class _Parted(Exception):
    """The reason."""


def compare(
    record: GameRecord,
    make: MakeOracle = reference_game,
    told: Callable[[], None] | None = None,
) -> Parting | None:
    """Make the record's moves with both engines; where they part, None if they do not.

    `told` is called before each move. BadInput where the record starts from no possible position.
    """
    game = _opening(record)
    before = game
    number = 0
    try:
        oracle = _asked("start", make, record)
        _same_state(game, oracle)
        for number, move in enumerate(record.moves, start=1):  # noqa: B007 - said in the parting
            if told is not None:
                told()
            before = game.copy()
            _move(game, oracle, move)
        number += 1
        before = game
        _same_end(record, game, oracle)
    except _Parted as parted:
        return Parting(number, str(parted), before.draw())
    return None


def _opening(record: GameRecord) -> Game:
    options = GameOptions(**dict(record.options))
    if record.start is not None:
        return Game.from_canonical(record.config, record.start, options)
    return Game.new(record.config, options)


def _asked(about: str, call: Callable[..., Any], *arguments: Any) -> Any:
    """What the oracle answers; its failure is a difference too, and no reason to stop looking."""
    try:
        return call(*arguments)
    except Exception as error:
        raise _Parted(f"the oracle fails at {about}: {type(error).__name__}: {error}") from error


def _move(game: Game, oracle: Oracle, move: str) -> None:
    """Compare the legal moves, make the move, compare the states."""
    codes = game.legal_codes().tolist()
    texts = notation.format_moves(game.states, 0, game.board, codes)
    listed = _asked("the legal moves", oracle.legal)
    if sorted(texts) != sorted(listed):
        missing, excess = set(listed) - set(texts), set(texts) - set(listed)
        raise _Parted(
            f"legal moves differ: the engine lacks {_some(missing)}, the oracle {_some(excess)}"
        )
    if move not in texts:
        raise _Parted(f"{move!r} is not legal")
    apply_move(game.states, 0, tables(game.config.board), codes[texts.index(move)])
    _asked(f"{move!r}", oracle.apply, move)
    _same_state(game, oracle)


def _same_state(game: Game, oracle: Oracle) -> None:
    here, there = game.state_plus(), _asked("its state", oracle.state_plus)
    if here != there:
        keys = sorted(key for key in {*here, *there} if here.get(key) != there.get(key))
        said = "; ".join(f"{key} {here.get(key)}, oracle {there.get(key)}" for key in keys)
        raise _Parted(f"states differ: {said}")


def _same_end(record: GameRecord, game: Game, oracle: Oracle) -> None:
    here, there = game.result, _asked("the result", lambda: oracle.result)
    for name in _RESULT:
        said = getattr(record.result, name)
        found = [None if r is None else getattr(r, name) for r in (here, there)]
        if not said == found[0] == found[1]:
            raise _Parted(
                f"result: the record says {name} {said}, the engine {found[0]}, the oracle {found[1]}"
            )


def _some(moves: set[str]) -> str:
    """A few moves of a set, for a line."""
    shown = sorted(moves)[:3]
    more = f" and {len(moves) - 3} more" if len(moves) > 3 else ""
    return (", ".join(repr(move) for move in shown) or "none") + more


def reproduction(
    record: GameRecord, parting: Parting, make: MakeOracle = reference_game
) -> Iterator[dict[str, Any]]:
    """The lines of a trace that shows the parting: what the oracle lists and reaches, to that move.

    A state that the oracle does not reach is left as it was before the move; the gate does not get
    that far, or finds that it differs.
    """
    options = GameOptions(**dict(record.options))
    start = _opening(record)
    state: Mapping[str, Any] = start.canonical()
    yield {
        "t": "h",
        "v": VERSION,
        "id": record.id,
        "board": record.config.board,
        "players": record.config.players,
        "pie": bool(start.state_plus()["options"]["pie"]),
        "recorded": f"by the oracle; parts at move {parting.move}: {parting.reason}",
        "crafted": record.start is not None,
        "const": const_of(record.config, options),
        "state": state if record.start is None else record.start,
    }
    made = 0
    try:
        oracle = _asked("start", make, record)
        for made, move in enumerate(record.moves[: parting.move], start=1):
            line = {"t": "p", "i": made, "pl": state["cur"], "ph": state["phase"]}
            legal: list[str] = []
            lps = [0, 0]
            parted = False
            try:
                legal = sorted(_asked("the legal moves", oracle.legal))
                if move in legal:
                    _asked(f"{move!r}", oracle.apply, move)
                    plus = _asked("its state", oracle.state_plus)
                    state = _asked("its state", oracle.canonical)
                    lps = [plus["lps"]["seat"], plus["lps"]["count"]]
                else:
                    parted = True
            except _Parted:
                parted = True
            yield {**line, "n": len(legal), "legal": legal, "mv": move, "st": state, "lps": lps}
            if parted:
                break
    except _Parted:
        pass
    over = made == len(record.moves)
    result = record.result
    yield {
        "t": "e",
        "id": record.id,
        "plies": made,
        "turns": result.turns if over else 0,
        "over": over,
        "winner": result.winner if over else 0,
        "victory": result.victory if over else None,
        "ranks": list(result.ranks) if over else [],
    }
