"""A cluster in which everything goes wrong, around the real coordination.

    2 beats      hold or want the master lease, and send ticks that carry its fence
    0-2 loops    continuous ones, of which one works: it steps back for a master, takes over without one
    2 control, 1 cpu and 2 gpu workers, each a process that does one message at a time; the gpu workers say that
                 they are there, so that the master knows of devices that would idle
    a stranger   delivers stages that nobody asked for, and looks at runs without any fence

Real are the orchestrator, the reconciler, the router, the master's tick, the opening of runs, the
claiming and committing of `task.py`, every stage of `stages.py` and `gauntlet.py`, the store on SQLite in
memory, the lease with its scripts, the continuous loop, and `ledger verify`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from unittest.mock import patch

import redis

from benchmarks.histories.broker import (
    FOLLOWING,
    QUEUE,
    Broker,
    BrokerAway,
    Message,
    RedisClient,
    SimDispatcher,
)
from benchmarks.histories.judge import Judge, Wrong
from benchmarks.histories.ledger import SimLedger, place
from benchmarks.histories.loop import LoopProcess
from benchmarks.histories.lua import LuaRedis
from benchmarks.histories.networks import bring_trained
from benchmarks.histories.plan import ALWAYS, NEVER, Plan
from benchmarks.histories.scheduler import FIRST_PID, Faults, Process, SimPulse, Simulation
from benchmarks.histories.services import SmallServices
from benchmarks.histories.settings import settings_of
from benchmarks.histories.voice import speak
from ringrift.configs import Config
from ringrift.errors import Interrupted, RingRiftError
from ringrift.pipeline import event_router, master, nodes, orchestrator, reconciler
from ringrift.pipeline.context import Context
from ringrift.pipeline.dispatcher import registered
from ringrift.pipeline.lease import MASTER, Lease
from ringrift.pipeline.queues import CONTROL, CPU, GPU
from ringrift.pipeline.services import Progress
from ringrift.pipeline.stages import run_stage
from ringrift.settings import Settings
from ringrift.store import events, runs, stages
from ringrift.store.ledger import Fence, Ledger, StaleFence
from ringrift.store.verify import Disagreement, verify

#: Simulated seconds within which every run must come to its end when nothing goes wrong any more.
PATIENCE = 6 * 3600.0

#: A history with more events than this hangs.
MOST_STEPS = 60_000

#: Seconds that the work of a stage takes, at most; and the part of them that it takes at least: one shard that waits is
#: so enough for the devices, and nobody opens a backfill run beside it.
LABOUR = {"selfplay": 90, "sync": 20, "parity": 30, "export": 20, "train": 200, "evaluate": 60}
LEAST = 0.2


@dataclass(eq=False, slots=True)
class Worker:
    """One worker of a queue; it starts again as a new process when it dies."""

    name: str
    queue: str
    process: Process
    ctx: Context
    message: Message | None = None
    #: Asked to end: gives its work back.
    stopping: bool = False
    starts: int = 1


@dataclass(slots=True)
class World:
    """One history. Use as a context manager."""

    seed: int | str
    plan: Plan
    home: Path = field(init=False)
    sim: Simulation = field(init=False)
    judge: Judge = field(init=False)
    ledger: SimLedger = field(init=False)
    broker: Broker = field(init=False)
    dispatcher: SimDispatcher = field(init=False)
    settings: Settings = field(init=False)
    workers: list[Worker] = field(default_factory=list)
    beats: list[Process] = field(default_factory=list)
    loops: list[LoopProcess] = field(default_factory=list)
    troubled: bool = True
    _exit: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        """Start everything."""
        plan = self.plan
        here = place()
        here.clear()
        self.home = here.home
        self.sim = Simulation(self.seed, plan.faults)
        self._exit.callback(self.sim.end)
        self.judge = Judge(self.sim, here.db)
        self.ledger = SimLedger(here, self.sim, self.judge)
        self.broker = Broker(self.sim, self._hand_out, LuaRedis(self.sim.clock))
        self.settings = settings_of(plan.configs, plan.iterations, plan.shards, plan.min_samples)
        self.dispatcher = SimDispatcher(self.broker, self.settings)
        self._exit.enter_context(registered(self.dispatcher))
        for module in (orchestrator, reconciler, nodes):
            self._exit.enter_context(patch.object(module, "is_dead", self._is_dead))
        for name, queue in (
            ("control1", CONTROL),
            ("control2", CONTROL),
            ("cpu1", CPU),
            ("gpu1", GPU),
            ("gpu2", GPU),
        ):
            self._start_worker(name, queue)
        if plan.trained:
            for config in plan.configs:
                bring_trained(self.workers[0].ctx, Config.parse(config))
        for name in ("beat1", "beat2") if plan.beats != NEVER else ():
            self._start_beat(name)
        for number in range(plan.loops):
            self._start_loop(f"loop{number + 1}")
        if plan.blows < 1e8:
            self.sim.at(plan.blows, self._blow)
        return self

    def __exit__(self, *about: object) -> None:
        """Let go of everything."""
        self._exit.close()

    # -- processes ---------------------------------------------------------------------------------

    def _is_dead(self, owner: str) -> bool:
        """As the operating system of the asking process knows."""
        asking = self.sim.process
        host, pid = owner.split(":")[:2]
        process = self.sim.processes[int(pid) - FIRST_PID]
        return (asking is None or asking.host == host) and not process.alive

    def _context(self, process: Process, stopping: Callable[[], bool]) -> Context:
        sim = self.sim
        return Context(
            home=self.home,
            ledger=self.ledger,
            settings=self.settings,
            services=SmallServices(
                self._labour, lambda: sim.rng.random() < sim.faults.spoil
            ).services,
            stop=stopping,
            who=lambda: process.owner,
            clock=sim.clock,
            pulses=lambda _name, seconds, beat: SimPulse(sim, process, seconds, beat),
        )

    def _start_worker(self, name: str, queue: str, starts: int = 1) -> None:
        host = "a" if name.endswith("1") else "b"
        process = self.sim.new_process(name if starts == 1 else f"{name}.{starts}", host)
        worker: Worker
        ctx = self._context(process, lambda: worker.stopping)
        worker = Worker(name, queue, process, ctx, starts=starts)
        process.on_death = lambda: self._worker_died(worker)
        self.workers.append(worker)
        if queue == GPU:
            speak(self.sim, self.ledger, process, name, queue)
        self._hand_out()

    def _worker_died(self, worker: Worker) -> None:
        self.workers.remove(worker)
        if worker.message is not None:
            self.broker.put_back(worker.message)
        pause = self.sim.rng.uniform(1, 120)
        self.sim.at(pause, lambda: self._start_worker(worker.name, worker.queue, worker.starts + 1))

    def _start_beat(self, name: str, starts: int = 1) -> None:
        process = self.sim.new_process(name if starts == 1 else f"{name}.{starts}", name[-1])
        process.on_death = lambda: self._beat_died(process, name, starts)
        self.beats.append(process)
        self.sim.spawn(process, lambda: self._beat(process), self.sim.rng.random() * 5)

    def _beat_died(self, process: Process, name: str, starts: int) -> None:
        self.beats.remove(process)
        if not self.troubled and self.plan.beats != ALWAYS:
            return
        self.sim.at(self.sim.rng.uniform(1, 120), lambda: self._start_beat(name, starts + 1))

    def _start_loop(self, name: str, starts: int = 1) -> None:
        process = self.sim.new_process(name if starts == 1 else f"{name}.{starts}", "l")
        found = LoopProcess(self.sim, process)
        ctx = self._context(process, lambda: found.stopping)

        def work() -> None:
            found.run(ctx, RedisClient(self.broker), self.dispatcher, self.plan)
            self.sim.kill(process)  # it has ended by itself

        process.on_death = lambda: self._loop_died(found, name, starts)
        self.loops.append(found)
        self.sim.spawn(process, work, self.sim.rng.random() * 60)

    def _loop_died(self, found: LoopProcess, name: str, starts: int) -> None:
        self.loops.remove(found)
        self.sim.at(self.sim.rng.uniform(1, 300), lambda: self._start_loop(name, starts + 1))

    def _beat(self, process: Process) -> None:
        """As `LeasedScheduler`: hold the lease or stand by; send what is due with its fence."""
        sim = self.sim
        lease = Lease(
            RedisClient(self.broker),  # type: ignore[arg-type]
            self.ledger,
            clock=sim.clock,
            pulses=lambda _name, seconds, beat: SimPulse(sim, process, seconds, beat),
            owner=process.name,
        )
        periods = {"tick": 120.0, "relay": 30.0, "reconcile": 60.0}
        due = dict.fromkeys(periods, sim.now)
        while True:
            with suppress(redis.RedisError, RingRiftError):
                lease.acquire()
            for task, at in due.items():
                fence = lease.fence
                if not fence or at > sim.now:
                    continue
                due[task] = sim.now + periods[task]
                try:
                    self.broker.send(Message(task, CONTROL, fence=fence))
                except BrokerAway:
                    break
            sim.sleep(15)

    # -- work --------------------------------------------------------------------------------------

    def _hand_out(self) -> None:
        """Give waiting messages to idle workers."""
        for worker in self.workers:
            queue = self.broker.waiting[worker.queue]
            idle = worker.process.alive and worker.message is None
            if queue and idle and worker.process.stopped_until <= self.sim.now:
                worker.message = queue.pop(0)
                self.sim.spawn(worker.process, lambda worker=worker: self._work(worker))  # type: ignore[misc]

    def _work(self, worker: Worker) -> None:
        message = worker.message
        assert message is not None
        if message.fence:
            self._control(worker, message)
        else:
            self._stage(worker, message)
        worker.message = None
        worker.stopping = False
        self.sim.at(0, self._hand_out)

    def _control(self, worker: Worker, message: Message) -> None:
        """As workers/control.py."""
        ctx = worker.ctx.with_(fence=Fence(MASTER, message.fence))
        try:
            if message.task == "tick":
                master.tick(ctx, self.dispatcher)
            elif message.task == "reconcile":
                reconciler.reconcile(ctx, self.dispatcher)
            else:
                router = event_router.wire_pipeline_events(auto_trigger=True)
                event_router.relay(ctx.ledger, router, fence=ctx.fence)
        except StaleFence:
            self.sim.note(f"dropped: {message}")
        except RingRiftError as error:
            self.sim.note(f"{message} ended: {error}")

    def _stage(self, worker: Worker, message: Message) -> None:
        """As workers/stage.py; `evaluate_plan` also issues the matches."""
        try:
            run_stage(worker.ctx, message.run_id, message.task, message.unit)
            if message.task == "evaluate_plan":
                orchestrator.advance(self.ledger, message.run_id, self.dispatcher)
        except Interrupted:
            self.broker.put(message)
            return
        except RingRiftError as error:
            self.sim.note(f"{message} ended: {error}")
        self.sim.point("before acknowledging")
        self.broker.done(message, message.unit)

    def _labour(self, stage: str, progress: Progress) -> None:
        """Work for a while, tell how far it is, perhaps fail."""
        sim = self.sim
        if sim.actor is None:
            return
        for part in range(2):
            sim.sleep(sim.rng.uniform(LEAST, 1.0) * LABOUR[stage] / 2)
            sim.point(f"at work on {stage}")
            progress(part=part + 1, of=2)
        if sim.rng.random() < sim.faults.fail:
            raise RuntimeError(f"{stage} had no luck")

    # -- blows -------------------------------------------------------------------------------------

    def _blow(self) -> None:
        """Something happens to a part of the cluster, now and again."""
        if not self.troubled:
            return
        rng = self.sim.rng
        kind = rng.choice(
            ("broker away", "broker forgets", "kill", "stop", "ask to end", "strange")
        )
        if kind == "broker away":
            self.broker_away(rng.uniform(5, 200))
        elif kind == "broker forgets":
            self.broker_forgets()
        elif kind == "kill":
            self.kill(rng.choice([p for p in self.sim.processes if p.alive]))
        elif kind == "stop":
            self.freeze(rng.choice([p for p in self.sim.processes if p.alive]), rng.uniform(5, 900))
        elif kind == "ask to end":
            asked: list[Worker | LoopProcess] = [*self.workers, *self.loops]
            self.ask_to_end(rng.choice(asked) if asked else None)
        else:
            self.strange()
        self.sim.at(rng.expovariate(1 / self.plan.blows), self._blow)

    def broker_away(self, seconds: float) -> None:
        """Nobody reaches the broker for a while."""
        self.sim.note(f"the broker is away for {seconds:.0f} s")
        self.broker.down = True
        self.sim.at(seconds, self._broker_back)

    def _broker_back(self) -> None:
        self.broker.down = False
        self._hand_out()

    def broker_forgets(self) -> None:
        """All messages and leases are gone."""
        self.sim.note("the broker forgets everything")
        self.broker.forget()

    def kill(self, process: Process) -> None:
        """Kill -9."""
        self.sim.note(f"{process.name} is killed")
        self.sim.kill(process)

    def freeze(self, process: Process, seconds: float) -> None:
        """SIGSTOP, and SIGCONT after so many seconds."""
        self.sim.note(f"{process.name} is stopped for {seconds:.0f} s")
        process.stopped_until = max(process.stopped_until, self.sim.now + seconds)

    def ask_to_end(self, found: Worker | LoopProcess | None) -> None:
        """SIGTERM: the work in hand is given back."""
        if isinstance(found, LoopProcess) or (found is not None and found.message is not None):
            self.sim.note(f"{found.process.name} is asked to end")
            found.stopping = True

    def strange(self) -> None:
        """A stage that nobody asked for is delivered: a chain of long ago, a person's console."""
        rows = list(self.judge.rows.values())
        if rows:
            row = self.sim.rng.choice(rows)
            message = Message(
                row.stage, QUEUE[row.stage], row.run, row.unit, then=FOLLOWING[row.stage]
            )
            self.sim.note(f"strange: {message}")
            self.broker.put(message)

    def heal(self) -> None:
        """Nothing goes wrong any more."""
        self.sim.note("nothing goes wrong any more")
        self.troubled = False
        self.sim.faults = Faults()
        self.broker.down = False
        for process in self.sim.processes:
            process.doomed = None
            process.stopped_until = min(process.stopped_until, self.sim.now)
        for worker in self.workers:
            worker.stopping = False
        for loop in self.loops:
            loop.stopping = False
        if self.plan.beats != ALWAYS:
            for beat in list(self.beats):
                self.kill(beat)
        self._hand_out()

    # -- the course of a history -------------------------------------------------------------------

    def step(self) -> None:
        """Let one thing happen. Raises Wrong."""
        self.sim.step()
        if self.sim.crash is not None:
            crash, self.sim.crash = self.sim.crash, None
            if isinstance(crash, Wrong):
                raise crash
            raise Wrong(f"{type(crash).__name__}: {crash}") from crash
        if self.sim.steps > MOST_STEPS:
            raise Wrong(f"{MOST_STEPS} events, and no end")

    def ended(self) -> bool:
        """Whether every config has its iterations, each run is closed, and all is told."""
        found = list(self.judge.runs.values())
        if any(run.state == "open" for run in found):
            return False
        for config in self.plan.configs:
            iterations = [run for run in found if run.config == config and not run.backfill]
            if len(iterations) < self.plan.iterations:
                return False
        if self.plan.beats != ALWAYS:
            return True  # a loop publishes while it brings runs forward
        with Ledger.read(self.ledger) as tx:
            return not events.unpublished(tx, 1)

    def play(self) -> None:
        """Play the whole history. Raises Wrong."""
        sim = self.sim
        end = sim.now + self.plan.trouble
        while sim.now < end:
            self.step()
        self.finish()

    def finish(self) -> None:
        """Let every run come to its end, and look at all of it. Raises Wrong."""
        self.heal()
        sim = self.sim
        last = sim.now + PATIENCE
        while sim.steps % 16 or not self.ended():
            self.step()
            if sim.now > last:
                raise Wrong(f"stalled: {self._where()}")
        for found in verify(self.ledger, self.workers[0].ctx.blobs):
            if not self._known(found):
                raise Wrong(f"verify: {found}")

    def _known(self, found: Disagreement) -> bool:
        """Whether verify rightly names a broken file that nothing was made of.

        The last sync of a run that was given up had moved it away and died before it could say so.
        """
        if found.subject != "shard" or "No such file" not in found.found:
            return False
        unit = found.name[:12]
        run = next(r.run for r in self.judge.rows.values() if r.unit.startswith(unit))
        states = {r.stage: r.state for r in self.judge.rows.values() if r.run == run}
        return states["sync"] != stages.DONE

    def _where(self) -> str:
        with Ledger.read(self.ledger) as tx:
            waiting = [
                f"{row.stage} {row.unit[:6]} {row.state} attempt {row.attempt}"
                for run in runs.open_runs(tx)
                for row in stages.stages_of(tx, run.id)
                if row.state not in stages.SETTLED
            ]
            untold = len(events.unpublished(tx))
        return f"{'; '.join(waiting[:3]) or 'no open run'}; {untold} events untold"

    @property
    def outcomes(self) -> list[str]:
        """Outcome of each run."""
        found = self.judge.runs.values()
        return [f"backfill {run.outcome}" if run.backfill else str(run.outcome) for run in found]
