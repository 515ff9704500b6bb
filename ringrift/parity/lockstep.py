"""One game by both engines at once: the compiled rules and the reference in plain Python.

Before each move both must list the same legal moves; after it both must be in the same state+; at
the end both must name the same winner, ending, ranks, turns and moves. The first difference ends
the game; `reproduction` writes what the reference did up to there as a trace, on which `ringrift
parity gate` finds the compiled engine's difference again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ringrift.configs import Config
from ringrift.errors import Interrupted
from ringrift.parity.trace import VERSION, const_of
from ringrift.reference import ReferenceGame
from ringrift.rules import notation
from ringrift.rules.boards import tables
from ringrift.rules.game import Game, GameOptions
from ringrift.rules.kernels.apply import apply_move

#: Moves of each kind that a report names.
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Start:
    """Where a game begins: the opening, or a state+ that brings its own options."""

    config: Config
    options: GameOptions
    state: Mapping[str, Any] | None = None

    def compiled(self) -> Game:
        """The game by the compiled rules."""
        if self.state is None:
            return Game.new(self.config, self.options)
        return Game.from_canonical(self.config, self.state, self.options)

    def reference(self) -> ReferenceGame:
        """The game by the reference."""
        options = dataclasses.asdict(self.options)
        if self.state is None:
            return ReferenceGame.new(self.config, **options)
        return ReferenceGame.from_state(self.config, self.state, **options)


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that the engines have differently."""

    name: str
    reference: str
    compiled: str


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place of a game where the engines part."""

    start: Start
    moves: tuple[str, ...]  #: played before, without a difference
    move: str  #: the move after which they differ; "" where that is before any move
    subject: str
    fields: tuple[Field, ...]
    missing: tuple[str, ...]  #: legal by the reference, not by the compiled rules
    excess: tuple[str, ...]  #: legal by the compiled rules, not by the reference
    board: str  #: the position in which the moves were listed, or the move made, drawn

    @property
    def number(self) -> int:
        """Number of the move at which they part, from 1."""
        return len(self.moves) + 1

    def report(self) -> str:
        """Lines for a person."""
        lines = [self.subject]
        for field in self.fields:
            lines += [
                f"  {field.name}:",
                f"    reference  {field.reference}",
                f"    compiled   {field.compiled}",
            ]
        for name, moves in (("missing", self.missing), ("too much", self.excess)):
            if moves:
                more = f" and {len(moves) - SHOWN} more" if len(moves) > SHOWN else ""
                lines.append(f"  {name}: {', '.join(moves[:SHOWN])}{more}")
        return "\n".join([*lines, "", *("  " + line for line in self.board.split("\n")), ""])


class Differs(Exception):
    """Raised where the engines part."""

    def __init__(self, difference: Difference) -> None:
        """Carry the finding."""
        super().__init__(difference.subject)
        self.difference = difference


class Lockstep:
    """Both engines in the same position. Every method raises Differs where they part."""

    def __init__(self, start: Start) -> None:
        """Set up both engines and compare the positions; BadInput where there is no such position."""
        self.start = start
        self.game = start.compiled()
        self.moves: list[str] = []
        self.before = self.game.copy()
        self.codes: dict[str, int] = {}
        self.oracle = self.asked("the start", start.reference)
        self.state: dict[str, Any] = self.same_state("")

    def differs(
        self,
        subject: str,
        *,
        move: str = "",
        fields: tuple[Field, ...] = (),
        missing: set[str] | frozenset[str] = frozenset(),
        excess: set[str] | frozenset[str] = frozenset(),
    ) -> Differs:
        """The finding, to be raised."""
        return Differs(
            Difference(
                start=self.start,
                moves=tuple(self.moves),
                move=move,
                subject=subject,
                fields=fields,
                missing=tuple(sorted(missing)),
                excess=tuple(sorted(excess)),
                board=self.before.draw(),
            )
        )

    def asked(self, about: str, call: Callable[..., Any], *arguments: Any) -> Any:
        """What an engine answers; a failure of it is a difference too."""
        try:
            return call(*arguments)
        except Interrupted:
            raise
        except Exception as error:
            move = arguments[0] if arguments else ""
            reason = f"an engine fails at {about}: {type(error).__name__}: {error}"
            raise self.differs(reason, move=move) from error

    def legal(self) -> list[str]:
        """The complete legal list, sorted; empty after the end."""
        game = self.game
        codes = game.legal_codes().tolist()
        texts = notation.format_moves(game.states, 0, game.board, codes)
        self.codes = dict(zip(texts, codes, strict=True))
        texts.sort()
        listed = self.asked("the legal moves", self.oracle.legal)
        if texts != listed:
            missing, excess = set(listed) - set(texts), set(texts) - set(listed)
            counts = (Field("number of legal moves", str(len(listed)), str(len(texts))),)
            subject = "legal moves" if missing or excess else "legal moves: listed twice, or order"
            raise self.differs(subject, fields=counts, missing=missing, excess=excess)
        return texts

    def refused(self) -> list[str]:
        """The slides among the legal moves that the public reference refuses (rules §11.4)."""
        return self.asked("the refused slides", self.oracle.refused)  # type: ignore[no-any-return]

    def play(self, move: str) -> dict[str, Any]:
        """Make a move of the latest `legal` and return the state+ after it."""
        game = self.game
        self.before = game.copy()
        apply_move(game.states, 0, tables(game.config.board), self.codes[move])
        self.asked("the move", self.oracle.apply, move)
        self.state = self.same_state(move)
        self.same_result(move)
        self.moves.append(move)
        return self.state

    def same_state(self, move: str) -> dict[str, Any]:
        """Compare the state+ of both, all keys."""
        here = self.game.state_plus()
        there = self.asked("the state", self.oracle.state_plus)
        if here != there:
            fields = tuple(
                Field(name, *_shown(there.get(name), here.get(name)))
                for name in sorted({*here, *there})
                if here.get(name) != there.get(name)
            )
            names = ", ".join(field.name for field in fields)
            subject = f"state after {move}, in {names}" if move else f"start state, in {names}"
            raise self.differs(subject, move=move, fields=fields)
        return here

    def same_result(self, move: str) -> None:
        """Compare winner, ending, ranks, turns and moves."""
        here = self.game.result
        there = self.asked("the result", lambda: self.oracle.result)
        if here is None and there is None:
            return
        fields = tuple(
            Field(name, str(getattr(there, name, None)), str(getattr(here, name, None)))
            for name in ("winner", "victory", "ranks", "turns", "plies")
            if getattr(there, name, None) != getattr(here, name, None)
        )
        if fields:
            names = ", ".join(field.name for field in fields)
            raise self.differs(f"result after {move}, in {names}", move=move, fields=fields)


def _shown(there: Any, here: Any) -> tuple[str, str]:
    """Two values; of two objects only the entries that differ."""
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        keys = sorted(key for key in {*there, *here} if there.get(key) != here.get(key))
        there, here = ({k: o[k] for k in keys if k in o} for o in (there, here))
    return str(there), str(here)


def reproduction(difference: Difference, name: str, seed: int) -> Iterator[dict[str, Any]]:
    """Lines of a trace of the reference's game up to and with the difference.

    All states are state+, so the gate compares every key, and ranks too. Where the reference
    itself fails, the trace ends before that.
    """
    start = difference.start
    oracle = start.reference()
    first = oracle.state_plus()
    yield {
        "t": "h",
        "v": VERSION,
        "id": name,
        "board": start.config.board,
        "players": start.config.players,
        "pie": first["options"]["pie"],
        "policy": "parity check",
        "seed": seed,
        "recorded": "by the reference, in plain Python",
        "crafted": start.state is not None,
        "const": const_of(start.config, GameOptions(**first["options"])),
        "state": first,
    }
    made = 0
    state = first
    try:
        for move in (*difference.moves, difference.move):
            legal = oracle.legal()
            played = move or next(iter(legal), "")
            if not played:
                break
            line = {"t": "p", "i": made + 1, "pl": oracle.player, "ph": oracle.phase}
            oracle.apply(played)
            state = oracle.state_plus()
            yield {**line, "n": len(legal), "legal": legal, "mv": played, "st": state}
            made += 1
    except Interrupted:
        raise
    except Exception:  # noqa: BLE001, S110 - the failure is what is being reported
        pass
    result = oracle.result
    yield {
        "t": "e",
        "id": name,
        "plies": made,
        "turns": state["turns"],
        "over": result is not None,
        "winner": result.winner if result else 0,
        "victory": result.victory if result else None,
        "ranks": list(result.ranks) if result else [],
    }
