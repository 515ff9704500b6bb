"""The single loop: iterations of some configs, in turn, in this process or through the queue.

Backfill runs that a master left open (only a master opens any) come to their end before the iteration of their config.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from ringrift.configs import Config
from ringrift.errors import Interrupted, NotReached, RingRiftError
from ringrift.pipeline import hooks
from ringrift.pipeline.context import Context
from ringrift.pipeline.dispatcher import Dispatcher, call_courier
from ringrift.pipeline.event_router import Router, relay, wire_pipeline_events
from ringrift.pipeline.helpers import helping
from ringrift.pipeline.in_process import work_off
from ringrift.pipeline.nodes import sweep_now
from ringrift.pipeline.orchestrator import advance
from ringrift.pipeline.porters import after_run
from ringrift.pipeline.presence import present
from ringrift.pipeline.runs import open_or_resume
from ringrift.pipeline.waits import Wait
from ringrift.store import runs
from ringrift.store.ledger import StaleFence
from ringrift.store.runs import RunRow

log = structlog.get_logger(__name__)

#: Between two looks at a run that workers carry.
LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class SingleLoop:
    """What a call of the loop does. Ends at the first limit that is reached."""

    configs: Sequence[Config]
    #: Selfplay games of each new run; None takes the settings'.
    games: int | None = None
    #: Iterations of each config; 0 for no limit.
    max_iterations: int = 0
    #: Seconds; None for no limit.
    seconds: float | None = None
    #: End with the first promotion.
    until_promotion: bool = False


#: Brings one open run to its end.
Drive = Callable[[Context, str], RunRow]


def run_loop(
    ctx: Context,
    loop: SingleLoop,
    drive: Drive,
    opened: Callable[[RunRow], None],
    told: Callable[[str, Wait], None] = lambda _config, _wait: None,
) -> list[RunRow]:
    """Run iterations until a limit is reached; those that were closed. `told`: what configs wait for, when it changes.

    `opened`: each run that begins or goes on, backfill runs too. NotReached when the time ran out before a single
    iteration was closed, or before `max_iterations` of them; Interrupted when `ctx.stop` said so. Either leaves the open
    run to be resumed.
    """
    deadline = None if loop.seconds is None else time.monotonic() + loop.seconds
    asked = ctx.stop

    def out_of_time() -> bool:
        return deadline is not None and time.monotonic() >= deadline

    ctx = ctx.with_(stop=lambda: asked() or out_of_time())
    with present(ctx, [str(config) for config in loop.configs], told=told) as works_on:

        def begun(run: RunRow) -> None:
            works_on(run)
            opened(run)

        return _iterate(ctx, loop, drive, begun, asked, out_of_time)


def _iterate(
    ctx: Context,
    loop: SingleLoop,
    drive: Drive,
    opened: Callable[[RunRow], None],
    asked: Callable[[], bool],
    out_of_time: Callable[[], bool],
) -> list[RunRow]:
    closed: list[RunRow] = []
    iteration = 0
    while not loop.max_iterations or iteration < loop.max_iterations:
        iteration += 1
        for config in loop.configs:
            if closed and out_of_time() and not loop.max_iterations:
                return closed
            at = "games that were left open beside an iteration"
            try:
                finish_backfills(ctx, str(config), drive, opened)
                run = open_or_resume(ctx, config, loop.games)
                at = f"iteration {run.iteration}"
                opened(run)
                run = drive(ctx, run.id)
            except Interrupted as error:
                if asked() or not out_of_time():
                    raise
                if closed and not loop.max_iterations:
                    return closed
                raise NotReached(
                    f"the time ran out in {at} of {config}; the same command goes on from there"
                ) from error
            closed.append(run)
            if loop.until_promotion and run.outcome == runs.PROMOTED:
                return closed
    return closed


def finish_backfills(
    ctx: Context, config: str, drive: Drive, opened: Callable[[RunRow], None] = lambda _run: None
) -> None:
    """Bring the backfill runs of a config to their end, one after the other. How they end is no matter of its iterations.

    Raises Interrupted when `ctx.stop` says so, which leaves them to be resumed, and StaleFence.
    """
    with ctx.ledger.read() as tx:
        left = runs.open_backfills(tx, config)
    for run in left:
        opened(run)
        try:
            drive(ctx, run.id)
        except (Interrupted, StaleFence):
            raise
        except RingRiftError as error:
            # What is wrong with more than this run, the iteration finds as well.
            log.warning("backfill run not brought to its end", run=run.id[:12], error=str(error))


def in_this_process(helpers: int) -> Drive:
    """Drive a run in this process, with so many helpers beside it."""

    def drive(ctx: Context, run_id: str) -> RunRow:
        with helping(ctx, run_id, helpers):
            return work_off(ctx, run_id)

    return drive


def through(
    dispatcher: Dispatcher, run_hooks: Callable[[Context], None] = lambda _ctx: None
) -> Drive:
    """Drive a run through workers: hand over what is due, and watch; `run_hooks` has a worker run them.

    The broker may be away for a while: that is said, and tried again.
    """

    def tell(ctx: Context, router: Router) -> None:
        relay(ctx.ledger, router)
        run_hooks(ctx)

    def drive(ctx: Context, run_id: str) -> RunRow:
        router = wire_pipeline_events(auto_trigger=True)
        hooks.register(ctx)
        while True:
            try:
                sweep_now(ctx.ledger)
                advance(ctx.ledger, run_id, dispatcher, fence=ctx.fence)
                tell(ctx, router)
            except StaleFence:
                raise
            except RingRiftError as error:
                log.warning("not handed over, trying again", run=run_id[:12], error=str(error))
            with ctx.ledger.read() as tx:
                run = runs.get_run(tx, run_id)
            if run.state == runs.CLOSED:
                after_run(ctx, run.config, call_courier)  # there may be no beat that would
                try:
                    tell(ctx, router)  # how it ended, too
                except RingRiftError as error:
                    log.warning("not told to hooks", run=run_id[:12], error=str(error))
                return run
            if ctx.stop():
                raise Interrupted(f"run {run_id[:12]} goes on in its workers")
            time.sleep(LOOK_SECONDS)

    return drive
