"""Engines play whole games against each other, each in its own process, over the line protocol.

A program from outside: plain Python, nothing of RingRift is imported, only docs/engine.md is known. Every seat has an
engine; after each move all of them are told the moves so far and must agree on who moves next, and now and then and at
the end on the whole state and the result.

    python -m benchmarks.engine_match --board hex8 --agents heuristic,random --games 2
    python benchmarks/engine_match.py --every-board --engine "ringrift engine"
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

BOARDS = ("square8", "hex8", "square19", "hexagonal")
#: Moves between two comparisons of the whole state.
COMPARE_EVERY = 25


class EngineError(Exception):
    """An engine answered with an error line, went away, or disagrees with another."""


class Engine:
    """One engine process."""

    def __init__(self, command: list[str], options: dict[str, str]) -> None:
        """Start it, set its options and wait until it is ready."""
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.to, self.told = self.process.stdin, self.process.stdout
        self.ask("ugi", "ugiok")
        for name, value in options.items():
            self.send(f"setoption name {name} value {value}")
        self.ask("isready", "readyok")
        self.send("uginewgame")

    def send(self, line: str) -> None:
        """Send a line that has no answer."""
        self.to.write(line + "\n")

    def ask(self, line: str, answer: str) -> str:
        """Send a line and read up to the line that begins with `answer`; return the rest of that one."""
        self.send(line)
        for said in self.told:
            word, _, rest = said.rstrip("\n").partition(" ")
            if word == answer:
                return rest
            if word == "error":
                raise EngineError(f"{line[:80]!r}: {rest}")
        raise EngineError(f"{line[:80]!r}: the engine has ended")

    def query(self, question: str) -> str:
        """Ask about the position."""
        return self.ask(f"query {question}", "response")

    def close(self) -> int:
        """End it; return its exit code."""
        self.send("quit")
        self.to.close()
        self.told.read()
        self.told.close()
        return self.process.wait()


@dataclass(frozen=True)
class Game:
    """What a game was."""

    moves: list[str]
    result: str
    ranks: list[int]
    victory: str
    #: Which engine (from 0) sat in which seat at the end: after a swap not the one that began there.
    seats: list[int]
    state: str


def agree(engines: list[Engine], question: str) -> str:
    """Ask all engines the same; they must give one answer."""
    said = [engine.query(question) for engine in engines]
    if len(set(said)) != 1:
        raise EngineError(f"query {question}: the engines disagree: {said}")
    return said[0]


def play(engines: list[Engine], go: str = "go") -> Game:
    """Play one game; engine i begins in seat i + 1."""
    seats = list(range(len(engines)))
    moves: list[str] = []
    while True:
        position = "position startpos" + (" moves " + " ".join(moves) if moves else "")
        for engine in engines:
            engine.send(position)
        seat = int(agree(engines, "seat"))
        if len(moves) % COMPARE_EVERY == 0 or seat == 0:
            state = agree(engines, "state")
        if seat == 0:
            break
        move = engines[seats[seat - 1]].ask(go, "bestmove")
        if move == "SW":  # the pie rule: the two engines change places
            seats.reverse()
        moves.append(move)
    result = agree(engines, "result")
    ranks = [int(rank) for rank in agree(engines, "ranks").split()]
    return Game(moves, result, ranks, agree(engines, "victory"), seats, state)


def start(
    command: list[str], agents: list[str], options: dict[str, str], seed: int
) -> list[Engine]:
    """Start one engine per agent; the seeds differ."""
    return [
        Engine(command, {**options, "agent": agent, "seed": str(seed + i)})
        for i, agent in enumerate(agents)
    ]


def default_command() -> list[str]:
    """`ringrift engine` of the Python that runs this, else of the PATH."""
    beside = Path(sys.executable).with_name("ringrift")
    return [str(beside) if beside.exists() else shutil.which("ringrift") or "ringrift", "engine"]


def main() -> int:
    """Play, and print one line per game."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--engine", help="command of an engine; default: ringrift engine")
    parser.add_argument("--board", choices=BOARDS, default="hex8")
    parser.add_argument("--every-board", action="store_true")
    parser.add_argument("--seats", type=int, choices=(2, 3, 4), default=2)
    parser.add_argument("--agents", default="heuristic,random", help="one per seat or one for all")
    parser.add_argument("--games", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rings", type=int, default=0, help="fewer rings make shorter games")
    parser.add_argument("--model", default="", help="for agents with a network")
    parser.add_argument("--go", default="go", help="such as 'go nodes 100' or 'go movetime 50'")
    given = parser.parse_args()
    command = shlex.split(given.engine) if given.engine else default_command()
    agents = (given.agents.split(",") * given.seats)[: given.seats]
    for board in BOARDS if given.every_board else (given.board,):
        options = {"board": board, "seats": str(given.seats), "rings": str(given.rings)}
        if given.model:
            options["model"] = given.model
        for number in range(given.games):
            began = time.monotonic()
            engines = start(command, agents, options, given.seed + 100 * number)
            try:
                game = play(engines, given.go)
            except EngineError as error:
                print(f"{board}:{given.seats} game {number + 1}: {error}")
                return 1
            finally:
                codes = [engine.close() for engine in engines]
            if any(codes):
                print(f"{board}:{given.seats} game {number + 1}: engines ended with {codes}")
                return 1
            winner = agents[game.seats[game.ranks.index(1)]]
            print(
                f"{board}:{given.seats} game {number + 1}: {len(game.moves)} moves, {game.result} "
                f"({winner}) by {game.victory}, ranks {game.ranks}; all engines agree; "
                f"{time.monotonic() - began:.1f} s"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
