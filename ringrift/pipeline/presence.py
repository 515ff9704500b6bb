"""A loop without a lease that status knows: its row in the ledger, signs of life, and its log.

The continuous loop writes its row itself, under its fence. Of loops without one the newest to say
something is told; that is a matter of the screen, and nothing is decided by it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

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
    loop = _Presence(ctx, tuple(configs), name, told)
    pulse = ctx.pulses("presence", ctx.heartbeat_seconds, loop.beat)

    def end(why: str) -> None:
        pulse.stop()
        loop.ended(why)

    try:
        yield loop.works_on
    except Interrupted:
        end("interrupted; the same command goes on")
        raise
    except BaseException as error:
        end(f"ended: {error}")
        raise
    end("did what it was asked to do")


@dataclass(slots=True)
class _Presence:
    """A loop's row in the ledger; whatever the ledger does not take now is left out."""

    ctx: Context
    configs: tuple[str, ...]
    name: str
    told: Callable[[str, Wait], None]
    me: str = field(default_factory=owner)
    sayings: Sayings = field(default_factory=Sayings)
    #: Set once the ledger knows of this loop.
    known: threading.Event = field(default_factory=threading.Event)

    def works_on(self, run: RunRow) -> None:
        """Say which run is worked on."""
        what = "backfill run" if run.backfill else "iteration"
        with suppress(RingRiftError), self.ctx.ledger.write() as tx:
            self._say(tx, loops.RUNNING, run.config, f"works on {what} {run.iteration}")
        self.known.set()

    def beat(self) -> bool:
        """Give a sign of life, and tell what configs wait for; True: go on with that."""
        if not self.known.is_set():
            return True
        with suppress(RingRiftError), self.ctx.ledger.write() as tx:
            loops.alive(tx, self.name, self.me)
        for config, wait in self.sayings.tell(self.ctx, self.configs):
            self.told(config, wait)
        return True

    def ended(self, why: str) -> None:
        """Say so, unless somebody else has taken the name."""
        with suppress(RingRiftError), self.ctx.ledger.write() as tx:
            last = loops.get_loop(tx, self.name)
            if last is not None and last.owner == self.me:
                self._say(tx, loops.STOPPED, None, why)

    def _say(self, tx: Tx, state: str, config: str | None, reason: str | None) -> None:
        """Write the row; since when is kept for as long as the state is."""
        row = LoopRow(
            name=self.name,
            owner=self.me,
            state=state,
            config=config,
            reason=reason,
            since=tx.now,
            until=None,
            updated_at=tx.now,
            breaker=None,
            details={"configs": list(self.configs)},
        )
        before = loops.get_loop(tx, self.name)
        if before is not None and (before.owner, before.state) == (self.me, state):
            row = replace(row, since=before.since)
        loops.say(tx, row)
