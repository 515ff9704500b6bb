"""How long devices idle beside one config, with backfill runs and without: ``python -m benchmarks.idle --minutes 8``.

Workers and broker on the embedded parts, a state directory of its own, iterations of a minute or two. A first iteration
gives a trained network. Then for so many minutes a continuous loop leads, which opens no backfill runs: a config plays
nothing while its own run is taken in, trains or is judged. Then for as many minutes the master loop leads, which opens
them. From the ledger it prints for each what part of the slots' time was idle, the longest stretch, and what was made.

Nothing else should run on the machine meanwhile. Exit code 0, 1 when a loop ended by itself, 2 for wrong arguments,
130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks import slots
from benchmarks.loops.command import Command, Place
from benchmarks.slots import Idle, Span
from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.pipeline import nodes
from ringrift.pipeline.queues import GPU, QUEUES
from ringrift.settings import Settings
from ringrift.store import runs, stages
from ringrift.store.ledger import Ledger, Tx, open_ledger

#: Settings with which an iteration takes a minute or two on two cores.
SETTINGS = Path(__file__).resolve().parent / "loops" / "minutes.yaml"

#: Seconds between two looks, and that a step may take which no minutes are given for.
LOOK_SECONDS, PATIENCE = 0.5, 900.0

#: What leads in each part.
WITHOUT, WITH = "continuous", "master"


class Quiet(Place):
    """A place without matches beside the runs, of whose times the ledger knows nothing."""

    @property
    def environ(self) -> Mapping[str, str]:
        """As everywhere, and the matches once a day."""
        names = ("SHADOW_INTERVAL_SECONDS", "FULL_TOURNAMENT_INTERVAL_SECONDS")
        return {**super().environ, **{f"RINGRIFT__EVALUATION__{n}": "86400" for n in names}}


class Ended(Exception):
    """A command ended by itself, or what must come did not come."""


@dataclass(frozen=True, slots=True)
class Part:
    """What came of a loop's time."""

    name: str
    seconds: float
    idle: Idle
    #: Games and positions of shards that were done, and iterations that were closed.
    games: int
    positions: int
    iterations: int
    backfills: int

    @property
    def line(self) -> str:
        """For people."""
        each = 3600.0 / self.seconds
        return (
            f"{self.name:<22} {self.seconds:6.0f} s  idle {self.idle.share:6.1%}, "
            f"{self.idle.longest:5.1f} s at a stretch  {self.games * each:8,.0f} games/h  "
            f"{self.positions * each:9,.0f} positions/h  {self.iterations * each:5.1f} iterations/h  "
            f"{self.backfills} backfill runs"
        )


def measure(tx: Tx, name: str, config: str, within: Span) -> Part:
    """What the ledger holds of a time."""
    up = nodes.standing(tx)
    devices = slots.read(tx, [config], max(1, nodes.slots_of(up, GPU)))
    every = runs.all_runs(tx)
    shards = [
        row.result or {}
        for run in every
        for row in stages.stages_of(tx, run.id, stages.DONE)
        if row.stage == "selfplay" and _inside(row.finished_at, within)
    ]
    closed = [run for run in every if _inside(run.closed_at, within)]
    opened = [run for run in every if _inside(run.opened_at, within)]
    return Part(
        name=name,
        seconds=within.seconds,
        idle=devices.idle(within),
        games=sum(int(shard.get("games", 0)) for shard in shards),
        positions=sum(int(shard.get("positions", 0)) for shard in shards),
        iterations=sum(not run.backfill for run in closed),
        backfills=sum(run.backfill for run in opened),
    )


def _inside(at: float | None, within: Span) -> bool:
    return at is not None and within.start <= at < within.end


class Course:
    """The parts one after the other, over the same workers and the same ledger."""

    def __init__(self, place: Place, config: str, seconds: float) -> None:
        self.place, self.config, self.seconds = place, config, seconds
        self.ledger: Ledger = open_ledger(place.home)
        self._running: list[Command] = []

    def run(self) -> list[Part]:
        """Both parts. Raises Ended."""
        games = Settings.load(self.place.settings).selfplay.games_per_iteration
        try:
            self._start("up", "up", "--no-beat", "--no-flower")
            self._until(lambda: self._served() >= set(QUEUES), "workers of every queue")
            options = ("--config", self.config, "--games", str(games), "--cooldown", "0")
            loop = self._start(WITHOUT, "continuous", *options)
            self._until(lambda: self._iterations() > 0, "the first iteration")
            parts = [self._part(WITHOUT, "without backfill runs")]
            self._stop(loop)
            self._start(WITH, "master-loop", "--config", str(self.place.settings))
            self._until(lambda: bool(self._backfills()), "the first backfill run")
            return [*parts, self._part(WITH, "with backfill runs")]
        finally:
            for command in reversed(self._running[:]):
                self._stop(command)
            self.ledger.close()

    def _part(self, who: str, name: str) -> Part:
        """Let a loop lead for its time."""
        print(f"{who} leads", flush=True)
        with self.ledger.read() as tx:
            start = tx.now
        end = time.monotonic() + self.seconds
        self._until(lambda: time.monotonic() >= end, "the end", self.seconds)
        with self.ledger.read() as tx:
            part = measure(tx, name, self.config, Span(start, tx.now))
        print(part.line, flush=True)
        return part

    def _start(self, name: str, *arguments: str) -> Command:
        command = self.place.start(name, *arguments)
        self._running.append(command)
        return command

    def _stop(self, command: Command) -> None:
        self._running.remove(command)
        command.stop()

    def _until(self, reached: Callable[[], bool], about: str, more: float = 0.0) -> None:
        end = time.monotonic() + PATIENCE + more
        while not reached():
            for command in self._running:
                if not command.runs:
                    raise Ended(f"`{command.shown}` ended by itself: {command.last_words}")
            if time.monotonic() > end:
                raise Ended(f"{about}: not seen in {PATIENCE + more:.0f} s")
            time.sleep(LOOK_SECONDS)

    def _served(self) -> set[str]:
        with self.ledger.read() as tx:
            return {queue for node in nodes.up(tx).values() for queue in node.queues}

    def _iterations(self) -> int:
        with self.ledger.read() as tx:
            return runs.closed_iterations(tx, self.config)

    def _backfills(self) -> int:
        with self.ledger.read() as tx:
            return sum(run.backfill for run in runs.all_runs(tx))


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.idle",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=8.0, help="of each part (8)")
    parser.add_argument("--config", default="hex8:2", metavar="BOARD:PLAYERS", help="hex8:2")
    parser.add_argument(
        "--settings", type=Path, default=SETTINGS, metavar="FILE", help="other settings"
    )
    given = parser.parse_args(arguments)
    try:
        config = _checked(given)
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    home = Path(tempfile.mkdtemp(prefix="ringrift-idle-")).resolve()
    place = Quiet(home, Path(shutil.copy(given.settings, home)), (config,))
    try:
        without, beside = Course(place, config, given.minutes * 60.0).run()
    except Ended as error:
        print(f"error: {error}\nkept     {home}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    shutil.rmtree(home, ignore_errors=True)
    if without.games and without.idle.share:
        print(
            f"with them devices idle {beside.idle.share / without.idle.share:.3f} times as long, and "
            f"{(beside.games / beside.seconds) / (without.games / without.seconds):.2f} times as many games are played"
        )
    return 0


def _checked(given: argparse.Namespace) -> str:
    """The config. Raises BadInput."""
    if not 0 < given.minutes <= 10_000:
        raise BadInput(f"--minutes {given.minutes:g}: expected more than 0, 10000 at most")
    Settings.load(given.settings)
    return str(Config.parse(given.config))


if __name__ == "__main__":
    # A shell starts what it runs in the background with Ctrl-C ignored, and the commands would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
