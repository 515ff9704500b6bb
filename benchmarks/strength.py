"""How strong the agents are against each other: matches with Wilson intervals at 95%, and what is asked of their lower bounds.

    python -m benchmarks.strength --model FILE                      all matches, on all cores
    python -m benchmarks.strength --only rollouts rollouts-4        some of them; these need no model
    python -m benchmarks.strength --model FILE --games 20           a first look: nothing is asked of so few games

========= ================================================================= ==================== =================
match     agent against agents in all other seats, all seatings             config               lower bound
========= ================================================================= ==================== =================
policy    policy-only : random                                              that of the model    0.60
search    gumbel-mcts, 64 simulations : policy-only                         that of the model    0.70
budget    gumbel-mcts, 64 simulations : the same with 8                     that of the model    0.55
rollouts  mcts, 2,000 rollouts : heuristic                                  square8:2            0.70
rollouts-3, the same, one seat against heuristics in the others             square8:3, square8:4 1.3 times the fair
rollouts-4                                                                                       share, 1/3 or 1/4
========= ================================================================= ==================== =================

The games are those of a match between `AgentSpec`s (`ringrift.evaluation.match`), whole blocks of one opening in all
seatings, the number of games rounded up to whole blocks. Blocks are played on several processes and kept in
strength/ of the state directory as they end: what was stopped, by Ctrl-C or by force, goes on with the same command.
Exit code 1 when a bound is not reached, 3 when a match was left out for want of a model, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import describe, usable_cores
from ringrift.agents import Agent, AgentSpec
from ringrift.cli.bars import Tell, counting_bar
from ringrift.configs import Config
from ringrift.errors import RingRiftError
from ringrift.evaluation.match import make_agents, play_block_range
from ringrift.evaluation.result import MatchGame
from ringrift.evaluation.spec import MatchSpec
from ringrift.evaluation.stats import Interval, wilson_interval
from ringrift.nets.checkpoint import load_model
from ringrift.settings import home

#: Games of each match: with fewer the intervals are too wide for the bars.
GAMES: Final = 400
SEED: Final = 2026
#: Times its fair share of the wins that one seat must have.
SHARE: Final = 1.3
#: Games of one piece of work: enough for the batch of a network, few enough that little is lost and the processes end
#: together.
PIECE_WITH_MODEL: Final = 64
PIECE: Final = 8


class WorkerLost(RingRiftError):
    """A process of the matches ended without a word."""


@dataclass(frozen=True, slots=True)
class Check:
    """One match and what is asked of it."""

    name: str
    #: None: that of the model.
    config: str | None
    #: The agent, and the one in all other seats, as `AgentSpec.parse` reads them.
    a: str
    b: str
    #: Smallest lower bound of the interval.
    bar: float

    @property
    def with_model(self) -> bool:
        """Whether a network takes part."""
        return self.config is None


CHECKS: Final = (
    Check("policy", None, "policy-only", "random", 0.60),
    Check("search", None, "gumbel-mcts:s64", "policy-only", 0.70),
    Check("budget", None, "gumbel-mcts:s64", "gumbel-mcts:s8", 0.55),
    Check("rollouts", "square8:2", "mcts:r2000", "heuristic", 0.70),
    Check("rollouts-3", "square8:3", "mcts:r2000", "heuristic", SHARE / 3),
    Check("rollouts-4", "square8:4", "mcts:r2000", "heuristic", SHARE / 4),
)


@dataclass(frozen=True, slots=True)
class Piece:
    """Some blocks of a match."""

    spec: MatchSpec
    first: int
    blocks: int
    model: Path | None

    def file_of(self, _sha256: str) -> Path:
        """File of the one model that there is."""
        assert self.model is not None, "only matches with a model have agents that ask for it"
        return self.model


@dataclass(slots=True)
class Match:
    """One check with what has been played of it."""

    check: Check
    spec: MatchSpec
    #: Where its games are kept.
    path: Path
    #: First block of a piece -> its games.
    played: dict[int, list[MatchGame]]
    #: First block of a piece that is being played -> games of it that are over.
    under_way: dict[int, int]
    #: Whether so many games are played that the bar is asked for.
    judged: bool

    @property
    def games(self) -> list[MatchGame]:
        """All games so far."""
        return [game for first in sorted(self.played) for game in self.played[first]]

    @property
    def interval(self) -> Interval:
        """Win rate of the agent."""
        games = self.games
        return wilson_interval(sum(game.score for game in games), len(games))

    @property
    def passed(self) -> bool | None:
        """Whether the bar is reached; None where it is not asked for."""
        return self.interval.low > self.check.bar if self.judged else None

    def as_dict(self) -> dict[str, Any]:
        """All figures, for JSON."""
        games = self.games
        by_seat: dict[int, list[float]] = {}
        for game in games:
            by_seat.setdefault(game.seat, []).append(game.score)
        return {
            "name": self.check.name,
            "config": str(self.spec.config),
            "a": self.spec.a.identity,
            "b": self.spec.b.identity,
            "seed": self.spec.seed,
            "games": len(games),
            "wins": sum(game.score for game in games),
            "interval": self.interval.as_dict(),
            "bar": self.check.bar,
            "passed": self.passed,
            "wins_by_seat": {str(s): sum(won) for s, won in sorted(by_seat.items())},
            "victories": dict(Counter(game.victory for game in games).most_common()),
            "match": self.spec.id,
        }


# -- what is played ----------------------------------------------------------------------------


def plan(
    checks: Sequence[Check],
    model: tuple[str, Config] | None,
    games: int,
    seed: int,
    folder: Path,
) -> list[Match]:
    """The matches of some checks, with what is kept of them in a folder; model: sha256 and config."""
    made = []
    for check in checks:
        if check.config is None and model is None:
            continue
        config = model[1] if check.config is None and model else Config.parse(str(check.config))
        sha256 = model[0] if model else None
        blocks = -(-games // config.players)
        spec = MatchSpec(
            config,
            AgentSpec.parse(check.a, sha256),
            AgentSpec.parse(check.b, sha256),
            blocks * config.players,
            seed,
        )
        path = folder / f"{check.name}-{spec.id[:16]}.jsonl"
        sizes = dict(pieces(check, spec))
        played = {
            first: found
            for first, found in kept(path)
            if len(found) == sizes.get(first, 0) * spec.block_size
        }
        made.append(Match(check, spec, path, played, {}, judged=games >= GAMES))
    return made


def pieces(check: Check, spec: MatchSpec) -> Iterator[tuple[int, int]]:
    """First block and blocks of each piece of a match."""
    size = PIECE_WITH_MODEL if check.with_model else PIECE
    step = max(1, size // spec.block_size)
    for first in range(0, spec.blocks, step):
        yield first, min(step, spec.blocks - first)


def kept(path: Path) -> Iterator[tuple[int, list[MatchGame]]]:
    """Pieces of a file: first block and games; a line that was cut short does not count."""
    with suppress(FileNotFoundError):
        for line in path.read_text(encoding="utf-8").splitlines():
            with suppress(json.JSONDecodeError):
                data = json.loads(line)
                yield data["first"], [MatchGame.from_dict(game) for game in data["games"]]


# -- playing -----------------------------------------------------------------------------------


def work(pipe: Connection) -> None:
    """One process: play the pieces that come through the pipe, tell how far they are, send their games."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which ends us
    last: tuple[MatchSpec, tuple[Agent, Agent]] | None = None

    def tell(finished: int, _wins: float) -> None:
        pipe.send(finished)

    with suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the parent is gone
        while True:
            piece: Piece = pipe.recv()
            if last is None or last[0] != piece.spec:
                last = piece.spec, make_agents(piece.spec, piece.file_of)
            games = play_block_range(piece.spec, last[1], piece.first, piece.blocks, tell)
            pipe.send([game.as_dict() for game in games])


def play(matches: Sequence[Match], model: Path | None, processes: int, tell: Tell) -> None:
    """Play what is left of all matches on so many processes; every piece is kept as it ends."""
    todo = deque(
        (match, Piece(match.spec, first, blocks, model))
        for match in matches
        for first, blocks in pieces(match.check, match.spec)
        if first not in match.played
    )
    context = get_context("spawn")
    busy: dict[Connection, tuple[Match, Piece]] = {}
    workers = []
    total = sum(match.spec.max_games for match in matches)
    start, before = time.monotonic(), sum(len(match.games) for match in matches)

    def show() -> None:
        done = sum(len(m.games) + sum(m.under_way.values()) for m in matches)
        rate = (done - before) / max(time.monotonic() - start, 1e-9)
        now = sorted({match.check.name for match, _ in busy.values()})
        tell(done, f"{rate:.2f} games/s", f"{', '.join(now)}", total=total)

    try:
        for _ in range(min(processes, len(todo))):
            ours, theirs = context.Pipe()
            worker = context.Process(target=work, args=(theirs,), daemon=True)
            worker.start()
            theirs.close()
            workers.append(worker)
            busy[ours] = todo.popleft()
            ours.send(busy[ours][1])
        while busy:
            for pipe in wait(list(busy)):
                assert isinstance(pipe, Connection)
                match, piece = busy[pipe]
                try:
                    said = pipe.recv()
                except EOFError:
                    raise WorkerLost(f"a process of match {match.check.name} was lost") from None
                if isinstance(said, int):
                    match.under_way[piece.first] = said
                else:
                    keep(match, piece, said)
                    del busy[pipe]
                    if todo:
                        busy[pipe] = todo.popleft()
                        pipe.send(busy[pipe][1])
                show()
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()


def keep(match: Match, piece: Piece, games: list[Mapping[str, Any]]) -> None:
    """Add the games of a piece to the match and to its file."""
    match.under_way.pop(piece.first, None)
    match.played[piece.first] = [MatchGame.from_dict(game) for game in games]
    match.path.parent.mkdir(parents=True, exist_ok=True)
    # begins with a new line: what a killed program left of a line stays one of its own
    text = "\n" + json.dumps({"first": piece.first, "games": games}) + "\n"
    with match.path.open("a", encoding="utf-8") as file:
        file.write(text)


# -- showing -----------------------------------------------------------------------------------


def table(matches: Sequence[Match]) -> Iterator[str]:
    """Rows of a Markdown table."""
    yield "| match | config | agent | against | games | won | win rate | 95% interval | asked | verdict |"
    yield "| --- | --- | --- | --- | ---: | ---: | ---: | --- | --- | --- |"
    for match in matches:
        interval, games = match.interval, match.games
        verdict = {None: "not asked", True: "passed", False: "FAILED"}[match.passed]
        yield (
            f"| {match.check.name} | {match.spec.config} | {match.spec.a.identity} "
            f"| {match.spec.b.identity} | {len(games)} | {sum(g.score for g in games):g} "
            f"| {interval.estimate:.3f} | {interval.low:.3f} – {interval.high:.3f} "
            f"| > {match.check.bar:.3f} | {verdict} |"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Play what was asked for and print it."""
    names = [check.name for check in CHECKS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.strength",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", type=Path, help="file of the network")
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="default: all")
    parser.add_argument("--games", type=int, default=GAMES, help=f"of each match, default {GAMES}")
    parser.add_argument("--seed", type=int, default=SEED, help=f"of the games, default {SEED}")
    parser.add_argument("--processes", type=int, default=usable_cores(), help="default: all cores")
    parser.add_argument("--keep", type=Path, help="folder of the games that are over")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args(arguments)
    if given.games < 1 or given.processes < 1:
        parser.error("--games and --processes: expected at least 1")
    checks = [check for check in CHECKS if check.name in given.only]
    without = [c.name for c in checks if c.with_model and given.model is None]
    try:
        folder = given.keep or home() / "strength"
        model = None
        if given.model is not None:
            found = load_model(given.model)
            model = (found.sha256, found.net.config)
        matches = plan(checks, model, given.games, given.seed, folder)
        start = time.monotonic()
        with counting_bar("strength") as tell:
            play(matches, given.model, given.processes, tell)
    except RingRiftError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"interrupted: the same command goes on from what is in {folder}", file=sys.stderr)
        return 130
    if given.json:
        figures = {
            "machine": describe(),
            "model": model[0] if model else None,
            "seconds": time.monotonic() - start,
            "left_out": without,
            "matches": [match.as_dict() for match in matches],
        }
        print(json.dumps(figures))
    else:
        if model is not None:
            print(f"model {model[0]} ({model[1]})\n")
        print("\n".join(table(matches)))
    if without:
        print(f"left out for want of --model: {', '.join(without)}", file=sys.stderr)
    if any(match.passed is False for match in matches):
        return 1
    return 3 if without else 0


if __name__ == "__main__":
    sys.exit(main())
