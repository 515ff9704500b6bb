"""Which of the named cases (ringrift/parity/occurrences.py) a move of a game is.

The observer is told of every move with the positions before and after it, both as state+, and the
complete legal list. It remembers what it needs of the turn. It judges nothing: engines are
compared elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ringrift.configs import Config
from ringrift.parity.claims import State, claim
from ringrift.parity.geometry import Geometry, geometry
from ringrift.rules.boards import constants
from ringrift.rules.game import GameOptions

_PASSES = frozenset(("NP", "NM", "NL", "NT", "SP", "SC", "ST", "SR"))


def cap(rings: str) -> int:
    """Cap height of a stack, bottom ring first (rules §3.1)."""
    return len(rings) - len(rings.rstrip(rings[-1]))


def controlled(state: State, seat: int) -> list[str]:
    """Cells of the stacks that a seat controls."""
    sign = str(seat)
    return [cell for cell, rings in state["stacks"].items() if rings[-1] == sign]


class Observer:
    """The cases of one game, move by move."""

    def __init__(self, config: Config, options: GameOptions) -> None:
        """Begin a game or a set-up position."""
        limits = constants(config, options)
        self.board: Geometry = geometry(config.board)
        self.hexa = config.board in ("hex8", "hexagonal")
        self.line = limits.line
        self.detect = limits.detect
        # B of rules §1.2: the base length by which the reference engine applies a slide.
        self.base = 3 if str(config) == "square8:2" else limits.detect
        self.territory = limits.territory
        self.victory = limits.victory
        self.forced: list[int] = []  # seats of the latest turns in a row that ended by force
        self.forced_seats: dict[int, bool] = {}  # whether a seat's last turn ended by force
        self.new_turn()

    def new_turn(self) -> None:
        """Forget the turn."""
        self.segments = 0
        self.heading = -1
        self.target = ""
        self.left: set[str] = set()
        self.claims = 0
        self.fees = 0
        self.offered: list[frozenset[str]] = []  # regions before the latest claim
        self.claimed: frozenset[str] = frozenset()  # cells that claim took
        self.opened: set[str] = set()  # regions that a claim opened
        self.lines: dict[str, frozenset[str]] = {}  # lines before the one now collapsing
        self.part_of: frozenset[str] = frozenset()  # the run of which a part has just collapsed
        self.played: list[str] = []  # kinds of the moves of this turn

    def move(
        self,
        before: State,
        legal: Sequence[str],
        refused: Sequence[str],
        move: str,
        after: State,
    ) -> Iterator[str]:
        """Yield the names of what this move is, some more than once."""
        fields = move.split(" ")
        kind = fields[0]
        self.played.append(kind)
        seat = before["cur"]
        match kind:
            case "PL" | "SP" | "NP" | "SW":
                yield from self.placement(before, legal, fields)
            case "MV":
                yield from self.plain(before, fields, after)
            case "CA" | "CC":
                yield from self.capture(before, fields, after)
            case "SC":
                yield "capture-declined"
            case "NM":
                yield "move-none"
            case "RL" | "RF" | "RS" | "SR":
                yield from self.recovery(before, legal, refused, fields, after)
            case "LN" | "LO" | "NL":
                yield from self.lining(before, legal, fields, after)
            case "ER":
                yield from self.payment(before, legal, fields, after)
            case "TO" | "ST" | "NT":
                yield from self.claiming(before, legal, fields, after)
            case "FE":
                yield from self.forcing(before, legal, fields, after)
        if before["must"] is not None and len(controlled(before, seat)) > 1:
            yield "place-must"
        if before["phase"] in ("ring_placement", "movement") and kind in ("NP", "NM"):
            yield from self.buried(before, kind)
        over = after["phase"] == "game_over"
        ended = over or after["turns"] != before["turns"]
        if not ended and max(after["elim"]) >= self.victory > max(before["elim"]):
            yield "rings-mid-turn"
        if ended:
            yield from self.turn_end(before, after)
        if over:
            yield from self.end(after)

    # -- placement, movement ---------------------------------------------------------------

    def placement(self, before: State, legal: Sequence[str], fields: list[str]) -> Iterator[str]:
        """Rules §5 and §12."""
        seat, hand = before["cur"], before["hand"][before["cur"] - 1]
        if "SW" in legal:
            yield "swap" if fields[0] == "SW" else "swap-declined"
        if fields[0] == "PL":
            on = before["stacks"].get(fields[1])
            if on is None:
                yield f"place-{fields[2]}"
            else:
                yield "place-own" if on[-1] == str(seat) else "place-other"
        elif fields[0] == "SP":
            yield "place-skip" if controlled(before, seat) else "place-skip-recovery"
        elif fields[0] == "NP":
            yield "place-none-blocked" if hand else "place-none-hand"
        if hand >= 2:
            taken = {move.split(" ", 2)[1] for move in legal if move.startswith("PL")}
            for cell in self.board.cells:
                if (
                    cell not in taken
                    and cell not in before["stacks"]
                    and cell not in before["markers"]
                    and cell not in before["collapsed"]
                    and any(self.mobile(before, cell, n, n) for n in (2, 3) if n <= hand)
                ):
                    yield "place-dead-single"
                    break

    def mobile(self, state: State, cell: str, height: int, thick: int) -> bool:
        """The mobility test of rules §5.3."""
        for ray in self.board.rays[cell]:
            passed = False
            for distance, other in enumerate(ray, start=1):
                if other in state["collapsed"]:
                    break
                rings = state["stacks"].get(other)
                if rings is not None:
                    if passed or cap(rings) > thick:
                        break
                    passed = True
                elif distance >= height:
                    return True
        return False

    def between(self, source: str, target: str) -> list[str]:
        """Cells strictly between two cells of a ray."""
        ray = self.board.rays[source][self.board.direction(source, target)]
        return list(ray[: ray.index(target)])

    def plain(self, before: State, fields: list[str], after: State) -> Iterator[str]:
        """Rules §6."""
        seat, (source, target) = before["cur"], fields[1:]
        owners = [before["markers"].get(cell, seat) for cell in self.between(source, target)]
        if any(owner != seat for owner in owners):
            yield "move-flip"
        if any(before["markers"].get(cell) == seat for cell in self.between(source, target)):
            yield "move-collapse"
        marker = before["markers"].get(target)
        if marker is not None:
            yield "move-land-own" if marker == seat else "move-land-other"
            rest = after["stacks"].get(target)
            if rest is None:
                yield "move-land-gone"
            elif rest[-1] != str(seat):
                yield "move-land-turns"

    def capture(self, before: State, fields: list[str], after: State) -> Iterator[str]:
        """Rules §7."""
        seat, (source, target, landing) = before["cur"], fields[1:]
        sign = str(seat)
        if fields[0] == "CA":
            yield "capture-after-move" if before["phase"] == "capture" else "capture-first"
        mover, taken = before["stacks"][source], before["stacks"][target]
        if taken[-1] == sign:
            yield "capture-own"
        if len(taken) > len(mover):
            yield "capture-higher"
        if cap(taken) == cap(mover):
            yield "capture-equal-cap"
        rest = after["stacks"].get(target)
        if rest is None:
            yield "capture-empties"
        elif rest[-1] != taken[-1]:
            yield "capture-bares"
        if landing in before["markers"]:
            yield "capture-land"
            stack = after["stacks"].get(landing)
            if stack is not None and stack[-1] != sign:
                yield "capture-land-turns"
        self.segments += 1
        heading = self.board.direction(source, landing)
        if fields[0] == "CC":
            if self.segments in (2, 4, 6):
                yield f"chain-{self.segments}"
            if heading == (self.heading + (3 if self.hexa else 4)) % (6 if self.hexa else 8):
                yield "chain-back"
            if target == self.target:
                yield "chain-again"
            if taken[-1] == sign:
                yield "chain-own"
            if self.left & {*self.between(source, target), *self.between(target, landing)}:
                yield "chain-crosses"
        self.heading, self.target = heading, target
        self.left.add(source)

    # -- recovery --------------------------------------------------------------------------

    def recovery(
        self,
        before: State,
        legal: Sequence[str],
        refused: Sequence[str],
        fields: list[str],
        after: State,
    ) -> Iterator[str]:
        """Rules §11."""
        seat, kind = before["cur"], fields[0]
        sign = str(seat)
        if refused:
            yield "recovery-refused"
            if len(refused) == len(legal) - 1:
                yield "recovery-refused-only"
        if kind == "SR":
            yield "recovery-declined"
            if len(legal) == 1:
                yield "recovery-none"
            return
        if before["hand"][seat - 1]:
            yield "recovery-hand"
        if sum(sign in rings[:-1] for rings in before["stacks"].values()) > 1:
            yield "recovery-choice"
        if " ".join(fields) in refused:
            yield "recovery-refused-played"
        source, target = fields[1], fields[2]
        if kind == "RF":
            yield "recovery-fallback"
        elif kind == "RS":
            yield "recovery-strike"
            if len(before["stacks"][target]) == 1:
                yield "recovery-strike-gone"
            if fields[3] == target:
                yield "recovery-strike-same"
        else:
            yield "recovery-paid" if fields[3] == "1" else "recovery-free"
            runs = self.board.run(before["markers"], seat, target, without=source)
            longest = max(runs)
            if longest > self.line and fields[3] == "1":
                yield "recovery-overlength"
            free = f"RL {source} {target} 2 "
            parts = sum(move.startswith(free) for move in legal)
            if longest > self.line and parts < longest - self.line + 1:
                yield "recovery-needs-slid"
            if runs.count(longest) > 1:
                yield "recovery-tie"
            if next((run for run in runs if run >= self.base), longest) != longest:
                yield "recovery-not-first"
        if controlled(after, seat):
            yield "recovery-regains"

    # -- lines -----------------------------------------------------------------------------

    def lining(
        self, before: State, legal: Sequence[str], fields: list[str], after: State
    ) -> Iterator[str]:
        """Rules §8; `legal` holds no fee here."""
        seat = before["cur"]
        runs = {
            move.split(" ")[1]: frozenset(move.split(" ")[1].split(";"))
            for move in legal
            if move[:2] in ("LN", "LO")
        }
        for text, cells in self.lines.items():
            # A line that stood beside the one that collapsed, and of which no line is left.
            if text not in runs and not any(cells & run for run in runs.values()):
                yield "line-broken"
        if self.part_of and any(run < self.part_of for run in runs.values()):
            yield "line-rest"
        self.lines, self.part_of = {}, frozenset()
        if fields[0] == "NL":
            if self.played[-2:-1] == ["ER"]:
                yield "line-fee-end"
            if self.detect > self.line and self.standing(before, seat):
                yield "line-unseen"
            return
        if len(runs) > 1:
            yield "lines-two"
            listed = list(runs.values())
            if any(a & b for i, a in enumerate(listed) for b in listed[:i]):
                yield "lines-cross"
        if before["recov"]:
            yield "recovery-lines"
        cells = runs[fields[1]]
        paid = after["pend"] == "line"
        if fields[0] == "LN":
            yield "line-exact" if paid else "line-waived"
        elif fields[3] == "*":
            yield "line-whole" if paid else "line-waived"
        else:
            yield "line-part"
            self.part_of = cells
            run, part = fields[1].split(";"), fields[3].split(";")
            if run[0] != part[0] and run[-1] != part[-1]:
                yield "line-part-inner"
        if len(cells) > self.line + 1:
            yield "line-long"
        self.lines = {text: run for text, run in runs.items() if text != fields[1]}

    def standing(self, state: State, seat: int) -> bool:
        """Whether a run of at least L of the seat stands that is too short to be noticed."""
        markers = state["markers"]
        return any(
            self.line <= max(self.board.run(markers, seat, cell)) < self.detect
            for cell, owner in markers.items()
            if owner == seat
        )

    # -- eliminations by choice ------------------------------------------------------------

    def payment(
        self, before: State, legal: Sequence[str], fields: list[str], after: State
    ) -> Iterator[str]:
        """Fees of rules §8.5 and §9.6."""
        seat, cell = before["cur"], fields[2]
        rest = after["stacks"].get(cell)
        turns = rest is not None and rest[-1] != before["stacks"][cell][-1]
        if fields[1] == "line":
            self.fees += 1
            if self.fees == 2:
                yield "line-fee-twice"
            if len(legal) > 1:
                yield "line-fee-choice"
            if rest is None:
                yield "line-fee-gone"
            if turns:
                yield "line-fee-turns"
            return
        if len(legal) > 1:
            yield "region-fee-choice"
        if fields[1] == "recovery":
            yield "recovery-region"
            if controlled(before, seat):
                yield "recovery-region-stack"
            return
        if cap(before["stacks"][cell]) > 1:
            yield "region-fee-cap"
        if turns:
            yield "region-fee-turns"

    def forcing(
        self, before: State, legal: Sequence[str], fields: list[str], after: State
    ) -> Iterator[str]:
        """Rules §10.2."""
        cell = fields[1]
        yield "forced"
        if len(legal) > 1:
            yield "forced-choice"
        if cap(before["stacks"][cell]) > 1:
            yield "forced-cap"
        if cell in after["stacks"]:
            yield "forced-turns"
        if "ST" in self.played:
            yield "forced-declined"

    # -- territory -------------------------------------------------------------------------

    def claiming(
        self, before: State, legal: Sequence[str], fields: list[str], after: State
    ) -> Iterator[str]:
        """Rules §9."""
        regions = {
            move[3:]: frozenset(move[3:].split(";")) for move in legal if move.startswith("TO")
        }
        if self.claimed:
            new = {
                text
                for text, cells in regions.items()
                if not any(cells & old for old in self.offered)
            }
            if new:
                yield "cascade"
            self.opened |= new
            left = [old for old in self.offered if not old & self.claimed]
            if any(not any(old & cells for cells in regions.values()) for old in left):
                yield "region-lost"
            self.claimed = frozenset()
        if fields[0] == "ST":
            yield "regions-declined"
            if self.claims:
                yield "regions-declined-rest"
        if fields[0] != "TO":
            return
        listed = list(regions.values())
        if any(a & b for i, a in enumerate(listed) for b in listed[:i]):
            yield "regions-overlap"
        lowest = [min(cells, key=self.board.order.__getitem__) for cells in listed]
        if len(set(lowest)) < len(lowest):
            yield "regions-lowest"
        if fields[1] in self.opened:
            yield "cascade-claimed"
        self.claims += 1
        if self.claims == 3:
            yield "regions-three"
        self.offered = listed
        self.claimed = frozenset(after["collapsed"]) - frozenset(before["collapsed"])
        yield from claim(self.board, before, regions[fields[1]], after)

    # -- turns and ends --------------------------------------------------------------------

    def buried(self, before: State, kind: str) -> Iterator[str]:
        """A seat in its turn with all its rings under others (rules §13.2)."""
        seat = before["cur"]
        if kind == "NP" and not before["hand"][seat - 1] and not controlled(before, seat):
            yield "turn-buried"

    def turn_end(self, before: State, after: State) -> Iterator[str]:
        """Rules §13 and §15.2, when a turn has ended."""
        mover, players = before["cur"], len(before["hand"])
        gone = [seat for seat in range(players) if after["out"][seat] and not before["out"][seat]]
        if gone:
            yield "seat-out"
        if len(gone) > 1:
            yield "seat-out-two"
        if self.played[0] in ("NP", "SP") and all(kind in _PASSES for kind in self.played):
            yield "turn-passed"
        if self.played[-1] == "FE":
            if self.forced_seats.get(mover):
                yield "forced-again"
            self.forced.append(mover)
            if len(self.forced) == 2:
                yield "forced-chain"
            if len(self.forced) == 3:
                yield "forced-chain-3"
        else:
            self.forced.clear()
        self.forced_seats[mover] = self.played[-1] == "FE"
        self.new_turn()
        if after["cur"]:
            if after["cur"] == mover:
                yield "turn-twice"
            elif after["cur"] != mover % players + 1:
                yield "seat-skipped"
            if not after["stacks"]:
                yield "bare-goes-on"
            if any(own >= self.territory for own in after["terr"]):
                yield "minimum-only"
        yield from self.tracker(before["lps"], after["lps"], after)

    def tracker(
        self, old: Mapping[str, Any], new: Mapping[str, Any], after: State
    ) -> Iterator[str]:
        """Rules §15.2: what the start of the next turn did to the count."""
        if new["seat"] and new["count"] == 1 and (old["seat"], old["count"]) != (new["seat"], 1):
            yield "lps-1"
            if old["seat"]:
                yield "lps-other"
        if new["count"] == 2 and old["count"] == 1:
            yield "lps-2"
        if old["seat"] and not new["seat"]:
            yield "lps-broken"
        if old["leader"] and new["leader"] != old["leader"]:
            yield "lps-leader-out"
        rounds = after["options"]["lps_rounds"]
        if after["cur"] and after["cur"] == new["seat"] and new["count"] >= rounds:
            yield "lps-late"

    def end(self, after: State) -> Iterator[str]:
        """Rules §14: how the game was decided."""
        victory = after["victory"]
        counts = [list(after["markers"].values()).count(q + 1) for q in range(len(after["hand"]))]
        best = max(counts)
        if victory == "stalemate:markers_or_last_actor":
            yield "stalemate:markers" if best and counts.count(best) == 1 else "stalemate:last"
        else:
            yield victory
        bare = victory.startswith("stalemate")
        elim = after["elim"]
        if victory == "stalemate:rings" and (
            elim.count(max(elim)) > 1 or elim.index(max(elim)) + 1 != after["winner"]
        ):
            yield "stalemate:rings-hand"
        keys = [
            (own, gone + (hand if bare else 0), markers, out)
            for own, gone, hand, markers, out in zip(
                after["terr"], elim, after["hand"], counts, after["out"], strict=True
            )
        ]
        losers = [key for seat, key in enumerate(keys, start=1) if seat != after["winner"]]
        if len(set(losers)) < len(losers):
            yield "rank-tie"
