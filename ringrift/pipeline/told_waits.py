"""What each config waits for, told in the log: one line per config whenever something changed.

A change is another run, stage or reason, somebody beginning or leaving the work, or a further
quarter of what is needed being there. Figures that only grow are not: `ringrift status` has them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import structlog

from ringrift.errors import RingRiftError
from ringrift.pipeline.context import Context
from ringrift.pipeline.overview import alive_loops, looked_at
from ringrift.pipeline.run_status import RunStatus, run_status
from ringrift.pipeline.status import training_of, wait_of
from ringrift.pipeline.waits import Wait
from ringrift.store import loops, runs

log = structlog.get_logger(__name__)

#: Lines about one stage as it fills up, beside its beginning.
PARTS = 4


class Sayings:
    """What one process has told already. May be called by several threads."""

    def __init__(self) -> None:
        """Nothing told yet."""
        self._told: dict[str, tuple[object, ...]] = {}
        self._lock = threading.Lock()

    def tell(
        self, ctx: Context, configs: Sequence[str] | None = None, *, master: bool = False
    ) -> list[tuple[str, Wait]]:
        """Log what changed since the last call, and return it. Never raises for want of the ledger.

        configs: None for those of the settings and all with an open run. master: whether the caller
        works for a master; another one that is at work is known by a loop that stepped back for it.
        """
        try:
            found = _look(ctx, configs, master)
        except (RingRiftError, OSError) as error:  # what is told is no reason to stop work
            log.debug("not told what configs wait for", error=str(error))
            return []
        with self._lock:
            new = [
                (config, wait)
                for config, wait, run in found
                if self._told.get(config) != _mark(wait, run)
            ]
            self._told.update({config: _mark(wait, run) for config, wait, run in found})
        for config, wait in new:
            said = {
                "have": wait.have,
                "need": wait.need,
                "unit": wait.unit,
                "eta_seconds": None if wait.eta_seconds is None else round(wait.eta_seconds),
            }
            log.info(
                "config waits",
                config=config,
                stage=wait.stage,
                waits_for=wait.waits_for,
                **{key: value for key, value in said.items() if value is not None},
            )
        return new


@contextmanager
def telling(
    ctx: Context, configs: Sequence[str], say: Callable[[str, Wait], None]
) -> Iterator[None]:
    """Log, and say, beside a block what these configs wait for, as often as the master looks."""
    sayings = Sayings()

    def beat() -> bool:
        for config, wait in sayings.tell(ctx, configs):
            say(config, wait)
        return True

    pulse = ctx.pulses("waits", ctx.settings.cluster.tick_interval_seconds, beat)
    try:
        yield
    finally:
        pulse.stop()


def _look(
    ctx: Context, configs: Sequence[str] | None, master: bool
) -> list[tuple[str, Wait, RunStatus | None]]:
    found = []
    with ctx.ledger.read() as tx:
        deferred = any(row.state == loops.DEFERRED for row in alive_loops(tx, ctx))
        looked = looked_at(tx, ctx, master or deferred)
        if configs is None:
            configs = [*ctx.settings.loop.configs, *(run.config for run in runs.open_runs(tx))]
        for config in dict.fromkeys(configs):
            last = runs.last_run(tx, config)
            run = None if last is None else run_status(tx, last, looked.workers)
            training = training_of(tx, ctx, config, last, looked)
            wait = wait_of(tx, ctx, config, last, run, training, looked)
            found.append((config, wait, run))
    return found


def _mark(wait: Wait, run: RunStatus | None) -> tuple[object, ...]:
    """What makes one wait another."""
    part = None
    if wait.have is not None and wait.need:
        part = min(PARTS, int(PARTS * wait.have / wait.need))
    if run is None:
        return (wait.stage, part)
    return (run.run_id, run.outcome, wait.stage, run.at_work > 0, part)
