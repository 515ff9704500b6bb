"""Lanes: search and network at the same time, in one process.

A `SelfplayPool` steps its slots, then the network looks at one batch, then it steps again: of the two, one always
waits. Here the slots are dealt out to L pools, the lanes, each with its own trees, games, batch and evaluator.
Game i of a shard belongs to lane i mod L. A lane goes round in a cycle, and each round of a lane is one of these::

    step (kernel, no GIL) ─▶ submit ─▶ wait ─▶ absorb (kernel, no GIL)

There are two ways to let lanes overlap:

- **in turn**, where the network has a device of its own and `submit` returns at once. One thread:

      processor   step A │ step B │ absorb, step A │ absorb, step B │ …
      device             │   A    │       B        │       A        │ …

- **in threads**, where the network is computed by the processor and cores are to spare: a thread for each lane, with
  one core each. Kernels and networks hold no GIL. On one core this only makes the batches narrower.

Lanes know nothing of each other, so what a lane does does not depend on time. Finished games are handed out in the
order of (round, lane), also from threads: the same seeds and the same number of lanes give the same games in the same
order, in turn, in threads, or after an interruption.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ringrift.errors import BadInput
from ringrift.search.evaluator import Evaluator
from ringrift.selfplay.pool import FinishedGame, SelfplayParameters, SelfplayPool
from ringrift.selfplay.starts import Start

#: With lanes in threads: rounds that a lane may be ahead of the games that were handed out. It lets a lane go on
#: while another has a longer step, or the caller writes a game down.
AHEAD: Final = 4

#: With lanes in threads: seconds between two halts, at which progress is told and checkpoints can be written. A halt
#: costs what the lanes have drifted apart in their work since the last one.
HALT_EVERY: Final = 0.25

#: Lanes on a GPU, where 0 lanes are asked for: one for the device, one for the processor.
ON_DEVICE: Final = 2


def number_of_lanes(wanted: int, kind: str, slots: int, games: int) -> int:
    """Lanes of a shard, at most one per slot and game; 0 wanted: what suits a backend of this kind.

    That is two on a GPU, and one on a processor, all whose cores are taken to be busy with other workers.
    """
    if wanted == 0:
        wanted = ON_DEVICE if has_device(kind) else 1
    return max(1, min(wanted, slots, games))


def has_device(kind: str) -> bool:
    """Whether a backend of this kind computes beside the processor, so that lanes take turns in one thread."""
    return kind.endswith("-cuda")


def lane_width(slots: int, lanes: int) -> int:
    """Slots of each lane, and so rows of a batch; all lanes have the same."""
    return -(-slots // lanes)


def make_pool(
    evaluators: Sequence[Evaluator],
    opening: NDArray[np.uint16],
    parameters: SelfplayParameters,
    *,
    threads: bool,
) -> SelfplayPool | Lanes:
    """A pool with a lane for each of the evaluators; a single one needs neither turns nor threads."""
    count = len(evaluators)
    pools = [
        SelfplayPool(evaluator, opening, parameters, (number, count))
        for number, evaluator in enumerate(evaluators)
    ]
    return pools[0] if count == 1 else Lanes(pools, threads=threads)


class Lanes:
    """Several pools that play one shard; used as a `SelfplayPool`."""

    def __init__(self, pools: Sequence[SelfplayPool], *, threads: bool) -> None:
        """pools: lane i of L plays the games i, i + L, …; threads: one for each lane, or turns in the caller's."""
        self.pools = tuple(pools)
        self.threads = threads
        #: Leaves of each lane that the network has and that were not absorbed yet; in turn only.
        self._asked = [0] * len(self.pools)
        #: Lane whose round comes next; int64[1], so that a snapshot has it too.
        self._turn = np.zeros(1, np.int64)
        self._restored = False

    @property
    def evaluations(self) -> int:
        """Leaves evaluated so far."""
        return sum(pool.evaluations for pool in self.pools)

    @property
    def batches(self) -> int:
        """Batches that carried them."""
        return sum(pool.batches for pool in self.pools)

    def run(
        self, seeds: NDArray[np.uint64], starts: Mapping[int, Start] | None = None
    ) -> Generator[FinishedGame | None]:
        """Play one game per seed; yields as `SelfplayPool.run`, and None wherever a snapshot may be taken.

        What goes wrong in a lane is raised here. Closed, or left by an exception, it leaves no thread and no
        evaluation behind.
        """
        if not self._restored:
            self._turn[0] = 0
        self._restored = False
        for pool in self.pools:
            pool.begin(seeds, starts)
        return self._in_threads(seeds) if self.threads else self._in_turn(seeds)

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """As `SelfplayPool.snapshot`; evaluations that are under way are waited for and absorbed first.

        That changes no game, since a lane takes in the same whenever it does.
        """
        self._settle()
        arrays = {
            f"lane{number}.{name}": array
            for number, pool in enumerate(self.pools)
            for name, array in pool.snapshot().items()
        }
        return {**arrays, "turn": self._turn}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """As `SelfplayPool.restore`."""
        own = self.snapshot()
        form = {name: (array.dtype, array.shape) for name, array in own.items()}
        if form != {name: (array.dtype, array.shape) for name, array in arrays.items()}:
            raise BadInput("its arrays are not those of these lanes")
        for number, pool in enumerate(self.pools):
            prefix = f"lane{number}."
            pool.restore(
                {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
            )
        self._turn[...] = arrays["turn"]
        self._restored = True

    def _order(self) -> list[int]:
        """Lanes in the order of their rounds from now on."""
        lanes, turn = list(range(len(self.pools))), int(self._turn[0])
        return lanes[turn:] + lanes[:turn]

    def _settle(self) -> None:
        """Absorb what is under way."""
        for lane in range(len(self.pools)):
            self._absorb(lane)

    def _absorb(self, lane: int) -> bool:
        """Wait for the evaluation of a lane and absorb it; False if there is none."""
        leaves, self._asked[lane] = self._asked[lane], 0
        if leaves:
            self.pools[lane].absorb(leaves)
        return leaves > 0

    def _in_turn(self, seeds: NDArray[np.uint64]) -> Generator[FinishedGame | None]:
        """One thread: each lane in turn absorbs, steps and submits, while the device has the others."""
        playing = deque(self._order())
        try:
            while playing:
                lane = playing[0]
                self._turn[0] = lane
                if self._absorb(lane):
                    yield None
                leaves, finished = self.pools[lane].advance(seeds)
                yield from finished
                playing.rotate(-1)
                if leaves:
                    self.pools[lane].submit(leaves)
                    self._asked[lane] = leaves
                elif not finished:
                    playing.pop()
        finally:
            self._settle()

    def _in_threads(self, seeds: NDArray[np.uint64]) -> Generator[FinishedGame | None]:
        """A thread for each lane; the caller's collects the games, round by round."""
        shared = _Shared()
        order = self._order()
        threads = [_LaneThread(lane, self.pools[lane], seeds, shared) for lane in order]
        playing = list(threads)
        done, halt = 0, time.monotonic() + HALT_EVERY
        try:
            for thread in threads:
                thread.start()
            while playing:
                if done == shared.limit:  # all lanes stand, and all their games are handed out
                    yield None
                    halt = time.monotonic() + HALT_EVERY
                    shared.allow(done + AHEAD)
                elif time.monotonic() < halt:
                    shared.allow(done + AHEAD)
                for thread in tuple(playing):
                    finished = shared.next_of(thread)
                    if finished is None:
                        playing.remove(thread)
                    else:
                        yield from finished
                done += 1
        finally:
            shared.stop()
            for thread in threads:
                if thread.ident is not None:
                    thread.join()


class _Shared:
    """What the threads of the lanes and the caller's tell each other."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        #: Rounds that the lanes may play.
        self.limit = AHEAD
        self._stopped = False

    def allow(self, rounds: int) -> None:
        """Let the lanes play so many rounds in all."""
        with self._changed:
            self.limit = rounds
            self._changed.notify_all()

    def stop(self) -> None:
        """Let no lane begin another round."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def may_play(self, number: int) -> bool:
        """Wait until a lane may play the round of this number; False if it is to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or number < self.limit)
            return not self._stopped

    def tell(self, thread: _LaneThread, said: list[FinishedGame] | BaseException | None) -> None:
        """Hand over what a lane's round brought."""
        with self._changed:
            thread.rounds.append(said)
            self._changed.notify_all()

    def next_of(self, thread: _LaneThread) -> list[FinishedGame] | None:
        """Games that ended in the next round of a lane, None if it has played all; raises what the lane raised."""
        with self._changed:
            self._changed.wait_for(lambda: thread.rounds)
            said = thread.rounds.popleft()
        if isinstance(said, BaseException):
            raise said
        return said


class _LaneThread(threading.Thread):
    """Plays one lane."""

    def __init__(
        self, lane: int, pool: SelfplayPool, seeds: NDArray[np.uint64], shared: _Shared
    ) -> None:
        # A daemon: should a device hang for good, the program can still be ended.
        super().__init__(name=f"lane {lane}", daemon=True)
        self.pool = pool
        self.seeds = seeds
        self.shared = shared
        #: What rounds brought that the caller has not taken: games, None for the end, or what was raised.
        self.rounds: deque[list[FinishedGame] | BaseException | None] = deque()

    def run(self) -> None:
        """Play round after round until all games are over, or the caller wants no more."""
        number = 0
        try:
            while self.shared.may_play(number):
                leaves, finished = self.pool.advance(self.seeds)
                if leaves:
                    self.pool.submit(leaves)
                    self.pool.absorb(leaves)
                elif not finished:
                    self.shared.tell(self, None)
                    return
                self.shared.tell(self, finished)
                number += 1
        except BaseException as error:  # noqa: BLE001 (it is raised again in the caller's thread)
            self.shared.tell(self, error)
