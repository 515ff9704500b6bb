"""One game record: what the line of a game says (docs/records.md §2 to §4).

`GameRecord.line` writes it, `GameRecord.parse` reads it strictly. Files of such lines are in
`ringrift.rules.records`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from ringrift.configs import BOARD_NAMES, Config
from ringrift.errors import BadInput, nearest, shown
from ringrift.rules.kernels.constants import VICTORY_NAMES
from ringrift.rules.lines import check_keys, typed, typed_list, version

VERSION = 1
_SHA = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class SeatAgent:
    """Who sat in a seat when the game began (a swap is among the moves)."""

    kind: str  #: "random", "heuristic", "policy-only", "gumbel-mcts", ...
    model: str | None = None  #: sha256 of the weights
    budget: int | None = None  #: simulations per full search


@dataclass(frozen=True, slots=True)
class Decision:
    """What a search found at one move."""

    i: int  #: 0-based index into the moves
    a: tuple[int, ...]  #: actions with a share of the policy target
    p: tuple[float, ...]  #: their shares, sum 1
    v: tuple[float, ...]  #: root value per absolute seat
    n: int  #: simulations used
    full: bool  #: a full search: the target may be learned from


@dataclass(frozen=True, slots=True)
class Result:
    """How a game ended."""

    winner: int  #: seat
    victory: str  #: one of the endings of rules §14
    ranks: tuple[int, ...]  #: per seat, 1 is best (rules §16)
    turns: int  #: turns begun
    plies: int  #: moves, bookkeeping included


@dataclass(frozen=True, slots=True)
class Origin:
    """The stored game whose first moves this one repeats, to play on from there."""

    game: str  #: its id
    move: int  #: moves that are the same: the first one played anew has this index


@dataclass(frozen=True, slots=True)
class Decided:
    """When searches agreed on the winner, so that the rest was not searched any more (or was, as a check)."""

    decision: int  #: index into the decisions: the last one that had to agree
    seat: int  #: who was to win
    audited: bool  #: searched to the end all the same, to see whether it is true


@dataclass(frozen=True, slots=True)
class GameRecord:
    """One complete game: a line of a file."""

    config: Config
    options: Mapping[str, Any]  #: pie, line_detect, lps_rounds, rings
    seats: tuple[SeatAgent, ...]
    seed: int
    moves: tuple[str, ...]  #: docs/traces.md, "Move notation"; bookkeeping included
    result: Result
    decisions: tuple[Decision, ...] = ()
    start: Mapping[str, Any] | None = None  #: state+; None for the opening position
    origin: Origin | None = None  #: None: all moves are this game's own
    drawn: int = 0  #: decisions of the opening that were drawn from the policy, not searched
    decided: Decided | None = None  #: None: searched to the end, and no more to be said
    id: str = field(default="")  #: derived when left empty

    def __post_init__(self) -> None:
        """Derive the id: equal games have equal ids, wherever and however often recorded."""
        if not self.id:
            object.__setattr__(self, "id", self.derived_id())

    def derived_id(self) -> str:
        """sha256 (hex) of config, options, agents, seed, start and moves."""
        parts = [
            str(self.config),
            dict(self.options),
            [[seat.kind, seat.model, seat.budget] for seat in self.seats],
            self.seed,
            self.start,
            list(self.moves),
        ]
        return hashlib.sha256(dumps(parts, sort_keys=True).encode()).hexdigest()

    @property
    def stopped(self) -> int:
        """Index of the first decision that was not searched since the game was decided; their number if none."""
        if self.decided is None or self.decided.audited:
            return len(self.decisions)
        return self.decided.decision + 1

    def line(self) -> str:
        """The game as its line of a file, without the newline."""
        said: dict[str, Any] = {}
        if self.origin is not None:
            said["origin"] = {"game": self.origin.game, "move": self.origin.move}
        if self.drawn:
            said["drawn"] = self.drawn
        if (end := self.decided) is not None:
            said["decided"] = {
                "decision": end.decision,
                "seat": end.seat,
                "audited": end.audited,
            }
        return dumps(
            {
                "t": "game",
                "v": VERSION,
                "id": self.id,
                "board": self.config.board,
                "players": self.config.players,
                "options": dict(self.options),
                "seats": [
                    {"kind": seat.kind, "model": seat.model, "budget": seat.budget}
                    for seat in self.seats
                ],
                "seed": self.seed,
                "start": self.start,
                **said,
                "moves": list(self.moves),
                "decisions": [
                    {
                        "i": d.i,
                        "a": list(d.a),
                        "p": [short(x) for x in d.p],
                        "v": [short(x) for x in d.v],
                        "n": d.n,
                        "full": d.full,
                    }
                    for d in self.decisions
                ],
                "result": {
                    "winner": self.result.winner,
                    "victory": self.result.victory,
                    "ranks": list(self.result.ranks),
                    "turns": self.result.turns,
                    "plies": self.result.plies,
                },
            }
        )

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """A record from the object of its line; BadInput names the key that is wrong."""
        check_keys(data, _GAME_KEYS, "the game", _OPTIONAL)
        version(data, VERSION, "a game record")
        config = _config(data)
        players = config.players
        seats = parse_seats(data, "seats", players)
        options = _options(typed(data, "options", dict))
        start = data["start"]
        if start is not None and not isinstance(start, dict):
            raise BadInput(f"'start' must be null or a state, found {shown(start)}")
        if start is not None and start.get("options") != options:
            raise BadInput("the options in 'start' are not those of the game")
        moves = tuple(typed_list(data, "moves", str))
        record = cls(
            id=typed(data, "id", str),
            config=config,
            options=options,
            seats=seats,
            seed=typed(data, "seed", int),
            start=start,
            origin=_origin(data),
            drawn=_drawn(data),
            decided=_decided(data, players),
            moves=moves,
            decisions=tuple(
                _decision(item, players, len(moves)) for item in typed_list(data, "decisions", dict)
            ),
            result=_result(typed(data, "result", dict), players, len(moves)),
        )
        _check_course(record)
        if data["id"] != record.derived_id():
            said = shown(data["id"][:12])
            raise BadInput(f"id {said}... is not that of this game's moves and agents")
        return record


_GAME_KEYS = (
    "t", "v", "id", "board", "players", "options", "seats", "seed", "start", "moves",
    "decisions", "result",
)  # fmt: skip

#: Keys that are left out where they say nothing.
_OPTIONAL = ("origin", "drawn", "decided")


# -- checking what was read ------------------------------------------------------------------


def dumps(value: Any, *, sort_keys: bool = False) -> str:
    """JSON without white space."""
    return json.dumps(value, separators=(",", ":"), sort_keys=sort_keys, allow_nan=False)


def short(x: float) -> float:
    """Six significant digits: finer than any search, and a third of the bytes."""
    return float(f"{x:.6g}")


def _floats(data: Mapping[str, Any], key: str) -> tuple[float, ...]:
    items: list[Any] = typed(data, key, list)
    for item in items:
        if type(item) is not float and type(item) is not int:
            raise BadInput(f"{key!r} must hold only numbers, found {shown(item)}")
    return tuple(float(item) for item in items)


def _config(data: Mapping[str, Any]) -> Config:
    name, players = data["board"], data["players"]
    if type(name) is not str or name not in BOARD_NAMES:
        raise BadInput(f"unknown board {shown(name)}: {nearest(str(name)[:60], BOARD_NAMES)}")
    if type(players) is not int or players not in (2, 3, 4):
        raise BadInput(f"'players' must be 2, 3 or 4, found {shown(players)}")
    return Config(name, players)


def _options(data: Mapping[str, Any]) -> Mapping[str, Any]:
    check_keys(data, ("pie", "line_detect", "lps_rounds", "rings"), "'options'")
    typed(data, "pie", bool)
    for key in ("line_detect", "lps_rounds", "rings"):
        typed(data, key, int)
    return data


def parse_seats(data: Mapping[str, Any], key: str, players: int) -> tuple[SeatAgent, ...]:
    """Agents of all seats, a list of objects; BadInput names what is wrong."""
    seats = typed_list(data, key, dict)
    if len(seats) != players:
        raise BadInput(f"{key!r} holds {len(seats)} agents, expected {players}")
    return tuple(_seat(item) for item in seats)


def _seat(data: Mapping[str, Any]) -> SeatAgent:
    check_keys(data, ("kind", "model", "budget"), "a seat")
    model, budget = data["model"], data["budget"]
    if model is not None and (not isinstance(model, str) or not _SHA.fullmatch(model)):
        raise BadInput(f"'model' must be null or a sha256, found {shown(model)}")
    if budget is not None and type(budget) is not int:
        raise BadInput(f"'budget' must be null or a number of simulations, found {shown(budget)}")
    return SeatAgent(typed(data, "kind", str), model, budget)


def _decision(data: Mapping[str, Any], players: int, moves: int) -> Decision:
    check_keys(data, ("i", "a", "p", "v", "n", "full"), "a decision")
    decision = Decision(
        i=typed(data, "i", int),
        a=tuple(typed_list(data, "a", int)),
        p=_floats(data, "p"),
        v=_floats(data, "v"),
        n=typed(data, "n", int),
        full=typed(data, "full", bool),
    )
    if not 0 <= decision.i < moves:
        raise BadInput(f"a decision is for move {decision.i + 1} of {moves}")
    if len(decision.a) != len(decision.p):
        raise BadInput(f"decision {decision.i} has {len(decision.a)} actions, {len(decision.p)} p")
    if len(decision.v) != players:
        raise BadInput(f"decision {decision.i} has {len(decision.v)} values, expected {players}")
    return decision


def _origin(data: Mapping[str, Any]) -> Origin | None:
    if "origin" not in data:
        return None
    found: dict[str, Any] = typed(data, "origin", dict)
    check_keys(found, ("game", "move"), "'origin'")
    game = found["game"]
    if not isinstance(game, str) or not _SHA.fullmatch(game):
        raise BadInput(f"'game' of 'origin' must be the id of a game, found {shown(game)}")
    return Origin(game, typed(found, "move", int))


def _drawn(data: Mapping[str, Any]) -> int:
    if "drawn" not in data:
        return 0
    drawn: int = typed(data, "drawn", int)
    if drawn < 1:
        raise BadInput(f"'drawn' must be left out or at least 1, found {drawn}")
    return drawn


def _decided(data: Mapping[str, Any], players: int) -> Decided | None:
    if "decided" not in data:
        return None
    found: dict[str, Any] = typed(data, "decided", dict)
    check_keys(found, ("decision", "seat", "audited"), "'decided'")
    made = Decided(
        typed(found, "decision", int), typed(found, "seat", int), typed(found, "audited", bool)
    )
    if not 1 <= made.seat <= players:
        raise BadInput(f"'seat' of 'decided' must be 1 to {players}, found {made.seat}")
    return made


def _check_course(record: GameRecord) -> None:
    """What origin, draws and decisions say of each other must fit."""
    origin, decided, decisions = record.origin, record.decided, record.decisions
    if origin is not None:
        if not 1 <= origin.move < len(record.moves):
            raise BadInput(f"'origin' shares {origin.move} of {len(record.moves)} moves")
        if decisions and decisions[0].i < origin.move:
            raise BadInput(f"a decision for move {decisions[0].i + 1}, which 'origin' played")
        if record.drawn or record.start is not None:
            raise BadInput("'origin' stands beside 'drawn' or 'start': a game begins in one place")
    if decided is None:
        return
    if not 0 <= decided.decision < len(decisions):
        raise BadInput(f"'decided' names decision {decided.decision} of {len(decisions)}")
    if any(decision.n for decision in decisions[record.stopped :]):
        raise BadInput("a decision was searched after the game was decided and not audited")


def _result(data: Mapping[str, Any], players: int, moves: int) -> Result:
    check_keys(data, ("winner", "victory", "ranks", "turns", "plies"), "'result'")
    result = Result(
        winner=typed(data, "winner", int),
        victory=typed(data, "victory", str),
        ranks=tuple(typed_list(data, "ranks", int)),
        turns=typed(data, "turns", int),
        plies=typed(data, "plies", int),
    )
    if not 1 <= result.winner <= players:
        raise BadInput(f"'winner' must be a seat 1 to {players}, found {result.winner}")
    if result.victory not in VICTORY_NAMES[1:]:
        hint = nearest(result.victory[:60], VICTORY_NAMES[1:])
        raise BadInput(f"unknown ending {shown(result.victory)}: {hint}")
    if len(result.ranks) != players:
        raise BadInput(f"'ranks' holds {len(result.ranks)} numbers, expected {players}")
    if result.plies < moves:
        raise BadInput(f"'plies' is {result.plies}, but the game has {moves} moves")
    return result
