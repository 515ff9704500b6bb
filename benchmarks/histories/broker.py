"""The simulated broker: queues whose messages come twice, late, out of order, or never."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import redis

from benchmarks.histories.judge import Wrong
from benchmarks.histories.lua import LuaRedis
from benchmarks.histories.scheduler import Simulation
from ringrift.errors import RingRiftError
from ringrift.pipeline.dispatcher import Issue
from ringrift.pipeline.queues import CONTROL, CPU, GPU
from ringrift.settings import Settings

#: As the real flows route and chain the stages (workers/flows.py).
QUEUE = {
    "selfplay": GPU,
    "sync": CPU,
    "parity": CPU,
    "export": CPU,
    "train": GPU,
    "evaluate_plan": CONTROL,
    "evaluate": GPU,
    "promote": CONTROL,
}
FOLLOWING = {
    "selfplay": ("sync", "parity", "export", "train", "evaluate_plan"),
    "sync": ("parity", "export", "train", "evaluate_plan"),
    "parity": ("export", "train", "evaluate_plan"),
    "export": ("train", "evaluate_plan"),
    "train": ("evaluate_plan",),
    "evaluate_plan": (),
    "evaluate": ("promote",),
    "promote": (),
}

#: Seconds until a message whose worker died is put back.
VISIBILITY = 60.0


class BrokerAway(RingRiftError):
    """The broker takes nothing now."""


@dataclass(eq=False, slots=True)
class Group:
    """The header of a chord: its body follows when all of it is done."""

    left: set[str]


@dataclass(frozen=True, slots=True)
class Message:
    """A task on its way."""

    #: A stage, or tick, relay, reconcile.
    task: str
    queue: str
    run_id: str = ""
    unit: str = ""
    #: Of the master that sent it; 0 for the stages of a run.
    fence: int = 0
    #: Stages of the run that follow.
    then: tuple[str, ...] = ()
    group: Group | None = None

    def __str__(self) -> str:
        """One line."""
        fence = f" fence {self.fence}" if self.fence else ""
        return " ".join(filter(None, (self.task, self.unit[:6], self.run_id[:6]))) + fence


@dataclass(slots=True)
class Broker:
    """Queues, and the Redis beside them."""

    sim: Simulation
    #: Called when a message may be taken.
    arrived: Callable[[], None]
    redis: LuaRedis
    down: bool = False
    waiting: dict[str, list[Message]] = field(
        default_factory=lambda: {queue: [] for queue in (GPU, CPU, CONTROL)}
    )

    def send(self, message: Message) -> None:
        """Take a message, perhaps. Raises BrokerAway."""
        self.sim.point(f"sending {message}")
        if self.down:
            raise BrokerAway("the broker is away")
        self.put(message)
        self.sim.point(f"having sent {message}")

    def put(self, message: Message) -> None:
        """Let a message travel, with all that can happen to it on its way."""
        rng, faults = self.sim.rng, self.sim.faults
        if rng.random() < faults.lose:
            self.sim.note(f"lost: {message}")
            return
        for copy in range(1 + (rng.random() < faults.double)):
            late = rng.random() < faults.late
            delay = rng.uniform(60, 1200) if late else rng.random() * 2
            if copy or late:
                self.sim.note(f"{'again' if copy else 'late'}, in {delay:.0f} s: {message}")
            self.sim.at(delay, lambda: self._arrive(message))

    def _arrive(self, message: Message) -> None:
        if self.down:
            self.sim.at(5, lambda: self._arrive(message))
            return
        queue = self.waiting[message.queue]
        # Not in the order in which they were sent.
        queue.insert(self.sim.rng.randint(0, len(queue)), message)
        self.arrived()

    def put_back(self, message: Message) -> None:
        """The worker of a message is gone before it acknowledged; the message may be, too."""
        if self.sim.rng.random() < self.sim.faults.lose:
            self.sim.note(f"not put back: {message}")
            return
        self.sim.at(VISIBILITY, lambda: self._arrive(message))

    def forget(self) -> None:
        """Lose all messages and leases."""
        for queue in self.waiting.values():
            queue.clear()
        self.redis.forget()

    def done(self, message: Message, task: str) -> None:
        """A task ended: what follows it travels on."""
        group = message.group
        if group is not None:
            group.left.discard(task)
            if group.left:
                return
        if message.then:
            self.put(_stage(message.run_id, message.then[0], then=message.then[1:]))


def _stage(run_id: str, stage: str, unit: str = "", **more: object) -> Message:
    return Message(stage, QUEUE[stage], run_id, unit, **more)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class SimDispatcher:
    """Sends what the orchestrator issues, in chords and chains as the real one does."""

    broker: Broker
    #: As the real one has it: shards are sent some at a time.
    filling: Settings

    def dispatch(self, issue: Issue) -> None:
        """Send the units, and with the last ones the stages that follow. Raises BrokerAway."""
        process = self.broker.sim.process
        if process is not None and process.defers:
            found = Wrong(f"{process.name} sent work beside a master that it knew of")
            self.broker.sim.crash = self.broker.sim.crash or found
            raise found
        group = None if issue.units == ("",) else Group(set(issue.units))
        then = FOLLOWING[issue.stage] if issue.last else ()
        for unit in issue.units:
            self.broker.send(_stage(issue.run_id, issue.stage, unit, then=then, group=group))


@dataclass(frozen=True, slots=True)
class RedisClient:
    """A process's connection to the Redis of the broker."""

    broker: Broker

    def eval(self, script: str, number: int, *given: object) -> object:
        """Run a script. Raises redis.ConnectionError while the broker is away."""
        self.broker.sim.point("asking Redis")
        if self.broker.down:
            raise redis.ConnectionError("Connection refused")
        found = self.broker.redis.eval(script, number, *given)
        self.broker.sim.point("with Redis's answer")
        return found

    @contextmanager
    def pipeline(self, *, transaction: bool) -> Iterator[Reads]:
        """Several reads as one."""
        assert transaction
        yield Reads(self)


@dataclass(slots=True)
class Reads:
    """Reads that are made together."""

    client: RedisClient
    wanted: list[Callable[[LuaRedis], object]] = field(default_factory=list)

    def hmget(self, key: str, *names: str) -> None:
        """Fields of a hash."""
        self.wanted.append(lambda redis: redis.hmget(key.encode(), *(n.encode() for n in names)))

    def pttl(self, key: str) -> None:
        """Milliseconds until a key expires."""
        self.wanted.append(lambda redis: redis.pttl(key.encode()))

    def execute(self) -> list[object]:
        """Read. Raises redis.ConnectionError while the broker is away."""
        broker = self.client.broker
        broker.sim.point("asking Redis")
        if broker.down:
            raise redis.ConnectionError("Connection refused")
        found = [want(broker.redis) for want in self.wanted]
        broker.sim.point("with Redis's answer")
        return found
