"""A loop without a lease that status knows: its row in the ledger, signs of life, and its log.

The continuous loop writes its row itself, under its fence. Of loops without one the newest to say
something is told; that is a matter of the screen, and nothing is decided by it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from ringrift.errors import Interrupted, RingRiftError
from ringrift.pipeline.context import Context
from ringrift.pipeline.owner import owner
from ringrift.pipeline.told_waits import Sayings
from ringrift.pipeline.waits import Wait
from ringrift.store import loops
from ringrift.store.ledger import Tx
from ringrift.store.loops import LoopRow
from ringrift.store.runs import RunRow

#: Name of the loops behind `ringrift training-loop`, `run` and `unified-loop`.
SINGLE = "training-loop"


@contextmanager
def present(
    ctx: Context,
    configs: Sequence[str],
    name: str = SINGLE,
    told: Callable[[str, Wait], None] = lambda _config, _wait: None,
) -> Iterator[Callable[[RunRow], None]]:
    """Be there for the length of a block; yields what says that a run is worked on.

    Beside the block it gives signs of life, logs what each config waits for, and calls `told`; from its first run
    on, for until then the ledger knows of no loop, and would say that nobody is at work. A ledger that is
    away for a moment is the business of the work, not of this.
    """
    me, sayings = owner(), Sayings()
    known = threading.Event()

    def say(tx: Tx, state: str, config: str | None, reason: str | None) -> None:
        row = LoopRow(
            name=name,
            owner=me,
            state=state,
            config=config,
            reason=reason,
            since=tx.now,
            until=None,
            updated_at=tx.now,
            breaker=None,
            details={"configs": list(configs)},
        )
        before = loops.get_loop(tx, name)
        if before is not None and (before.owner, before.state) == (me, state):
            row = replace(row, since=before.since)
        loops.say(tx, row)

    def works_on(run: RunRow) -> None:
        with suppress(RingRiftError), ctx.ledger.write() as tx:
            say(tx, loops.RUNNING, run.config, f"works on iteration {run.iteration}")
        known.set()

    def beat() -> bool:
        if not known.is_set():
            return True
        with suppress(RingRiftError), ctx.ledger.write() as tx:
            loops.alive(tx, name, me)
        for config, wait in sayings.tell(ctx, configs):
            told(config, wait)
        return True

    def end(why: str) -> None:
        pulse.stop()
        with suppress(RingRiftError), ctx.ledger.write() as tx:
            last = loops.get_loop(tx, name)
            if last is not None and last.owner == me:
                say(tx, loops.STOPPED, None, why)

    pulse = ctx.pulses("presence", ctx.heartbeat_seconds, beat)
    try:
        yield works_on
    except Interrupted:
        end("interrupted; the same command goes on")
        raise
    except BaseException as error:
        end(f"ended: {error}")
        raise
    end("did what it was asked to do")
