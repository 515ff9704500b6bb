"""Move code <-> text of the recorded traces (docs/traces.md, "Move notation").

A move code (int32) is ``action | (extraction stack + 1) << 17`` with action = plane * N + cell; the
planes of a board with D directions, rays of M steps, A axes and P players (rules §20.3)::

    0..2            PL   place 1..3 rings
    3 + d*M + k-1   ray of k steps in direction d: MV, or CA/CC where one stack is passed; from a
                    marker k = 1 is the paid recovery slide RL/RF/RS (its stack in the high bits),
                    k = 2+o the free part of RL whose cell number o is the slide's target
    +A              LN, or LO whole: the run that starts at the cell
    +A              LO part: the stretch that starts at the cell
    +1              ER in its three contexts, FE
    +P+1            TO: label 0 no colour, 1 the mover's, 2 the next seat's, ...
    then            pass (SP NP SC NM SR NL ST NT), swap (SW)

The same code has different texts in different positions, so all functions take the state. Texts
that do not depend on it are made once per board.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ringrift.errors import BadInput, nearest, shown
from ringrift.rules.boards import Board, tables
from ringrift.rules.kernels import constants as k
from ringrift.rules.kernels.moves import legal_moves, pass_kind
from ringrift.rules.kernels.territory import region_cells

States = NDArray[np.uint16]

#: Words of the notation, with the number of fields that follow each.
FIELDS = {
    "PL": 2, "SP": 0, "NP": 0, "SW": 0, "MV": 2, "CA": 3, "CC": 3, "SC": 0, "NM": 0,
    "RL": 4, "RF": 3, "RS": 3, "SR": 0, "LN": 1, "LO": 3, "ER": 2, "NL": 0, "TO": 1,
    "ST": 0, "NT": 0, "FE": 1,
}  # fmt: skip


class _Lists:
    """Geometry of one board as Python lists, and its texts that depend on no state."""

    def __init__(self, b: Board) -> None:
        t = tables(b.name)
        self.tables = t
        self.ray: list[list[list[int]]] = t.ray.tolist()
        self.next: list[list[int]] = t.axis_next.tolist()
        self.prev: list[list[int]] = t.axis_prev.tolist()
        self.recovery_axes: list[int] = t.recovery_axes.tolist()
        #: (from, to) -> (direction, distance)
        self.step = {
            (c, int(x)): (d, i + 1)
            for c in range(b.n)
            for d in range(b.D)
            for i, x in enumerate(self.ray[c][d][: int(t.ray_len[c, d])])
        }
        self.placements = [f"PL {b.texts[c]} {n}" for n in (1, 2, 3) for c in range(b.n)]
        self.moves: dict[int, str] = {}  # ray action -> MV text
        self.captures: dict[tuple[int, int], str] = {}  # (ray action, target) -> text after CA/CC
        self.ray_start = k.PLANE_RAY * b.n
        self.whole_start = self.ray_start + b.D * b.M * b.n
        self.part_start = self.whole_start + b.A * b.n
        self.pay_start = self.part_start + b.A * b.n
        self.region_start = self.pay_start + b.n


@cache
def _lists(b: Board) -> _Lists:
    return _Lists(b)


class _Position:
    """One state seen for writing moves; everything slow is looked up only when it is needed."""

    def __init__(self, states: States, g: int, b: Board) -> None:
        self.states, self.g, self.b = states, g, b
        self.lists = _lists(b)
        self.words: list[int] = states[g, k.F_CELL].tolist()
        scalars: list[int] = states[g, k.F_SCALAR, : k.NUM_SCALARS].tolist()
        self.scalars = scalars
        self.phase = scalars[k.S_PHASE]
        self.player = scalars[k.S_PLAYER]
        self.exact = scalars[k.S_LINE]
        self.pass_action = b.planes(scalars[k.S_PLAYERS]) * b.n
        self.own_marker = self.player | k.MARKER << k.KIND_SHIFT
        self.blockers: dict[tuple[int, int], int] = {}  # (cell, direction) -> first stack or -1

    def kind(self, cell: int) -> int:
        """EMPTY, MARKER, COLLAPSED or STACK."""
        return self.words[cell] >> k.KIND_SHIFT & k.KIND_MASK

    def text(self, code: int) -> str:
        """Text of one move code."""
        lists, b = self.lists, self.b
        action = code & k.ACTION_MASK
        if action < lists.ray_start:
            return lists.placements[action]
        if action < lists.whole_start:
            return self._ray(action, code >> k.STACK_SHIFT)
        plane, cell = divmod(action, b.n)
        if action < lists.part_start:
            return self._line(cell, plane - lists.whole_start // b.n)
        if action < lists.pay_start:
            return self._part(cell, plane - lists.part_start // b.n)
        if action < lists.region_start:
            return self._payment(cell)
        if action < self.pass_action:
            label = plane - lists.region_start // b.n
            return "TO " + self.join(self.region(label, cell))
        if action == self.pass_action:
            return k.PASS_NAMES[pass_kind(self.states, self.g, lists.tables)]
        if action == self.pass_action + 1:
            return "SW"
        raise BadInput(f"move code {code} is outside the action space of {b.name}")

    def join(self, cells: Iterable[int]) -> str:
        """Positions in position order, which is the order of the cell index."""
        texts = self.b.texts
        return ";".join([texts[cell] for cell in sorted(cells)])

    def region(self, label: int, cell: int) -> list[int]:
        """Cells of the component of `cell` for a label."""
        out = np.empty(self.b.n, dtype=np.int16)
        count = region_cells(self.states, self.g, self.lists.tables, label, cell, out)
        return out[:count].tolist()  # type: ignore[no-any-return]

    # -- rays ------------------------------------------------------------------------------

    def blocker(self, cell: int, d: int) -> int:
        """First stack on the ray, or -1."""
        key = (cell, d)
        found = self.blockers.get(key)
        if found is None:
            found = -1
            for x in self.lists.ray[cell][d]:
                if x < 0:
                    break
                if self.kind(x) == k.STACK:
                    found = x
                    break
            self.blockers[key] = found
        return found

    def _ray(self, action: int, stack: int) -> str:
        lists, b = self.lists, self.b
        plane, cell = divmod(action, b.n)
        d, index = divmod(plane - k.PLANE_RAY, b.M)
        if self.kind(cell) == k.MARKER:
            return self._slide(cell, d, index + 1, stack)
        ray = lists.ray[cell][d]
        target = self.blocker(cell, d)
        if target < 0 or lists.step[cell, target][1] > index:
            known = lists.moves.get(action)
            if known is None:
                known = f"MV {b.texts[cell]} {b.texts[ray[index]]}"
                lists.moves[action] = known
            return known
        tail = lists.captures.get((action, target))
        if tail is None:
            tail = f" {b.texts[cell]} {b.texts[target]} {b.texts[ray[index]]}"
            lists.captures[action, target] = tail
        return ("CC" if self.phase == k.CHAIN_CAPTURE else "CA") + tail

    # -- recovery --------------------------------------------------------------------------

    def run(self, source: int, target: int) -> tuple[int, int]:
        """Length and axis of RUN (rules §11.2), as if the marker had moved to `target`."""
        words, own = self.words, self.own_marker
        best, best_axis = 0, 0
        for axis in self.lists.recovery_axes:
            length = 1
            for side in (self.lists.prev, self.lists.next):
                x = side[target][axis]
                while x >= 0 and x != source and words[x] == own:
                    length += 1
                    x = side[x][axis]
            if length > best:
                best, best_axis = length, axis
        return best, best_axis

    def stretch(self, target: int, axis: int, offset: int) -> list[int]:
        """The L cells along the axis among which `target` has number `offset`."""
        x = target
        for _ in range(offset):
            x = self.lists.prev[x][axis]
        cells = [x]
        while len(cells) < self.exact:
            cells.append(self.lists.next[cells[-1]][axis])
        return cells

    def _slide(self, cell: int, d: int, slot: int, stack: int) -> str:
        target = self.lists.ray[cell][d][0]
        ends = f"{self.b.texts[cell]} {self.b.texts[target]}"
        # The search may play a slide alone; its stack is then still open.
        payer = self.b.texts[stack - 1] if stack else "?"
        if self.kind(target) == k.STACK:
            return f"RS {ends} {payer}"
        length, axis = self.run(cell, target)
        if slot >= 2:
            return f"RL {ends} 2 {self.join(self.stretch(target, axis, slot - 2))}"
        if length >= self.exact:
            return f"RL {ends} 1 {payer}"
        return f"RF {ends} {payer}"

    # -- lines and payments ----------------------------------------------------------------

    def line(self, cell: int, axis: int) -> list[int]:
        """The maximal run of the mover's markers through `cell`."""
        words, own = self.words, self.own_marker
        cells = [cell]
        for side in (self.lists.prev, self.lists.next):
            x = side[cell][axis]
            while x >= 0 and words[x] == own:
                cells.append(x)
                x = side[x][axis]
        return cells

    def _line(self, cell: int, axis: int) -> str:
        cells = self.line(cell, axis)
        if len(cells) == self.exact:
            return "LN " + self.join(cells)
        return f"LO {self.join(cells)} > *"

    def _part(self, cell: int, axis: int) -> str:
        part = self.stretch(cell, axis, 0)
        return f"LO {self.join(self.line(cell, axis))} > {self.join(part)}"

    def _payment(self, cell: int) -> str:
        slide = self.scalars[k.S_SLIDE]
        if slide:
            source, d = divmod(slide - 1, self.b.D)
            return self._slide(source, d, 1, cell + 1)
        where = self.b.texts[cell]
        if self.phase == k.FORCED_ELIMINATION:
            return f"FE {where}"
        if self.phase == k.LINE_PROCESSING:
            return f"ER line {where}"
        return f"ER {'recovery' if self.scalars[k.S_RECOVERED] else 'territory'} {where}"


def format_moves(states: States, g: int, b: Board, codes: Iterable[int]) -> list[str]:
    """Texts of move codes that are legal in game g of `states` uint16[G, 6, N]."""
    position = _Position(states, g, b)
    placements, rays = position.lists.placements, position.lists.ray_start
    text = position.text
    listed = codes.tolist() if isinstance(codes, np.ndarray) else codes
    return [placements[code] if code < rays else text(code) for code in listed]


def format_move(states: States, g: int, b: Board, code: int) -> str:
    """Text of one move code that is legal in game g of `states` uint16[G, 6, N]."""
    return _Position(states, g, b).text(int(code))


# -- reading ---------------------------------------------------------------------------------


def read_move(states: States, g: int, b: Board, text: str) -> int:
    """Move code of a text, without asking whether it is legal (records replay their own games).

    BadInput where the text is no move at all, or none that this position could hold.
    """
    fields = text.split(" ")
    word = fields[0]
    if word not in FIELDS:
        raise BadInput(
            f"{shown(text)} is no move: unknown word {shown(word)}, {nearest(word, FIELDS)}"
        )
    if len(fields) - 1 != FIELDS[word]:
        raise BadInput(f"{shown(text)} is no move: {word} takes {FIELDS[word]} fields")
    lists = _lists(b)
    if word == "PL":
        if fields[2] not in ("1", "2", "3"):
            raise BadInput(
                f"{shown(text)} is no move: 1 to 3 rings are placed, not {shown(fields[2])}"
            )
        return (int(fields[2]) - 1) * b.n + b.cell_of(fields[1])
    if word in ("MV", "CA", "CC"):
        return _ray_action(b, text, b.cell_of(fields[1]), b.cell_of(fields[-1]))
    if word in ("RL", "RF", "RS"):
        return _read_slide(states, g, b, text, fields)
    if word in ("LN", "LO"):
        start = lists.part_start if word == "LO" and fields[3] != "*" else lists.whole_start
        cells = _cells(b, fields[3] if start == lists.part_start else fields[1])
        first, axis = _first_and_axis(b, text, cells)
        return start + axis * b.n + first
    if word == "ER":
        contexts = ("line", "territory", "recovery")
        if fields[1] not in contexts:
            raise BadInput(f"{shown(text)} is no move: {nearest(fields[1], contexts)}")
    if word in ("ER", "FE"):
        return lists.pay_start + b.cell_of(fields[-1])
    if word == "TO":
        return _read_region(states, g, b, text, _cells(b, fields[1]))
    pass_action = b.planes(int(states[g, k.F_SCALAR, k.S_PLAYERS])) * b.n
    return pass_action + 1 if word == "SW" else pass_action


def parse_move(states: States, g: int, b: Board, text: str) -> int:
    """Move code of the legal move `text`; BadInput, with the nearest legal move, if it is none."""
    codes = legal_codes(states, g, b)
    code = read_move(states, g, b, text)
    if code in codes.tolist() and format_move(states, g, b, code) == text:
        return code
    player = int(states[g, k.F_SCALAR, k.S_PLAYER])
    phase = k.PHASE_NAMES[int(states[g, k.F_SCALAR, k.S_PHASE])]
    if not len(codes):
        raise BadInput(f"{shown(text)} is not legal: the game is over")
    hint = nearest(text, sorted(format_moves(states, g, b, codes))[:2000])
    if hint.startswith("valid: ") and len(hint) > 200:
        hint = f"{len(codes)} moves are legal"
    raise BadInput(f"{shown(text)} is not legal for seat {player} in {phase}: {hint}")


def legal_codes(states: States, g: int, b: Board) -> NDArray[np.int32]:
    """Complete legal list of game g as move codes, int32[n], in no promised order."""
    out = np.empty(k.MAX_MOVES, dtype=np.int32)
    return out[: legal_moves(states, g, tables(b.name), out)].copy()


def _cells(b: Board, text: str) -> list[int]:
    return sorted({b.cell_of(position) for position in text.split(";")})


def _ray_action(b: Board, text: str, source: int, target: int) -> int:
    step = _lists(b).step.get((source, target))
    if step is None:
        raise BadInput(f"{shown(text)} is no move: its ends are not on one line")
    d, distance = step
    return (k.PLANE_RAY + d * b.M + distance - 1) * b.n + source


def _read_slide(states: States, g: int, b: Board, text: str, fields: Sequence[str]) -> int:
    source, target = b.cell_of(fields[1]), b.cell_of(fields[2])
    action = _ray_action(b, text, source, target)
    if _lists(b).step[source, target][1] != 1:
        raise BadInput(f"{shown(text)} is no move: a recovery slide goes one step")
    if fields[0] != "RL" or fields[3] == "1":
        return action | b.cell_of(fields[-1]) + 1 << k.STACK_SHIFT
    if fields[3] != "2":
        raise BadInput(f"{shown(text)} is no move: option 1 or 2, not {shown(fields[3])}")
    position = _Position(states, g, b)
    cells = _cells(b, fields[4])
    length, axis = position.run(source, target)
    if length > position.exact:
        for offset in range(position.exact):
            stretch = position.stretch(target, axis, offset)
            if -1 not in stretch and sorted(stretch) == cells:
                return action + (1 + offset) * b.n
    raise BadInput(f"{shown(text)} is no move: no such part of a line through {fields[2]}")


def _first_and_axis(b: Board, text: str, cells: list[int]) -> tuple[int, int]:
    following = _lists(b).next
    for axis in range(b.A):
        for first in (cells[0], cells[-1]):
            walk = [first]
            while len(walk) < len(cells) and walk[-1] >= 0:
                walk.append(following[walk[-1]][axis])
            if sorted(walk) == cells:
                return first, axis
    raise BadInput(f"{shown(text)} is no move: the cells are not consecutive on a line")


def _read_region(states: States, g: int, b: Board, text: str, cells: list[int]) -> int:
    """The label is not part of the text: it is that of the legal region with these cells."""
    position = _Position(states, g, b)
    start = position.lists.region_start
    for code in legal_codes(states, g, b).tolist():
        label, lowest = divmod(code - start, b.n)
        if lowest != cells[0] or not start <= code < position.pass_action:
            continue
        if sorted(position.region(label, lowest)) == cells:
            return int(code)
    raise BadInput(f"{shown(text)} is no move: no region of exactly these cells can be claimed")
