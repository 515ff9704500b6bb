"""What lanes give: search and network at the same time, in one process (`ringrift.selfplay.lanes`).

    python -m benchmarks.lanes [--config hex8:2] [--seconds 20] [--backend torch] [--quick] [--json]
    python -m benchmarks.lanes --channels 16 --blocks 2      with a small network, as fast as a device would be

Every way plays the same games, of 64 slots unless told otherwise, all filled while it is measured. The ways take turns
in short pieces, so that what else the machine does falls on all of them alike:

    1 lane                     search and network by turns, on one core: the base
    1 lane, 2 network threads  the other use of a second core
    2 lanes in threads         a core each, batches half as wide
    2 lanes in turn            batches half as wide on one core: what lanes cost where nothing overlaps
    2 lanes in turn + device   the same, the network on the second core by a thread that stands for a GPU
    … + fast device            instead of the network, a clock that takes as long for a position as the search does

With a share s of the time of the base in the search, the last can at most be 1 / max(s, 1 - s) times as fast as the
base, at the speed of half batches; the share is measured in the same run, by the clock of the calls into the network.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.background import Background, Said
from benchmarks.machine import FOREIGN_LIMIT, Watch, describe
from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.nets.arch import Arch
from ringrift.nets.backend import Backend
from ringrift.nets.checkpoint import init_model
from ringrift.nets.choice import named_backend
from ringrift.nets.evaluators import make_evaluator
from ringrift.rules.game import opening
from ringrift.rules.legal import Legal
from ringrift.search.evaluator import Evaluator, UniformEvaluator
from ringrift.selfplay.lanes import Lanes, lane_width, make_pool
from ringrift.selfplay.pool import SelfplayParameters, SelfplayPool
from ringrift.settings import Settings

#: Games that are never all begun in a measurement.
GAMES = 1_000_000


@dataclass(frozen=True, slots=True)
class Way:
    """One way to play."""

    name: str
    lanes: int = 1
    #: A thread for each lane.
    threads: bool = False
    #: The network in a thread beside.
    device: bool = False
    #: Compute threads of the network.
    compute: int = 1


WAYS = (
    Way("1 lane"),
    Way("1 lane, 2 network threads", compute=2),
    Way("2 lanes in threads", lanes=2, threads=True),
    Way("2 lanes in turn", lanes=2),
    Way("2 lanes in turn + device", lanes=2, device=True),
)

#: The same beside a device that takes as long for a position as the search does, and no processor: a fast GPU.
ON_DEVICE = (
    Way("1 lane + fast device", device=True),
    Way("2 lanes in turn + fast device", lanes=2, device=True),
)


class Timed:
    """Another evaluator, whose seconds are counted."""

    def __init__(self, inner: Evaluator) -> None:
        """Nothing so far."""
        self.inner = inner
        self.config = inner.config
        self.batch_size = inner.batch_size
        self.seconds = 0.0

    def submit(self, states: NDArray[np.uint16], legal: Legal) -> None:
        """As `Evaluator.submit`."""
        start = time.perf_counter()
        self.inner.submit(states, legal)
        self.seconds += time.perf_counter() - start

    def wait(self) -> Said:
        """As `Evaluator.wait`."""
        start = time.perf_counter()
        said = self.inner.wait()
        self.seconds += time.perf_counter() - start
        return said

    def evaluate(self, states: NDArray[np.uint16], legal: Legal) -> Said:
        """As `Evaluator.evaluate`."""
        self.submit(states, legal)
        return self.wait()


class Paced(UniformEvaluator):
    """A device that needs no processor: it answers after so many seconds a position."""

    def __init__(self, config: Config, batch_size: int, seconds: float) -> None:
        """seconds: for each position."""
        super().__init__(config, batch_size)
        self.seconds = seconds

    def evaluate(self, states: NDArray[np.uint16], legal: Legal) -> Said:
        """As `Evaluator.evaluate`, in time."""
        time.sleep(self.seconds * len(states))
        return super().evaluate(states, legal)


#: (rows, compute threads) -> evaluator.
Maker = Callable[[int, int], Evaluator]


class Play:
    """One way, that goes on whenever it is its turn."""

    def __init__(self, way: Way, config: Config, make: Maker, search: SelfplayParameters) -> None:
        """Make it ready."""
        self.way = way
        self.device = ThreadPoolExecutor(1) if way.device else None
        evaluators: list[Evaluator] = []
        for _ in range(way.lanes):
            evaluator = make(lane_width(search.slots, way.lanes), way.compute)
            evaluators.append(Background(evaluator, self.device) if self.device else evaluator)
        self.timed = [Timed(one) for one in evaluators]
        start = opening(config)
        self.pool: SelfplayPool | Lanes = make_pool(self.timed, start, search, threads=way.threads)
        self.run = self.pool.run(np.arange(GAMES, dtype=np.uint64))
        #: Of each piece: evaluations, seconds, processor seconds, seconds in the network.
        self.pieces: list[tuple[int, float, float, float]] = []

    def piece(self, seconds: float) -> None:
        """Play for so long, up to a place where no lane is at work, and count."""
        torch.set_num_threads(self.way.compute)  # one number for the whole process
        before = self._now()
        end = time.perf_counter() + seconds
        for game in self.run:
            if game is None and time.perf_counter() >= end:
                break
        self.pool.snapshot()
        after = self._now()
        self.pieces.append(tuple(a - b for a, b in zip(after, before, strict=True)))  # type: ignore[arg-type]

    def close(self) -> None:
        """End its threads."""
        self.run.close()
        if self.device:
            self.device.shutdown()

    def _now(self) -> tuple[int, float, float, float]:
        inside = sum(one.seconds for one in self.timed)
        return self.pool.evaluations, time.perf_counter(), time.process_time(), inside


@dataclass(frozen=True, slots=True)
class Figures:
    """What a way did."""

    name: str
    #: Evaluations per second, median of the pieces, and (fastest - slowest) / median.
    rate: float
    spread: float
    #: Median of this way's rate over that of the base in the same turn.
    ratio: float
    #: Processor seconds per second.
    cores: float
    #: Share of the time that a lane spent in the network.
    network: float

    def as_dict(self) -> dict[str, float | str]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def figures_of(play: Play, base: Sequence[float]) -> Figures:
    """The figures of a way; base: rates of the base, turn by turn."""
    rates = [evaluations / wall for evaluations, wall, _, _ in play.pieces]
    wall = sum(piece[1] for piece in play.pieces)
    median = statistics.median(rates)
    return Figures(
        play.way.name,
        median,
        (max(rates) - min(rates)) / median,
        statistics.median(rate / other for rate, other in zip(rates, base, strict=True)),
        sum(piece[2] for piece in play.pieces) / wall,
        sum(piece[3] for piece in play.pieces) / (wall * play.way.lanes),
    )


def measure(
    config: Config,
    make: Maker,
    search: SelfplayParameters,
    seconds: float,
    turns: int,
    ways: Sequence[Way],
) -> list[Figures]:
    """All ways in turn, each so many seconds in all; the first of the ways is the base."""
    plays = [Play(way, config, make, search) for way in ways]
    for _ in range(turns + 1):
        for play in plays:
            play.piece(seconds / turns)
    for play in plays:
        play.close()
        del play.pieces[0]  # the warm-up
    base = [evaluations / wall for evaluations, wall, _, _ in plays[0].pieces]
    return [figures_of(play, base) for play in plays]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; exit code 1 where the machine was busy with other things."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lanes", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--config", default="hex8:2", metavar="BOARD:PLAYERS")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each way, in all")
    parser.add_argument("--turns", type=int, default=5, help="pieces that these are played in")
    parser.add_argument("--backend", default="torch", help="as in the setting selfplay.backend")
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--channels", type=int, help="of the network; default: settings")
    parser.add_argument("--blocks", type=int, help="of the network; default: settings")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--quick", action="store_true", help="a first look: 2 seconds each")
    given = parser.parse_args(arguments)
    if given.seconds <= 0 or given.turns < 1 or given.slots < 2:
        parser.error("--seconds, --turns, --slots: expected above 0, at least 1, at least 2")
    try:
        config = Config.parse(given.config)
        tower = Settings.load().network.tower(config.board)
        size = Arch(given.channels or tower.channels, given.blocks or tower.blocks)
        backend = named_backend(given.backend, given.slots)
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    net = init_model(config, size, 1)
    search = SelfplayParameters(slots=given.slots)

    def make(rows: int, threads: int) -> Evaluator:
        return make_evaluator(net, Backend(backend.kind, backend.dtype, rows, threads))

    seconds, turns = 2.0 if given.quick else given.seconds, given.turns
    with Watch() as watch:
        found = measure(config, make, search, seconds, turns, WAYS)
        pace = (1 - found[0].network) / found[0].rate
        found += measure(
            config, lambda rows, _: Paced(config, rows, pace), search, seconds, turns, ON_DEVICE
        )
    if given.json:
        document = {
            "benchmark": "lanes",
            "machine": describe(),
            "config": given.config,
            "backend": backend.to_dict(),
            "foreign_load": watch.foreign,
            "void": watch.void,
            "ways": [one.as_dict() for one in found],
        }
        sys.stdout.write(json.dumps(document) + "\n")
        return int(watch.void)
    print(f"{config}, {size.channels} × {size.blocks}, {backend}, {describe()['cores']} cores")
    print(f"{'':28}evaluations/s   spread   times   cores   in the network")
    for one in found:
        print(
            f"{one.name:30}{one.rate:>11,.0f}   {one.spread:>6.1%}   {one.ratio:>5.2f}   "
            f"{one.cores:>5.2f}   {one.network:>14.1%}"
        )
    share = 1 - found[0].network
    print(f"search alone: {share:.1%} of the time of the base")
    print(
        f"foreign load {watch.foreign:.1%} (limit {FOREIGN_LIMIT:.0%}): "
        f"{'VOID' if watch.void else 'valid'}"
    )
    return int(watch.void)


if __name__ == "__main__":
    sys.exit(main())
