"""The parity gate: replay recorded games and compare everything at every move.

Compared are seat and phase before the move, the complete legal set (the recorded `rej` moves set
aside), the state after it and the last-player tracker, and at the end winner, kind of victory and
turns. A game is left at its first difference. Ranks in traces are advisory; games whose ranks
differ are counted apart.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from ringrift.parity.trace import TraceGame, read_trace
from ringrift.rules import notation
from ringrift.rules.boards import tables
from ringrift.rules.canonical import canonical_sha, is_plus
from ringrift.rules.game import Game
from ringrift.rules.kernels import constants as k
from ringrift.rules.kernels.apply import apply_move


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place where a game and this engine part."""

    file: str
    game: str
    move: int  #: 1-based; one more than the moves for the end line
    subject: str  #: what differs
    expected: str  #: as recorded
    found: str  #: as this engine has it
    missing: tuple[str, ...]  #: recorded legal moves that this engine lacks
    excess: tuple[str, ...]  #: legal moves of this engine that are not recorded
    board: str  #: the position, drawn

    def report(self) -> str:
        """Lines for a person."""
        lines = [f"{self.file}: game {self.game}, move {self.move}: {self.subject}"]
        if self.expected or self.found:
            lines += [f"  recorded: {self.expected}", f"  here:     {self.found}"]
        for name, moves in (("missing", self.missing), ("too much", self.excess)):
            if moves:
                shown = ", ".join(moves[:20])
                more = f" and {len(moves) - 20} more" if len(moves) > 20 else ""
                lines.append(f"  {name}: {shown}{more}")
        return "\n".join([*lines, "", *("  " + line for line in self.board.split("\n")), ""])


@dataclass(frozen=True, slots=True)
class FileReport:
    """What the gate found in one file."""

    file: str
    games: int
    moves: int
    seconds: float
    differences: tuple[Difference, ...]
    rank_differences: int  #: games with other ranks; advisory


def opening_of(trace: TraceGame) -> Game:
    """The start position; only an uncrafted game has a first turn to swap after."""
    if trace.crafted:
        return Game.from_canonical(trace.config, trace.state, trace.options)
    return Game.new(trace.config, trace.options)


def _digest(texts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


class _Replay:
    """One game under comparison."""

    def __init__(self, file: str, trace: TraceGame) -> None:
        self.file = file
        self.trace = trace
        self.game = opening_of(trace)
        self.before = self.game
        self.tables = tables(trace.config.board)

    def difference(
        self,
        move: int,
        subject: str,
        expected: Any = "",
        found: Any = "",
        missing: Iterable[str] = (),
        excess: Iterable[str] = (),
    ) -> Difference:
        return Difference(
            file=self.file,
            game=self.trace.id,
            move=move,
            subject=subject,
            expected=str(expected),
            found=str(found),
            missing=tuple(sorted(missing)),
            excess=tuple(sorted(excess)),
            board=self.before.draw(),
        )

    def run(self) -> Difference | None:
        """Replay to the end or to the first difference."""
        state = self.state(like=self.trace.state)
        if state != self.trace.state:
            return self.difference(0, "start state", self.trace.state, state)
        for line in self.trace.moves:
            found = self.move(line)
            if found is not None:
                return found
        return self.end()

    def state(self, like: Mapping[str, Any]) -> dict[str, Any]:
        """The position as a state+ where `like` is one, else as a canonical state."""
        return self.game.state_plus() if is_plus(like) else self.game.canonical()

    def move(self, line: Any) -> Difference | None:
        """Compare one move line and play its move."""
        game, number = self.game, line["i"]
        self.before = game
        if (game.player, game.phase) != (line["pl"], line["ph"]):
            recorded = f"seat {line['pl']} in {line['ph']}"
            return self.difference(number, "turn", recorded, f"seat {game.player} in {game.phase}")
        codes = game.legal_codes().tolist()
        texts = notation.format_moves(game.states, 0, game.board, codes)
        refused = line.get("rej", ())
        found = self.legal(line, sorted(texts), refused)
        if found is not None:
            return found
        played = line["mv"]
        if played not in texts:
            return self.difference(number, "the move played is not legal here", played)
        self.before = game.copy()
        apply_move(game.states, 0, self.tables, codes[texts.index(played)])
        return self.after(line)

    def legal(self, line: Any, texts: list[str], refused: Sequence[str]) -> Difference | None:
        """Compare the complete legal set."""
        number = line["i"]
        if refused:
            lacking = set(refused) - set(texts)
            if lacking:
                return self.difference(number, "refused moves not listed", missing=lacking)
            texts = [text for text in texts if text not in refused]
        recorded = line.get("legal")
        if recorded is not None and texts != recorded:
            missing, excess = set(recorded) - set(texts), set(texts) - set(recorded)
            subject = "legal moves" if missing or excess else "legal moves: listed twice, or order"
            return self.difference(
                number, subject, f"{len(recorded)} moves", f"{len(texts)} moves", missing, excess
            )
        if len(texts) != line["n"]:
            return self.difference(number, "number of legal moves", line["n"], len(texts))
        if "lh" in line and _digest(texts) != line["lh"]:
            return self.difference(number, "hash of the legal moves", line["lh"], _digest(texts))
        return None

    def after(self, line: Any) -> Difference | None:
        """Compare the state after the move, and the tracker."""
        number, played = line["i"], line["mv"]
        recorded = line.get("st")
        state = self.state(like=recorded or {})
        if recorded is not None:
            if state != recorded:
                keys = [key for key in state if state[key] != recorded.get(key)]
                keys += [key[:30] for key in recorded if key not in state]
                return self.difference(
                    number,
                    f"state after {played}, in {', '.join(keys)}",
                    {key: recorded.get(key) for key in keys},
                    {key: state.get(key) for key in keys},
                )
        elif canonical_sha(state) != line["sh"]:
            return self.difference(
                number, f"hash of the state after {played}", line["sh"], canonical_sha(state)
            )
        scalars = self.game.states[0, k.F_SCALAR]
        tracker = [int(scalars[k.S_LPS_SEAT]), int(scalars[k.S_LPS_COUNT])]
        if "lps" in line and tracker != line["lps"]:
            return self.difference(
                number, f"last-player tracker after {played}", line["lps"], tracker
            )
        return None

    def end(self) -> Difference | None:
        """Compare the end line."""
        end, number = self.trace.end, len(self.trace.moves) + 1
        self.before = self.game
        result = self.game.result
        found: dict[str, Any] = {
            "over": result is not None,
            "winner": result.winner if result else 0,
            "victory": result.victory if result else None,
            "turns": int(self.game.states[0, k.F_SCALAR, k.S_TURNS]),
        }
        recorded = {key: end[key] for key in found}
        if result is None:
            recorded["victory"] = None  # an unfinished game has none, however that is written
        if is_plus(self.trace.state):
            found["ranks"] = list(result.ranks) if result else []
            recorded["ranks"] = end.get("ranks", [])
        if found != recorded:
            return self.difference(number, "end of the game", recorded, found)
        return None

    @property
    def ranks_differ(self) -> bool:
        """Whether a finished game has other ranks than recorded."""
        result = self.game.result
        return result is not None and list(result.ranks) != self.trace.end.get("ranks", [])


def compare(file: str, trace: TraceGame) -> tuple[Difference | None, bool]:
    """The first difference of one game, and whether its ranks (advisory) are others."""
    replay = _Replay(file, trace)
    found = replay.run()
    return found, found is None and replay.ranks_differ


def check_file(path: Path) -> FileReport:
    """Replay all games of a file; BadInput where it cannot be read."""
    start = time.perf_counter()
    games = moves = ranks = 0
    differences: list[Difference] = []
    for trace in read_trace(path):
        found, ranks_differ = compare(str(path), trace)
        games += 1
        moves += len(trace.moves)
        ranks += ranks_differ
        if found is not None:
            differences.append(found)
    seconds = time.perf_counter() - start
    return FileReport(str(path), games, moves, seconds, tuple(differences), ranks)


def check_files(
    paths: Sequence[Path], jobs: int = 1, report: Callable[[FileReport], None] | None = None
) -> list[FileReport]:
    """Check files, on several processes if `jobs` > 1; `report` is told of each in turn."""
    reports: list[FileReport] = []
    if jobs <= 1 or len(paths) <= 1:
        for path in paths:
            reports.append(check_file(path))
            if report is not None:
                report(reports[-1])
        return reports
    # A fresh interpreter per process: threads of the parent do not survive a fork.
    with ProcessPoolExecutor(min(jobs, len(paths)), mp_context=get_context("spawn")) as pool:
        for done in pool.map(check_file, paths):
            reports.append(done)
            if report is not None:
                report(done)
    return reports
