"""The continuous loop: one light process that runs iterations of its configs, and steps back for a master.

    hold the lease ─▶ no master at work? ─▶ circuit closed? ─▶ rested? ─▶ whose turn is it?
                      └▶ DEFERRED            └▶ open            └▶ cooldown     └▶ bring its run forward

`step` does what is due now and says when to come again; `run` does so until the iterations are done or
somebody asks for an end. Runs are those of the other loops: any of them goes on where another stopped.
The loop keeps in its row of the ledger what a new process must know, and every write of it carries
the fence of its lease.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import structlog

from ringrift.configs import Config
from ringrift.errors import Interrupted, RingRiftError
from ringrift.pipeline import breaker
from ringrift.pipeline.breaker import Breaker
from ringrift.pipeline.carrying import Carry
from ringrift.pipeline.context import Context
from ringrift.pipeline.dispatcher import NotHandedOver
from ringrift.pipeline.events import loop_deferred, loop_resumed
from ringrift.pipeline.hold import BrokerSilent, Hold
from ringrift.pipeline.lease import Holder
from ringrift.pipeline.loop_config import LoopConfig
from ringrift.pipeline.loop_mind import Deferral, Mind, whose_turn
from ringrift.pipeline.runs import open_or_resume
from ringrift.store import loops, runs
from ringrift.store.ledger import Fence, StaleFence, Tx
from ringrift.store.loops import LoopRow
from ringrift.store.runs import RunRow

__all__ = ["NAME", "ContinuousLoop", "LoopConfig"]

log = structlog.get_logger(__name__)

#: Name of the loop, of its row and of its lease.
NAME: Final = "continuous"

#: Between two steps, unless there is nothing to do for longer.
STEP_SECONDS: Final = 1.0

#: Between two looks whether somebody asks for an end.
ASK_SECONDS: Final = 0.1

#: Why a loop goes on.
GONE, FORCED = "the master is gone", "somebody said --force"


class ContinuousLoop:
    """One process's continuous loop. Not for two threads at once."""

    def __init__(
        self,
        ctx: Context,
        config: LoopConfig,
        *,
        hold: Hold,
        master: Callable[[], Holder | None],
        carry: Carry,
        told: Callable[[LoopRow], None] = lambda _row: None,
        opened: Callable[[RunRow], None] = lambda _run: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``master`` says who holds the master lease, and raises RingRiftError while nobody can know.

        ``sleep`` lets so many seconds pass by the clock of ``ctx``.
        """
        self.config = config
        #: Runs that were closed while this process had them in hand.
        self.closed: list[RunRow] = []
        self._asked = ctx.stop
        self._ctx = ctx.with_(stop=self._must_stop)
        self._hold = hold
        self._master = master
        self._carry = carry
        self._told = told
        self._opened = opened
        self._sleep = sleep
        self._fence: Fence | None = None
        self._mind = Mind()
        self._row: LoopRow | None = None
        self._looked = self._lived = float("-inf")
        self._yield = False
        self._aside = ""

    def run(self) -> list[RunRow]:
        """Work until the iterations are done; the closed runs.

        Interrupted when `ctx.stop` says so: the open run goes on in its workers, or at the next start.
        """
        why = "ended by an error"
        try:
            while (pause := self.step()) is not None:
                self._wait(pause)
            why = f"{self.config.max_iterations} iterations of each config are done"
        except Interrupted as error:
            why = str(error)
            raise
        except RingRiftError as error:
            why = f"ended: {error}"
            raise
        finally:
            self._end(why)
        return self.closed

    def step(self) -> float | None:
        """Do what is due now; seconds until there may be more, None when all iterations are done.

        Raises Interrupted, and StaleFence where another loop has taken over for good.
        """
        try:
            return self._step()
        except BrokerSilent as error:
            self._say_aside(str(error))
        except StaleFence as error:
            if not self._hold.again:
                raise
            self._say_aside(f"another one decides: {error}")
            self._hold.give_up()
        except Interrupted:
            raise
        except RingRiftError as error:  # the ledger is away: it may come back
            self._say_aside(f"tries again: {error}")
        return STEP_SECONDS

    def _step(self) -> float | None:
        fence = self._hold.take()
        if fence is None:
            self._say_aside("standing by: another continuous loop holds the lease")
            return self._ctx.settings.cluster.lease_renew_seconds
        if fence != self._fence:
            self._begin(fence)
        self._alive()
        try:
            master = self._master()
        except RingRiftError as error:
            self._unknown(error)
            return STEP_SECONDS
        self._yield = False
        if master is not None and not self.config.force:
            return self._defer(master)
        if self._mind.deferral is not None:
            self._resume(self._mind.deferral)
        config = self._next() if self._mind.run is None else None
        if config is None and self._mind.run is None:
            return self._see_off()
        if self._rests() or (config is not None and not self._open(config)):
            return STEP_SECONDS
        return self._bring_forward(str(self._mind.run))

    # -- one thing each ----------------------------------------------------------------------------

    def _begin(self, fence: Fence) -> None:
        """Read what the last process left behind, now that nobody else writes it."""
        with self._ctx.ledger.read() as tx:
            left = loops.get_loop(tx, NAME)
        mind = Mind.of(left)
        ours = {str(config) for config in self.config.parsed()}
        if mind.config not in ours:
            mind = replace(mind, run=None, config=None)
        self._mind = replace(mind, done=self._mind.done)
        self._row = left if left is not None and left.owner == self._hold.owner else None
        self._fence, self._aside = fence, ""
        self._ctx = self._ctx.with_(fence=fence)

    def _defer(self, master: Holder) -> float:
        """Step back, or stay back."""
        every = self._ctx.settings.cluster.deferral_check_seconds

        def step_back(tx: Tx) -> Mind:
            if self._mind.deferral is not None:
                return self._mind
            loop_deferred(tx, NAME, self._hold.owner, tx.now, master.fence)
            deferral = Deferral(self._hold.owner, tx.now, master.fence)
            return replace(self._mind, deferral=deferral, run=None, config=None, rest_until=0.0)

        self._say(
            loops.DEFERRED,
            f"the master loop is at work: {master.owner}, fence {master.fence}",
            rest=every,
            change=step_back,
        )
        return every

    def _resume(self, deferral: Deferral) -> None:
        """Go on after a deferral."""
        why = FORCED if self.config.force else GONE

        def go_on(tx: Tx) -> Mind:
            loop_resumed(tx, NAME, deferral.owner, deferral.since, deferral.fence, why)
            return replace(self._mind, deferral=None)

        self._say(loops.RUNNING, f"goes on: {why}", change=go_on)

    def _rests(self) -> bool:
        """Whether nothing may be begun now: the circuit is open, or it is between two iterations."""
        with self._ctx.ledger.read() as tx:
            now = tx.now
        before = self._mind.breaker
        after = before.due(now, self._ctx.settings.cluster.breaker_reset_seconds)
        if after.state == breaker.OPEN:
            self._say(loops.OPEN, after.text, until=after.until)
            return True
        if after != before:
            self._say(
                loops.RUNNING,
                f"tries once after {after.text}",
                change=lambda tx: self._with_breaker(tx, after),
            )
        rest_until = self._mind.rest_until
        left = rest_until - now  # more than a whole rest: the clock was set back since
        if self._mind.run is None and 0.0 < left <= self.config.iteration_cooldown_seconds:
            self._say(loops.COOLDOWN, self._mind.outcome, until=rest_until)
            return True
        return False

    def _next(self) -> Config | None:
        """Whose turn it is."""
        configs = self.config.parsed()
        with self._ctx.ledger.read() as tx:
            newest = {str(config): runs.last_run(tx, str(config)) for config in configs}
        last = {name: run for name, run in newest.items() if run is not None}
        return whose_turn(configs, self._mind, last, self.config.max_iterations)

    def _open(self, config: Config) -> bool:
        """Open or take up the run of a config; False if that failed."""
        games, engine = self.config.selfplay_games_per_iteration, self.config.selfplay_engine
        try:
            run = open_or_resume(self._ctx, config, games, engine)
        except (StaleFence, Interrupted):
            raise
        except (RingRiftError, OSError) as error:
            self._failed(str(config), f"{config}: no run could be opened: {error}")
            return False
        self._say(
            loops.RUNNING,
            f"works on iteration {run.iteration} of {config}",
            change=lambda _tx: replace(self._mind, run=run.id, config=run.config),
        )
        self._opened(run)
        return True

    def _bring_forward(self, mine: str) -> float:
        """Bring the run whose turn it is forward, and others of our configs that are open."""
        ours = {str(config) for config in self.config.parsed()}
        with self._ctx.ledger.read() as tx:
            waiting = [run.id for run in runs.open_runs(tx) if run.config in ours]
            run = runs.get_run(tx, mine)
        if run.state == runs.CLOSED:  # while nobody looked
            return self._settle(run)
        try:
            self._carry(self._ctx, sorted(waiting, key=lambda run: run != mine))
        except NotHandedOver as error:
            self._say(loops.RUNNING, f"{error}; tries again, what workers hold goes on")
            return STEP_SECONDS
        except Interrupted:
            if self._asked():
                raise
            return 0.0  # a master came, or the lease is lost: the next step says which
        except StaleFence:
            raise
        except RingRiftError as error:
            reason = f"iteration {run.iteration} of {run.config}: {error}"
            self._failed(run.config, reason, failing=run.id)
            return STEP_SECONDS
        with self._ctx.ledger.read() as tx:
            run = runs.get_run(tx, mine)
        if run.state == runs.CLOSED:
            return self._settle(run)
        self._say(loops.RUNNING, f"works on iteration {run.iteration} of {run.config}")
        return STEP_SECONDS

    def _see_off(self) -> float | None:
        """Do what the end of the last run asks for; None when that is done."""
        try:
            self._carry(self._ctx, [])
        except NotHandedOver as error:
            self._say_aside(f"{error}; tries again")
            return STEP_SECONDS
        return None

    def _settle(self, run: RunRow) -> float:
        """Count a closed run, and what it means for the circuit breaker; seconds until the next look."""
        outcome = f"iteration {run.iteration} of {run.config} {run.outcome}"
        if run.outcome == runs.FAILED and run.id == self._mind.failing:
            self._rest(run.config, f"{outcome}: {run.reason}", self._mind.breaker, done=1)
        elif run.outcome == runs.FAILED:
            self._failed(run.config, f"{outcome}: {run.reason}", done=1)
        else:
            self._rest(run.config, outcome, self._mind.breaker.succeeded(), done=1)
        self.closed.append(run)
        return min(STEP_SECONDS, self.config.iteration_cooldown_seconds)

    def _failed(self, config: str, reason: str, done: int = 0, failing: str | None = None) -> None:
        """An iteration failed, or could not begin; `failing`: its run, where that is still open."""
        cluster = self._ctx.settings.cluster
        most, reset = cluster.breaker_failures, cluster.breaker_reset_seconds
        log.warning("iteration failed", loop=NAME, reason=reason)
        with self._ctx.ledger.read() as tx:
            after = self._mind.breaker.failed(reason, tx.now, most, reset)
        self._rest(config, reason, after, done, failing)

    def _rest(
        self, config: str, reason: str, after: Breaker, done: int, failing: str | None = None
    ) -> None:
        """End a turn that did so many iterations."""
        seconds = self.config.iteration_cooldown_seconds

        def turn_over(tx: Tx) -> Mind:
            return replace(
                self._with_breaker(tx, after),
                run=None,
                config=None,
                failing=failing,
                turns={**self._mind.turns, config: tx.now},
                done={**self._mind.done, config: self._mind.done.get(config, 0) + done},
                rest_until=tx.now + seconds,
                outcome=reason,
            )

        if after.state == breaker.OPEN:
            self._say(loops.OPEN, after.text, until=after.until, change=turn_over)
        else:
            self._say(loops.COOLDOWN, reason, rest=seconds, change=turn_over)

    def _with_breaker(self, tx: Tx, after: Breaker) -> Mind:
        breaker.tell(tx, NAME, self._mind.breaker, after)
        return replace(self._mind, breaker=after)

    # -- saying ------------------------------------------------------------------------------------

    def _say(
        self,
        state: str,
        reason: str,
        *,
        until: float | None = None,
        rest: float | None = None,
        change: Callable[[Tx], Mind] | None = None,
    ) -> None:
        """Write what is so now, in one transaction with what `change` tells; nothing if it is as it was.

        until: when it will be different; or rest: after so many seconds.
        """
        before = self._row
        as_it_was = before is not None and (before.state, before.reason) == (state, reason)
        if as_it_was and change is None:
            return
        with self._ctx.ledger.write(self._fence) as tx:
            mind = self._mind if change is None else change(tx)
            since = before.since if before is not None and before.state == state else tx.now
            if state == loops.DEFERRED and mind.deferral is not None:
                since = mind.deferral.since  # of the one before it in this process's place, too
            row = LoopRow(
                name=NAME,
                owner=self._hold.owner,
                state=state,
                config=mind.config,
                reason=reason,
                since=since,
                until=until if rest is None else tx.now + rest,
                updated_at=tx.now,
                breaker=mind.breaker.as_dict(),
                details={**self.config.as_dict(), **mind.as_dict()},
            )
            loops.say(tx, row)
        self._mind, self._row, self._aside = mind, row, ""
        if not as_it_was:
            log.info("loop", loop=NAME, state=state, config=row.config, reason=reason)
            self._told(row)

    def _say_aside(self, reason: str) -> None:
        """Log what is none of the row's business, or cannot be written; once."""
        if reason != self._aside:
            log.warning("loop", loop=NAME, reason=reason)
            self._aside = reason

    def _unknown(self, error: RingRiftError) -> None:
        """Nobody can know whether a master is at work: decide nothing, and say so."""
        state = self._row.state if self._row is not None else loops.DEFERRED
        self._say(state, f"whether a master is at work cannot be known, looks again: {error}")

    def _alive(self) -> None:
        """Give a sign of life now and then. Never raises what the next step would find as well."""
        now = self._ctx.clock()
        if self._row is None or now - self._lived < self._ctx.settings.cluster.heartbeat_seconds:
            return
        self._lived = now
        try:
            with self._ctx.ledger.write(self._fence) as tx:
                loops.alive(tx, NAME, self._hold.owner)
        except RingRiftError as error:
            log.warning("no sign of life", loop=NAME, error=str(error))

    def _must_stop(self) -> bool:
        """Whether work in this process must stop; asked often, looks every second."""
        if self._asked() or not self._hold.held:
            return True
        now = self._ctx.clock()
        if now - self._looked >= STEP_SECONDS:
            self._looked = now
            self._alive()
            try:
                self._yield = not self.config.force and self._master() is not None
            except RingRiftError:  # what has begun may go on while nobody knows
                self._yield = False
        return self._yield

    def _wait(self, seconds: float) -> None:
        """Let time pass; Interrupted as soon as somebody asks for an end."""
        until = self._ctx.clock() + seconds
        while True:
            if self._asked():
                raise Interrupted("stopped by Ctrl-C or SIGTERM; open runs are kept")
            rest = until - self._ctx.clock()
            if rest <= 0:
                return
            self._sleep(min(rest, ASK_SECONDS))
            self._alive()

    def _end(self, why: str) -> None:
        """Say that it is over and let the lease go."""
        try:
            if self._fence is not None and self._hold.held:
                self._say(loops.STOPPED, why)
        except RingRiftError as error:
            log.warning("end not told", loop=NAME, error=str(error))
        self._hold.give_up()
