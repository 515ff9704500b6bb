"""The line protocol under rubbish: the engine in this process, and as a child at the end of a pipe."""

from __future__ import annotations

import os
import random
import re
import select
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

from benchmarks.fuzzing.readers import hold, positions
from benchmarks.fuzzing.spoil import ODD_TEXTS, spoil_bytes
from ringrift.agents.ugi import Ugi
from ringrift.agents.ugi_loop import lines_of, serve
from ringrift.agents.ugi_position import to_wire
from ringrift.rules.canonical import canonical_text

#: Words that an answer may begin with.
ANSWERS = re.compile(r"(id|option|ugiok|readyok|info|bestmove|response|error)( |$)")
_SETTINGS = (
    b"board value hex8", b"board value square8", b"board value square19", b"board value hexagonal",
    b"seats value 2", b"seats value 3", b"seats value 4", b"agent value random",
    b"agent value heuristic", b"agent value gumbel-mcts", b"agent value policy-only",
    b"model value nowhere", b"simulations value 2", b"seed value 5", b"play_forced value true",
    b"play_forced value false", b"pie value false", b"pie value true", b"rings value 4",
    b"rings value 0", b"line_detect value 4", b"lps_rounds value 1", b"lps_rounds value 3",
)  # fmt: skip

#: Makes an engine compile all that its agents need, which no input is to blame for.
WARM = b"".join(
    b"setoption name agent value %b\nisready\ngo nodes 1\n" % agent
    for agent in (b"heuristic", b"random")
)


class _Lines:
    """Lines that a program could send, right or wrong."""

    def __init__(self, _folder: Path) -> None:
        games = [game for game in positions(11) if game.board.n < 100]
        self.states = [canonical_text(game.state_plus()).encode() for game in games]
        self.moves = sorted({to_wire(m).encode() for game in games for m in game.legal()[:20]})
        self.commands = [
            b"ugi", b"isready", b"uginewgame", b"position startpos", b"stop", b"go", b"go nodes 2",
            b"go infinite", b"go depth 2", b"query gameover", b"query result", b"query legalmoves",
            b"query state", b"query moves", b"query p1turn", b"query p4turn", b"query islegal NT",
            b"query ranks", b"quit", *(b"setoption name " + value for value in _SETTINGS),
        ]  # fmt: skip

    def line(self, rng: random.Random) -> bytes:
        """One line, most of them a little wrong."""
        kind = rng.randrange(6)
        if kind == 0:
            moves = b" ".join(rng.choice(self.moves) for _ in range(rng.randrange(5)))
            text = b"position startpos moves " + moves
        elif kind == 1:
            text = b"position state " + rng.choice(self.states)
            if rng.random() < 0.5:
                text += b" moves " + rng.choice(self.moves)
        else:
            text = rng.choice(self.commands)
        if rng.random() < 0.6:
            text = spoil_bytes(rng, text)
        return rng.choice(ODD_TEXTS) + text if rng.random() < 0.05 else text

    def lines(self, rng: random.Random, most: int) -> bytes:
        """A few lines of a dialogue."""
        return b"\n".join(self.line(rng) for _ in range(rng.randrange(1, most)))


def check(line: str) -> bool:
    """An answer must be one printable line of a known kind; whether it is no error."""
    hold(line.isprintable() and len(line) < 1 << 20, f"an answer that is no line: {line[:200]!r}")
    hold(ANSWERS.match(line) is not None, f"an unknown answer: {line[:200]!r}")
    hold("internal" not in line, line)
    return not line.startswith("error")


class Protocol(_Lines):
    """The engine's own loop over a few lines, on a clock that runs as it is looked at."""

    name = "protocol"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        warm = [WARM]
        serve(Ugi(), lambda _: warm.pop() if warm else b"", lambda _: None)

    def make(self, rng: random.Random) -> bytes:
        """A short dialogue."""
        return self.lines(rng, 12)

    def read(self, data: bytes) -> bool:
        """Serve it to its end; afterwards the engine must still answer."""
        ticks = count()
        engine = Ugi(now=lambda: float(next(ticks)))
        said: list[str] = []
        rest = [data + b"\nstop\nisready\n"]
        serve(engine, lambda _: rest.pop(0) if rest else b"", said.append)
        fine = [check(line) for line in said]
        hold(engine.over or said[-1:] == ["readyok"], "it does not answer any more")
        # Lines are the same however the bytes arrive.
        short = data[:2000]
        pieces = [short[i : i + 7] for i in range(0, len(short), 7)]
        split = list(lines_of(lambda _: pieces.pop(0) if pieces else b""))
        rest = [short]
        whole = list(lines_of(lambda _: rest.pop(0) if rest else b""))
        hold(len(whole) == len(split), "lines depend on how the bytes arrive")
        return all(fine)


class Pipe(_Lines):
    """`ringrift engine` as a child that is fed through a pipe."""

    name = "pipe"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.log = folder / "engine.log"
        self.child: subprocess.Popen[bytes] | None = None
        self._ask(self._start(), WARM, 600)

    def make(self, rng: random.Random) -> bytes:
        """A dialogue; limits of time are left out, for a search of an hour is no fault."""
        return self.lines(rng, 30)

    def _start(self) -> subprocess.Popen[bytes]:
        program = "from ringrift.cli.main import main; main()"
        with self.log.open("wb") as log:
            self.child = subprocess.Popen(
                [sys.executable, "-c", program, "engine", "--agent", "random"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
            )
        return self.child

    def read(self, data: bytes) -> bool:
        """Feed it, ask whether it is there, and read all that it says."""
        child = self.child or self._start()
        said = self._ask(child, data, 30)
        log = self.log.read_text(errors="replace")
        hold("Traceback" not in log and "Error" not in log, f"on stderr: {log[-300:]}")
        if child.poll() is not None:
            self.close()
            # Only a line that is or begins with `quit` may end it.
            hold(child.returncode == 0, f"exit code {child.returncode}")
            hold(re.search(rb"(^|\n)\s*quit(\s|$)", data) is not None, "it ended unasked")
        return all([check(line) for line in said.decode().splitlines()][:-2])

    def _ask(self, child: subprocess.Popen[bytes], data: bytes, patience: float) -> bytes:
        """Send bytes, then a question; all that is said until its answer, or until the child ends."""
        assert child.stdin is not None
        assert child.stdout is not None
        said, left = b"", data + b"\nstop\nquery fence\nisready\n"
        last = time.monotonic()
        while b"unknown question 'fence'" not in said or not said.endswith(b"readyok\n"):
            if child.poll() is not None:
                return said
            silent = time.monotonic() - last
            if silent > patience and "compiling" in self.log.read_text(errors="replace"):
                patience = 600  # another agent of the engine, in a tree whose kernels have changed
            hold(silent < patience, f"no answer in {patience:.0f} s, after {said[-200:]!r}")
            ready, free, _ = select.select([child.stdout], [child.stdin] if left else [], [], 0.5)
            if free:
                try:
                    left = left[os.write(child.stdin.fileno(), left[:4096]) :]
                except BrokenPipeError:
                    left = b""
            if ready:
                said += os.read(child.stdout.fileno(), 1 << 16)
                last = time.monotonic()
        return said

    def close(self) -> None:
        """End the child."""
        if self.child is not None:
            self.child.kill()
            self.child.communicate()
            self.child = None
