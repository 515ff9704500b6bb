"""Perft: how many sequences of legal moves there are from a position, by length (docs/perft.md).

Every legal move counts, bookkeeping included, as the traces write them; sequences that lead to the
same position are counted apart; a finished game has no continuation. The numbers are a check of
move generation and effects together, and of one engine against another.

A file of tables is JSON lines, one table a line, each with the position itself (state+,
docs/traces.md §8) and how it was come by.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np

from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.reference import ReferenceGame
from ringrift.reference.legal import legal_moves as reference_moves
from ringrift.reference.position import Position
from ringrift.reference.turn import play
from ringrift.rules.boards import tables
from ringrift.rules.game import Game
from ringrift.rules.kernels import constants as k
from ringrift.rules.kernels.apply import apply_move
from ringrift.rules.kernels.moves import legal_moves

#: Words of the engines that can count.
ENGINES = ("compiled", "reference")


class Tree(Protocol):
    """A position that an engine walks on from: number of legal moves, and each next position."""

    def size(self) -> int:
        """Number of legal moves here."""

    def children(self) -> Iterator[Self]:
        """The positions after each legal move, once `size` was asked; each until the next."""


class CompiledTree:
    """A position as the compiled rules see it; one row of `states` per ply, used again and again."""

    __slots__ = ("_codes", "_ply", "_sizes", "_states", "_tables")

    def __init__(self, game: Game, depth: int) -> None:
        """Start from a game; `depth` is how many plies will be walked."""
        self._states = np.repeat(game.states, depth + 1, axis=0)  # uint16[depth + 1, 6, N]
        self._codes = np.empty((depth + 1, k.MAX_MOVES), np.int32)  # [ply, legal moves]
        self._sizes = [0] * (depth + 1)
        self._tables = tables(game.config.board)
        self._ply = 0

    def size(self) -> int:
        """Number of legal moves at the current ply, whose codes are filled in."""
        ply = self._ply
        size = int(legal_moves(self._states, ply, self._tables, self._codes[ply]))
        self._sizes[ply] = size
        return size

    def children(self) -> Iterator[Self]:
        """Step into each move that `size` has counted, and back at the end."""
        here = self._ply
        for code in self._codes[here, : self._sizes[here]].tolist():
            self._ply = here + 1
            self._states[here + 1] = self._states[here]
            apply_move(self._states, here + 1, self._tables, code)
            yield self
        self._ply = here


class ReferenceTree:
    """A position as the reference sees it."""

    __slots__ = ("_moves", "_position")

    def __init__(self, position: Position) -> None:
        """Start from a position of the reference."""
        self._position = position
        self._moves = reference_moves(position)

    def size(self) -> int:
        """Number of legal moves here."""
        return len(self._moves)

    def children(self) -> Iterator[Self]:
        """The positions after each legal move."""
        for move in self._moves:
            position = self._position.copy()
            play(position, move)
            yield type(self)(position)


def tree(config: Config, state: Mapping[str, Any], depth: int, engine: str) -> Tree:
    """A state+ as a tree of so many plies, for one of ENGINES. BadInput for an impossible state."""
    game = Game.from_canonical(config, state)
    if engine == "compiled":
        return CompiledTree(game, depth)
    return ReferenceTree(ReferenceGame.from_state(config, state).position)


def counts(root: Tree, depth: int, below: int | None = None) -> tuple[int, ...]:
    """Number of move sequences of each length 1 to `depth`.

    With `below`, counting is given up as soon as one length reaches it; then the result is shorter.
    Nodes of the last ply are not entered: their number of legal moves is added at once.
    """
    totals = [0] * depth
    limit = float("inf") if below is None else below

    def walk(node: Tree, ply: int) -> bool:
        totals[ply] += node.size()
        if totals[ply] >= limit:
            return False
        return ply + 1 == depth or all(walk(child, ply + 1) for child in node.children())

    walk(root, 0)
    full = next((ply for ply, total in enumerate(totals) if total >= limit), depth)
    return tuple(totals[:full])


def deepest(
    config: Config, state: Mapping[str, Any], below: int, engine: str = "compiled"
) -> tuple[int, ...]:
    """Counts to the greatest depth with fewer than `below` sequences, or to the end of all games."""
    found: tuple[int, ...] = ()
    while True:
        depth = len(found) + 1
        more = counts(tree(config, state, depth, engine), depth, below)
        if len(more) < depth or not more[-1]:
            return found
        found = more


def divide(config: Config, state: Mapping[str, Any], depth: int) -> dict[str, int]:
    """Sequences of a length, by their first move: where two engines part, so do these."""
    game = Game.from_canonical(config, state)
    split = {}
    for text in game.legal():
        child = game.copy()
        child.apply(text)
        split[text] = counts(CompiledTree(child, depth - 1), depth - 1)[-1] if depth > 1 else 1
    return split


def kinds(config: Config, state: Mapping[str, Any], depth: int) -> dict[str, int]:
    """Legal moves met on the way to a depth, by their word: what a table really exercises."""
    found: Counter[str] = Counter()

    def walk(game: ReferenceGame, left: int) -> None:
        for move in game.moves():
            found[game.text(move).partition(" ")[0]] += 1
            if left > 1:
                child = game.copy()
                child.apply(move)
                walk(child, left - 1)

    walk(ReferenceGame.from_state(config, state), depth)
    return dict(sorted(found.items()))


# -- tables as files -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PerftTable:
    """The counts of one position."""

    #: Board and players, ``hex8:2``.
    config: str
    #: Name of the position within its configuration.
    name: str
    #: How the position was come by.
    recipe: str
    #: Number of sequences of length 1, 2, ...
    counts: tuple[int, ...]
    #: Length to which the reference gave the same numbers.
    agreed: int
    #: Moves met to a smaller depth, by word, and that depth.
    kinds: Mapping[str, int]
    kinds_depth: int
    #: The position, a state+.
    state: Mapping[str, Any]


def write_tables(path: Path, found: Iterable[PerftTable]) -> None:
    """Write tables, one a line."""
    lines = [json.dumps(asdict(table), separators=(",", ":")) for table in found]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_tables(path: Path) -> list[PerftTable]:
    """Read a file of tables; BadInput with file and line on a fault."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not a text file: {error}") from error
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            found.append(_table(json.loads(line)))
        except (ValueError, TypeError, KeyError) as error:
            raise BadInput(f"{path}:{number}: no perft table: {error}") from error
    return found


def _table(data: Any) -> PerftTable:
    table = PerftTable(**{**data, "counts": tuple(data["counts"])})
    for key in ("config", "name", "recipe"):
        if type(data[key]) is not str:
            raise BadInput(f"{key!r} must be text")
    if not isinstance(table.kinds, dict):
        raise BadInput("'kinds' must be an object word -> number")
    numbers = (*table.counts, table.agreed, table.kinds_depth, *table.kinds.values())
    if not table.counts or not all(type(number) is int for number in numbers):
        raise BadInput("counts must be whole numbers, one at least")
    Game.from_canonical(Config.parse(table.config), table.state)
    return table


@dataclass(frozen=True, slots=True)
class PerftDifference:
    """A count that is not the published one."""

    table: PerftTable
    engine: str
    depth: int
    expected: int
    found: int

    def report(self) -> str:
        """A line for a person."""
        return (
            f"{self.table.config} {self.table.name}: {self.engine} counts {self.found:,} sequences "
            f"of length {self.depth}, published are {self.expected:,}"
        )


def depth_within(table: PerftTable, leaves: int) -> int:
    """Length up to which no published count is more than `leaves`, 1 at least."""
    return max(1, len(list(takewhile(lambda number: number <= leaves, table.counts))))


def check(table: PerftTable, engine: str, depth: int) -> PerftDifference | None:
    """Count again to a depth; the first length that differs, or None."""
    config = Config.parse(table.config)
    depth = min(depth, len(table.counts))
    found = counts(tree(config, table.state, depth, engine), depth)
    for length, (expected, number) in enumerate(zip(table.counts, found, strict=False), start=1):
        if expected != number:
            return PerftDifference(table, engine, length, expected, number)
    return None
