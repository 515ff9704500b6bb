"""The real continuous loop as a process of the simulated cluster."""

from __future__ import annotations

from dataclasses import dataclass

import redis

from benchmarks.histories.broker import BrokerAway, RedisClient, SimDispatcher
from benchmarks.histories.plan import Plan
from benchmarks.histories.scheduler import Process, SimPulse, Simulation
from ringrift.configs import Config
from ringrift.errors import RingRiftError
from ringrift.pipeline.carrying import by_workers
from ringrift.pipeline.context import Context
from ringrift.pipeline.continuous import NAME, ContinuousLoop, LoopConfig
from ringrift.pipeline.hold import LeaseHold
from ringrift.pipeline.lease import Holder, Lease, read_lease

#: Seconds between two steps at least: a second, as the real one has it, would only be more of the same.
STEP_SECONDS = 10.0


@dataclass(slots=True)
class LoopProcess:
    """A process of the continuous loop."""

    sim: Simulation
    process: Process
    #: Asked to end.
    stopping: bool = False

    def run(self, ctx: Context, client: RedisClient, dispatcher: SimDispatcher, plan: Plan) -> None:
        """Work until the iterations are done, or somebody asks for an end."""

        def make(owner: str) -> Lease:
            return Lease(
                client,  # type: ignore[arg-type]
                ctx.ledger,
                name=NAME,
                clock=self.sim.clock,
                pulses=lambda _name, seconds, beat: SimPulse(self.sim, self.process, seconds, beat),
                owner=owner,
            )

        def master() -> Holder | None:
            try:
                found = read_lease(client)  # type: ignore[arg-type]
            except redis.RedisError as error:
                raise BrokerAway(str(error)) from error
            self.process.defers = found is not None and not plan.force
            return found

        hold = LeaseHold(make)
        hold.owner = self.process.name
        configs = [Config.parse(name) for name in plan.configs]
        loop = ContinuousLoop(
            ctx,
            LoopConfig(
                configs=[(config.board, config.players) for config in configs],
                selfplay_games_per_iteration=None,
                max_iterations=plan.iterations,
                iteration_cooldown_seconds=60.0,
                force=plan.force,
            ),
            hold=hold,
            master=master,
            carry=by_workers(dispatcher, _no_hooks),
            sleep=lambda seconds: self.sim.sleep(max(seconds, STEP_SECONDS)),
        )
        try:
            loop.run()
        except RingRiftError as error:
            self.sim.note(f"{self.process.name} ended: {error}")


def _no_hooks(_ctx: Context) -> None:
    """Nothing waits for hooks here."""
