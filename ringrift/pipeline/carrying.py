"""How the continuous loop brings runs forward: through workers step by step, or in this process to the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ringrift.errors import Interrupted, RingRiftError
from ringrift.pipeline import hooks
from ringrift.pipeline.context import Context
from ringrift.pipeline.dispatcher import Dispatcher, NotHandedOver, call_courier
from ringrift.pipeline.event_router import relay, wire_pipeline_events
from ringrift.pipeline.feeding import feed
from ringrift.pipeline.orchestrator import advance
from ringrift.pipeline.porters import after_run
from ringrift.pipeline.single import Drive
from ringrift.store import runs
from ringrift.store.ledger import StaleFence

#: (context, open runs, the one whose turn it is first). Raises NotHandedOver where trying again is all that helps,
#: Interrupted when `ctx.stop` says so, StaleFence, and otherwise what made the run fail.
Carry = Callable[[Context, Sequence[str]], None]


def by_workers(dispatcher: Dispatcher, run_hooks: Callable[[Context], None]) -> Carry:
    """Hand over what is due of every run, publish events, see to hooks and files of models; then return."""
    carried: set[str] = set()  # mostly a run is closed by a worker, between two calls

    def carry(ctx: Context, open_runs: Sequence[str]) -> None:
        router = wire_pipeline_events(auto_trigger=True)
        carried.update(open_runs)
        try:
            hooks.register(ctx)
            for run_id in open_runs:
                advance(ctx.ledger, run_id, dispatcher, fence=ctx.fence, feeding=False)
            feed(ctx.ledger, dispatcher, fence=ctx.fence)
            relay(ctx.ledger, router, fence=ctx.fence)
            run_hooks(ctx)
            with ctx.ledger.read() as tx:
                found = [runs.get_run(tx, run_id) for run_id in sorted(carried)]
            for run in found:
                if run.state == runs.CLOSED:
                    after_run(ctx, run.config, call_courier)  # there may be no beat that would
                    carried.discard(run.id)
        except (StaleFence, Interrupted, NotHandedOver):
            raise
        except (RingRiftError, OSError) as error:
            raise NotHandedOver(str(error)) from error

    return carry


def here(drive: Drive) -> Carry:
    """Bring the run whose turn it is to its end in this process."""

    def carry(ctx: Context, open_runs: Sequence[str]) -> None:
        for run_id in open_runs[:1]:
            drive(ctx, run_id)

    return carry
