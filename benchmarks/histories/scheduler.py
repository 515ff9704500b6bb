"""Simulated time and processes: one thing happens at a time, in an order that follows from a seed.

A process is a name with some actors (greenlets: only one runs, until it hands over) and pulses (short
work at intervals). Real code runs inside and calls `point` wherever the world may
interfere: before, within and after each transaction, each look at Redis, each message. There its
process may die (as by kill -9: nothing after that has an effect), stand still (as by SIGSTOP) or let
others go first.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from greenlet import getcurrent, greenlet

#: Of the first process of a history; they count up.
FIRST_PID = 100


class Killed(BaseException):
    """The process is dead: unwinds its code, whose last deeds have no effect."""


@dataclass(slots=True)
class Faults:
    """How often the world interferes, per point; all 0: never."""

    kill: float = 0.0
    #: Stand still for minutes.
    stop: float = 0.0
    #: Let others go first.
    switch: float = 0.0
    #: The ledger is busy for too long.
    busy: float = 0.0
    #: A message is lost, comes twice, comes late.
    lose: float = 0.0
    double: float = 0.0
    late: float = 0.0
    #: A service fails.
    fail: float = 0.0
    #: A shard's file is found broken.
    spoil: float = 0.0


@dataclass(eq=False, slots=True)
class Process:
    """One operating system process of the cluster."""

    name: str
    host: str
    pid: int
    alive: bool = True
    #: Until then it stands still.
    stopped_until: float = 0.0
    #: Dies after so many more points; None: by chance alone.
    doomed: int | None = None
    #: It steps back for others: what it saw last is that a master is at work.
    defers: bool = False
    on_death: Callable[[], None] | None = None
    actors: list[Actor] = field(default_factory=list)

    @property
    def owner(self) -> str:
        """As `ringrift.pipeline.owner.owner` names it."""
        return f"{self.host}:{self.pid}:1"


class Actor:
    """What a process does, from its beginning to its end, with pauses."""

    def __init__(self, sim: Simulation, process: Process, run: Callable[[], None]) -> None:
        self.sim = sim
        self.process = process
        self.done = False
        self._run = run
        self._fiber = greenlet(self._main)
        process.actors.append(self)

    def _main(self) -> None:
        try:
            if self.process.alive:
                self._run()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - nothing may escape: it is told as a finding
            self.sim.crash = self.sim.crash or error
        finally:
            self.done = True

    def resume(self) -> None:
        """Run it until it pauses or ends; for the scheduler, or for whoever kills its process."""
        if self.done:
            return
        before = self.sim.actor, self.sim.process
        self.sim.actor, self.sim.process = self, self.process
        self._fiber.parent = getcurrent()  # where it goes on when this one pauses or ends
        self._fiber.switch()
        self.sim.actor, self.sim.process = before
        if self.done:
            self.process.actors.remove(self)

    def pause(self) -> None:
        """Let the scheduler go on; for the actor itself."""
        found = self._fiber.parent
        assert found is not None
        found.switch()
        if not self.process.alive:
            raise Killed


class Simulation:
    """Events in the order of their simulated time."""

    def __init__(self, seed: int | str, faults: Faults) -> None:
        self.rng = random.Random(seed)
        self.faults = faults
        #: Seconds since 1970.
        self.now = 1_700_000_000.0
        self.start = self.now
        self.steps = 0
        #: What happened, for people: (seconds since the start, text).
        self.history: list[tuple[float, str]] = []
        self.actor: Actor | None = None
        self.process: Process | None = None
        #: An exception that nothing of the code under test caught.
        self.crash: BaseException | None = None
        self.processes: list[Process] = []
        self._heap: list[tuple[float, int, Process | None, Callable[[], None]]] = []
        self._number = 0
        self._nested = 0

    def clock(self) -> float:
        """The simulated time."""
        return self.now

    def note(self, text: str) -> None:
        """Write into the history."""
        self.history.append((self.now - self.start, text))

    def at(self, seconds: float, what: Callable[[], None], process: Process | None = None) -> None:
        """Do something in so many seconds, unless the process is dead by then."""
        self._number += 1
        heapq.heappush(self._heap, (self.now + seconds, self._number, process, what))

    def spawn(self, process: Process, run: Callable[[], None], after: float = 0.0) -> None:
        """Start an actor."""
        self.at(after, Actor(self, process, run).resume, process)

    def new_process(self, name: str, host: str) -> Process:
        """Start a process."""
        found = Process(name, host, FIRST_PID + len(self.processes))
        self.processes.append(found)
        return found

    def step(self) -> bool:
        """Let the next thing happen; False when nothing is to come."""
        while self._heap:
            due, number, process, what = heapq.heappop(self._heap)
            if process is not None and not process.alive:
                continue
            if process is not None and process.stopped_until > due:
                heapq.heappush(self._heap, (process.stopped_until, number, process, what))
                continue
            self.now = max(self.now, due)
            self.steps += 1
            before, self.process = self.process, process
            try:
                what()
            except Killed:
                pass
            finally:
                self.process = before
            return True
        return False

    def sleep(self, seconds: float) -> None:
        """Pause the actor that calls; others go on."""
        me = self.actor
        assert me is not None, "only actors sleep"
        self.at(seconds, me.resume, me.process)
        me.pause()

    def kill(self, process: Process) -> None:
        """End a process at once. Its own actor must raise Killed after this."""
        if not process.alive:
            return
        process.alive = False
        for actor in list(process.actors):
            if actor is not self.actor and not actor.done:
                actor.resume()
        if process.on_death is not None:
            process.on_death()

    def point(self, what: str) -> None:
        """A place where the world may interfere with the process that calls."""
        process, actor = self.process, self.actor
        if process is None:
            return
        self.die_here(what)
        if actor is None or actor.process is not process or self._nested:
            return
        chance = self.rng.random()
        if chance < self.faults.stop:
            process.stopped_until = self.now + self.rng.uniform(10, 400)
            self.note(f"{process.name} stands still {what}")
            self.sleep(0)
        elif chance < self.faults.stop + self.faults.switch:
            self.sleep(self.rng.random() * 3)

    def die_here(self, what: str) -> None:
        """A place where the process that calls may die, and cannot be interrupted otherwise."""
        process = self.process
        if process is None:
            return
        if not process.alive:
            raise Killed
        doomed = process.doomed is not None and process.doomed <= 0
        if process.doomed is not None:
            process.doomed -= 1
        if doomed or (self.faults.kill and self.rng.random() < self.faults.kill):
            self.note(f"{process.name} dies {what}")
            self.kill(process)
            raise Killed

    def end(self) -> None:
        """Let all actors end."""
        for process in self.processes:
            process.on_death = None
            self.kill(process)


class SimPulse:
    """A pulse of a simulated process (`ringrift.pipeline.pulse.Pulse`)."""

    def __init__(
        self, sim: Simulation, process: Process, seconds: float, beat: Callable[[], bool]
    ) -> None:
        self._sim = sim
        self._process = process
        self._seconds = seconds
        self._beat = beat
        self._stopped = False
        self._wait()

    def stop(self) -> None:
        """End it."""
        self._stopped = True

    def _wait(self) -> None:
        self._sim.at(self._seconds, self._run, self._process)

    def _run(self) -> None:
        if not self._stopped and self._beat() and not self._stopped:
            self._wait()
