"""What is done with the loops, step by step, and what is seen at each step.

    workers     ringrift up --no-beat          broker and workers
    master      ringrift master-loop           the clock and the decisions, beside them
    continuous  ringrift continuous            finds a master at work, and defers
    …           a while of work
    killed      kill -9 of the master loop     its lease expires, the continuous loop takes over
    …           a while of work
    back        ringrift master-loop           takes the lease again, the continuous loop yields
    …           a while of work
    end         Ctrl-C to each, in order       nothing is left running, the ledger is computed again

A step waits for what must come of it, with patience; if it does not come, the story ends there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psutil
import redis

from benchmarks.loops.command import Answer, Command, Place
from benchmarks.slots import Span
from ringrift.broker.address import client_of
from ringrift.broker.embedded import running_url
from ringrift.errors import RingRiftError
from ringrift.pipeline import nodes
from ringrift.pipeline.lease import Holder, read_lease
from ringrift.store import events, matches, runs
from ringrift.store.events import EventRow
from ringrift.store.ledger import MASTER, Ledger, open_ledger
from ringrift.store.loops import DEFERRED, LoopRow, all_loops, get_loop
from ringrift.store.runs import RunRow

#: The loop that defers: its lease and its row.
CONTINUOUS = "continuous"

#: Seconds between two looks.
LOOK_SECONDS = 0.5

#: Seconds between two lines about a while of work.
LINE_SECONDS = 60.0

#: Queues whose workers must be there before anything begins.
QUEUES = frozenset({"gpu", "cpu", "control"})

#: Seconds until processes that were told to end are gone.
GONE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Plot:
    """How long, and with what."""

    #: Seconds of each of the three whiles of work, at least.
    work_seconds: float
    #: Games of a run that the continuous loop opens: no run of the master has as many.
    games: int
    #: Seconds that the continuous loop rests between two of its iterations.
    cooldown: float
    #: Seconds that a step waits for what must come of it.
    patience: float


@dataclass(frozen=True, slots=True)
class Moment:
    """What was seen at one step."""

    #: Short name of the step, and what was done, in a sentence.
    step: str
    done: str
    #: Seconds since 1970.
    at: float
    #: Who holds which lease.
    leases: Mapping[str, Holder | None]
    loops: tuple[LoopRow, ...]
    #: Workers that said that they are up, and whose process is there: name -> host:pid.
    workers: Mapping[str, str]
    #: What `ringrift status` says.
    status: Answer
    #: Told since the moment before.
    events: tuple[EventRow, ...]


@dataclass(slots=True)
class Told:
    """The whole story."""

    started: float
    #: Commands that were started, as a person types them.
    commands: list[str] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    #: (seconds since 1970, who holds the master lease, state of the continuous loop) at each change.
    changes: list[tuple[float, str, str]] = field(default_factory=list)
    #: Of each match beside the runs, from its planning until its games were there, as far as it was seen.
    beside: list[Span] = field(default_factory=list)
    #: Times of what only this program knows, seconds since 1970.
    marks: dict[str, float] = field(default_factory=dict)
    #: Exit codes of the commands that were told to end.
    codes: dict[str, int] = field(default_factory=dict)
    #: Processes that were left when all had ended.
    left: list[str] = field(default_factory=list)
    #: `ringrift ledger verify` afterwards.
    verify: Answer | None = None
    #: Why the story ended early, None if it did not.
    broken: str | None = None


class NotSeen(Exception):
    """What must come of a step did not come."""


def held(holder: Holder | None) -> str:
    """How a lease is held: a new holder has no number before SQL has given it one."""
    if holder is None:
        return "nobody"
    return f"fence {holder.fence}" if holder.fence else "being taken"


class Story:
    """Does the steps, in order, and tells what came of them."""

    def __init__(self, place: Place, plot: Plot, say: Callable[[str], None] = print) -> None:
        self.place, self.plot, self.say = place, plot, say
        self.told = Told(time.time())
        self._running: dict[str, Command] = {}
        self._ledger: Ledger | None = None
        self._seq = 0
        self._ended = threading.Event()

    def play(self) -> Told:
        """Do all steps; the end in any case. KeyboardInterrupt ends it early, too."""
        steps = (self.workers, self.master, self.continuous, self.led, self.killed, self.carried)
        watch = threading.Thread(target=self._watch, name="who-leads", daemon=True)
        watch.start()
        try:
            for step in (*steps, self.back, self.led_again):
                step()
        except (NotSeen, RingRiftError) as error:
            self.told.broken = str(error)
        except KeyboardInterrupt:
            self.told.broken = "interrupted"
        if self.told.broken:
            self.say(f"ends early: {self.told.broken}")
        try:
            self.end()
        finally:
            self._ended.set()
            watch.join()
            if self._ledger is not None:
                self._ledger.close()
        return self.told

    # ── Steps ──

    def workers(self) -> None:
        """Broker and workers, and nothing that decides."""
        self.start("up", "up", "--no-beat", "--no-flower")
        self.until(lambda: self._serves() >= QUEUES, "workers of every queue")
        self.see("workers", "Broker and workers were started; nothing decides yet.")

    def master(self) -> None:
        """A master loop beside them."""
        self.start("master", "master-loop", "--config", str(self.place.settings))
        self.until(lambda: self.holder(MASTER) is not None, "a holder of the master lease")
        self.until(lambda: self.count(runs.OPEN) > 0, "the master's first run")
        self.see("master", "The master loop was started; it took its lease and opened runs.")

    def continuous(self) -> None:
        """A continuous loop that finds a master."""
        configs = [word for name in self.place.configs for word in ("--config", name)]
        rest = ("--games", str(self.plot.games), "--cooldown", f"{self.plot.cooldown:g}")
        self.start(CONTINUOUS, "continuous", *configs, *rest)
        self.until(lambda: self.deferrals() == 1, "the deferral of the continuous loop")
        self.see("deferred", "A continuous loop was started; it found the master, and defers.")

    def led(self) -> None:
        """A while of the master's work, until each config came through an iteration."""
        self.work(lambda: self.closed() >= set(self.place.configs), "an iteration of each config")
        self.see("led", "The master worked for a while; the continuous loop looked on.")

    def killed(self) -> None:
        """kill -9 of the master; its lease expires, and the continuous loop takes over."""
        self.told.marks["killed"] = time.time()
        self._running.pop("master").kill()
        self.see("killed", "kill -9 of the master loop, which could tell nobody.")
        self.until(lambda: self.resumptions() == 1, "the continuous loop's taking over")
        self.see(
            "taken over", "The lease ran out; the continuous loop looked again, and took over."
        )

    def carried(self) -> None:
        """A while of the continuous loop's work, until it has opened a run of its own and ended one."""
        closed = self.ended()
        self.work(
            lambda: self.own_runs() > 0 and self.ended() > closed, "a run of the continuous loop"
        )
        self.see("carried", "The continuous loop worked for a while; no master was there.")

    def back(self) -> None:
        """The master is started again; the continuous loop yields."""
        self.start("master", "master-loop", "--config", str(self.place.settings))
        self.until(lambda: self.holder(MASTER) is not None, "a holder of the master lease")
        self.until(lambda: self.deferrals() == 2, "the yielding of the continuous loop")
        self.see("back", "The master loop was started again; the continuous loop yields to it.")

    def led_again(self) -> None:
        """A while of the second master's work."""
        closed = self.ended()
        self.work(lambda: self.ended() > closed, "the end of an iteration")
        self.see("led again", "The master worked for a while again.")

    def end(self) -> None:
        """Ctrl-C to each, in order; then nothing may be left, and the ledger is computed again."""
        for name in (CONTINUOUS, "master", "up"):
            command = self._running.pop(name, None)
            if command is not None:
                self.say(f"Ctrl-C: {command.shown}")
                self.told.codes[name] = command.stop()
        _, left = psutil.wait_procs(self.place.processes(), GONE_SECONDS)
        for process in left:
            with suppress(psutil.Error):
                self.told.left.append(f"{process.pid}: {' '.join(process.cmdline())}")
                process.kill()
        self.see("end", "Ctrl-C to the continuous loop, the master loop and the workers.")
        self.say("ringrift ledger verify")
        self.told.verify = self.place.ask("ledger", "verify")

    # ── What steps are made of ──

    def start(self, name: str, *arguments: str) -> None:
        """Start a command, and look after it from now on."""
        self._running[name] = command = self.place.start(name, *arguments)
        self.told.commands.append(command.shown)
        self.say(f"{self.clock()}  {command.shown}")

    def work(self, reached: Callable[[], object], about: str) -> None:
        """Let a while go by, and as long as it takes beyond that until something is reached."""
        end = time.monotonic() + self.plot.work_seconds
        self.until(
            lambda: time.monotonic() >= end,
            "the end of a while",
            self.plot.work_seconds,
            LINE_SECONDS,
        )
        self.until(reached, about)

    def until(
        self,
        reached: Callable[[], object],
        about: str,
        more: float = 0.0,
        line: float = float("inf"),
    ) -> None:
        """Look after everything until something holds. NotSeen when patience ends, or a command did."""
        end, said = time.monotonic() + self.plot.patience + more, time.monotonic()
        while not reached():
            for command in self._running.values():
                if not command.runs:
                    code = command.process.returncode
                    raise NotSeen(
                        f"`{command.shown}` ended by itself with {code}: {command.last_words}"
                    )
            if time.monotonic() > end:
                raise NotSeen(f"{about}: not seen in {self.plot.patience + more:.0f} s")
            if time.monotonic() - said > line:
                said = time.monotonic()
                self.say(
                    f"{self.clock()}  {self.count(runs.CLOSED)} runs closed, {self.count(runs.OPEN)} open"
                )
            time.sleep(LOOK_SECONDS)

    def _watch(self) -> None:
        """Note each change of who leads, and matches beside the runs (the thread's work)."""
        now = ("nobody", "not started")
        self.told.changes.append((time.time(), *now))
        planned: dict[str, float] = {}
        while not self._ended.wait(LOOK_SECONDS):
            if self._ledger is None:
                continue
            was, holder = now, self.holder(MASTER)
            with suppress(RingRiftError), self._ledger.read() as tx:
                loop = get_loop(tx, CONTINUOUS)
                state = "not started" if loop is None else loop.state
                now = (held(holder), state)
                waiting = matches.planned_between(tx, self.told.started, tx.now)
                planned = self._played(planned, {match.id: match.planned_at for match in waiting})
            if now != was:
                self.told.changes.append((time.time(), *now))
        self._played(planned, {})

    def _played(self, before: Mapping[str, float], now: dict[str, float]) -> dict[str, float]:
        """Note matches that are not waited for any more; those that are."""
        gone = [planned_at for match, planned_at in before.items() if match not in now]
        self.told.beside += [Span(planned_at, time.time()) for planned_at in gone]
        return now

    def see(self, step: str, done: str) -> None:
        """Look at everything, and keep it."""
        status = self.place.ask("status")
        with self.ledger.read() as tx:
            new: list[EventRow] = []
            while rows := events.list_events(tx, after=self._seq):
                new += rows
                self._seq = rows[-1].seq
            loops, workers = tuple(all_loops(tx)), nodes.up(tx)
        moment = Moment(
            step=step,
            done=done,
            at=time.time(),
            leases={name: self.holder(name) for name in (MASTER, CONTINUOUS)},
            loops=loops,
            workers={
                name: node.process
                for name, node in sorted(workers.items())
                if psutil.pid_exists(int(node.process.split(":")[1]))
            },
            status=status,
            events=tuple(new),
        )
        self.told.moments.append(moment)
        self.say(f"{self.clock()}  {step}: {done}")

    # ── What there is to see ──

    @property
    def ledger(self) -> Ledger:
        """The ledger of the state directory."""
        self._ledger = self._ledger or open_ledger(self.place.home)
        return self._ledger

    def clock(self) -> str:
        """Time since the start."""
        seconds = int(time.time() - self.told.started)
        return f"{seconds // 60:>3}:{seconds % 60:02}"

    def holder(self, lease: str) -> Holder | None:
        """Who holds a lease; None where there is no broker."""
        url = running_url(self.place.home)
        if url is None:
            return None
        client = client_of(url)
        try:
            return read_lease(client, lease)
        except redis.RedisError:
            return None
        finally:
            client.close()

    def count(self, state: str) -> int:
        """Runs in a state."""
        with self.ledger.read() as tx:
            return sum(run.state == state for run in runs.all_runs(tx))

    def closed(self) -> set[str]:
        """Configs with an iteration that came to its end."""
        return {run.config for run in self.iterations() if run.state == runs.CLOSED}

    def ended(self) -> int:
        """Iterations that came to their end."""
        return sum(run.state == runs.CLOSED for run in self.iterations())

    def own_runs(self) -> int:
        """Runs that the continuous loop opened."""
        return sum(run.plan["games"] == self.plot.games for run in self.iterations())

    def iterations(self) -> list[RunRow]:
        """All runs but backfill runs."""
        with self.ledger.read() as tx:
            return [run for run in runs.all_runs(tx) if not run.backfill]

    def deferrals(self) -> int:
        """How often the continuous loop has stepped back, if it is in that state now."""
        with self.ledger.read() as tx:
            loop = get_loop(tx, CONTINUOUS)
            told = self._of_loop(tx, "LOOP_DEFERRED")
        return told if loop is not None and loop.state == DEFERRED else 0

    def resumptions(self) -> int:
        """How often it has gone on after that."""
        with self.ledger.read() as tx:
            return self._of_loop(tx, "LOOP_RESUMED")

    @staticmethod
    def _of_loop(tx: Any, kind: str) -> int:
        told = events.list_events(tx, kind=kind)
        return sum(event.payload.get("loop") == CONTINUOUS for event in told)

    def _serves(self) -> set[str]:
        """Queues that have a worker."""
        with self.ledger.read() as tx:
            return {queue for node in nodes.up(tx).values() for queue in node.queues}
