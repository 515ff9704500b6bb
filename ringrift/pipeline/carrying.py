"""How the continuous loop brings runs forward: through workers step by step, or in this process to the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from ringrift.errors import Interrupted, RingRiftError
from ringrift.pipeline import hooks
from ringrift.pipeline.context import Context
from ringrift.pipeline.dispatcher import (
    Dispatcher,
    Issue,
    NotHandedOver,
    call_courier,
    filling_of,
)
from ringrift.pipeline.event_router import relay, wire_pipeline_events
from ringrift.pipeline.feeding import feed
from ringrift.pipeline.nodes import sweep_now
from ringrift.pipeline.orchestrator import advance
from ringrift.pipeline.porters import after_run
from ringrift.pipeline.single import Drive, finish_backfills
from ringrift.settings import Settings
from ringrift.store import runs
from ringrift.store.ledger import StaleFence

log = structlog.get_logger(__name__)

#: (context, open runs, the one whose turn it is first). Raises NotHandedOver where trying again is all that helps,
#: Interrupted when `ctx.stop` says so, StaleFence, and otherwise what made the run whose turn it is fail.
Carry = Callable[[Context, Sequence[str]], None]

#: What ends a step at once, whichever run it came from.
_ENDS: Final = (StaleFence, Interrupted)


class NotBroughtForward(RingRiftError):
    """A run cannot be brought forward, and not for want of a broker."""


@dataclass(frozen=True, slots=True)
class _Sender:
    """A dispatcher whose own failures are known from those of a run."""

    to: Dispatcher

    @property
    def filling(self) -> Settings | None:
        """As the dispatcher's own."""
        return filling_of(self.to)

    def dispatch(self, issue: Issue) -> None:
        """Hand over, or NotHandedOver."""
        try:
            self.to.dispatch(issue)
        except (*_ENDS, NotHandedOver):
            raise
        except (RingRiftError, OSError) as error:
            text = f"{issue.stage} of run {issue.run_id[:12]}: {error}"
            raise NotHandedOver(text) from error


def by_workers(dispatcher: Dispatcher, run_hooks: Callable[[Context], None]) -> Carry:
    """Hand over what is due of every run, publish events, see to hooks and files of models; then return.

    Each run is brought forward on its own. One that cannot be is said, and does not keep the others;
    it is a failure of its iteration when the turn is its own, which the loop's circuit breaker counts.
    """
    return _ByWorkers(dispatcher, run_hooks)


@dataclass(slots=True)
class _ByWorkers:
    """A `Carry` through workers, with what it has to remember between two calls."""

    dispatcher: Dispatcher
    run_hooks: Callable[[Context], None]
    #: Runs whose end is not seen to: mostly a run is closed by a worker, between two calls.
    carried: set[str] = field(default_factory=set)
    #: Run -> why it was not brought forward, as the log has it.
    said: dict[str, str] = field(default_factory=dict)

    def __call__(self, ctx: Context, open_runs: Sequence[str]) -> None:
        """One step of all open runs, the one whose turn it is first."""
        self.carried.update(open_runs)
        try:
            wrong = self._step(ctx, open_runs)
        except (*_ENDS, NotHandedOver):
            raise
        except (RingRiftError, OSError) as error:
            raise NotHandedOver(str(error)) from error
        mine = wrong.get(open_runs[0]) if open_runs else None
        if mine is not None and not isinstance(mine, NotHandedOver):
            raise NotBroughtForward(str(mine) or type(mine).__name__) from mine
        for why in wrong.values():
            if isinstance(why, NotHandedOver):
                raise why

    def _step(self, ctx: Context, open_runs: Sequence[str]) -> dict[str, Exception]:
        """Everything in its order; what went wrong, by run."""
        hooks.register(ctx)
        sweep_now(ctx.ledger, ctx.fence)
        wrong = self._bring_forward(ctx, open_runs)
        self._say(wrong)
        feed(ctx.ledger, self.dispatcher, fence=ctx.fence)
        relay(ctx.ledger, wire_pipeline_events(auto_trigger=True), fence=ctx.fence)
        self.run_hooks(ctx)
        self._see_to_closed(ctx)
        return wrong

    def _bring_forward(self, ctx: Context, open_runs: Sequence[str]) -> dict[str, Exception]:
        """Advance each run; what went wrong, by run."""
        sender = _Sender(self.dispatcher)
        wrong: dict[str, Exception] = {}
        for run_id in open_runs:
            if wrong and ctx.stop():  # where the broker is away each try takes its time
                raise Interrupted("stopped between two runs")
            try:
                advance(ctx.ledger, run_id, sender, fence=ctx.fence, feeding=False)
            except _ENDS:
                raise
            except Exception as error:  # noqa: BLE001 - whatever is wrong with this one is no fault of the others
                wrong[run_id] = error
        return wrong

    def _say(self, wrong: Mapping[str, Exception]) -> None:
        """Log each reason once, for as long as it stays the same."""
        for run_id, why in wrong.items():
            if self.said.get(run_id) != str(why):
                ours = not isinstance(why, RingRiftError | OSError)
                log.warning(
                    "run not brought forward",
                    run=run_id[:12],
                    error=str(why),
                    exc_info=why if ours else None,
                )
        self.said = {run_id: str(why) for run_id, why in wrong.items()}

    def _see_to_closed(self, ctx: Context) -> None:
        """Prune and take out models after each run that was closed: there may be no beat that would."""
        with ctx.ledger.read() as tx:
            found = [runs.get_run(tx, run_id) for run_id in sorted(self.carried)]
        for run in found:
            if run.state == runs.CLOSED:
                after_run(ctx, run.config, call_courier)
                self.carried.discard(run.id)


def here(drive: Drive) -> Carry:
    """Bring the run whose turn it is to its end in this process; before it, backfill runs of its config."""

    def carry(ctx: Context, open_runs: Sequence[str]) -> None:
        for run_id in open_runs[:1]:
            with ctx.ledger.read() as tx:
                config = runs.get_run(tx, run_id).config
            finish_backfills(ctx, config, drive)
            drive(ctx, run_id)

    return carry
