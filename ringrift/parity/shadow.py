"""Shadow contracts: a recorded game made again by the engine and by the oracle in lockstep.

Before each move both must list the same legal moves, the recorded one among them; after it both
must be in the same state+; at the end both must say of the game what its record says
(`ringrift.parity.lockstep` compares the two, this the record with them).

A game that differs is written down as a trace of what the oracle lists and reaches, with the
record's moves and result, so that `ringrift parity gate` shows the difference again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ringrift.parity.lockstep import Difference, Differs, Lockstep, Start, reproduction
from ringrift.rules.game import GameOptions
from ringrift.rules.records import GameRecord

#: What of a result is compared.
_RESULT = ("winner", "victory", "ranks", "turns", "plies")

#: Moves that `reason` names.
_SHOWN = 3


def compare(record: GameRecord, told: Callable[[], None] | None = None) -> Difference | None:
    """The first place where engine, oracle and record are not of one mind; None if there is none.

    `told` is called before each move. BadInput where the record starts from no possible position.
    """
    try:
        both = Lockstep(Start(record.config, GameOptions(**dict(record.options)), record.start))
        for move in record.moves:
            if told is not None:
                told()
            if move not in both.legal():
                both.before = both.game
                raise both.differs(_illegal(move))
            both.play(move)
        _same_end(record, both)
    except Differs as found:
        return found.difference
    return None


def _illegal(move: str) -> str:
    return f"the record's move {move!r} is not legal"


def _same_end(record: GameRecord, both: Lockstep) -> None:
    """Compare what the record says of the end; the engines have been compared with each other."""
    found = both.game.result
    both.before = both.game
    if found is None:
        raise both.differs("the game is not over after the record's last move")
    for name in _RESULT:
        said, is_so = getattr(record.result, name), getattr(found, name)
        if said != is_so:
            raise both.differs(f"the record says {name} {said}, both engines {is_so}")


def reason(difference: Difference) -> str:
    """A difference in one line."""
    parts = [difference.subject]
    parts += [f"{f.name} {f.reference} by the oracle, {f.compiled} here" for f in difference.fields]
    for name, moves in (("missing here", difference.missing), ("too much", difference.excess)):
        if moves:
            more = f" and {len(moves) - _SHOWN} more" if len(moves) > _SHOWN else ""
            parts.append(f"{name}: {', '.join(moves[:_SHOWN])}{more}")
    return f"move {difference.number}: {'; '.join(parts)}"


def trace_of(record: GameRecord, difference: Difference) -> list[dict[str, Any]]:
    """Lines of a trace on which `ringrift parity gate` finds the difference again."""
    lines = list(reproduction(difference, record.id, record.seed))
    made = len(record.moves)
    if len(difference.moves) == made:
        # Of a game that goes on the oracle has made one move more.
        said = {name: getattr(record.result, name) for name in ("turns", "winner", "victory")}
        end = {**said, "plies": made, "over": True, "ranks": list(record.result.ranks)}
        lines = [*lines[: made + 1], lines[-1] | end]
    elif difference.subject == _illegal(move := record.moves[len(difference.moves)]):
        # The oracle has made another move in its place; what it reached is not looked at.
        lines[-2] |= {"mv": move}
    return lines
