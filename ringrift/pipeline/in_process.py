"""The pipeline in this process: no broker, no workers, the same stages.

Helpers may work beside it (`pipeline.helpers`), and so may another console: units are claimed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ringrift.errors import BadInput, Interrupted
from ringrift.pipeline import hooks
from ringrift.pipeline.context import Context
from ringrift.pipeline.dispatcher import Issue, registered
from ringrift.pipeline.event_router import relay, wire_pipeline_events
from ringrift.pipeline.orchestrator import advance
from ringrift.pipeline.porters import after_run
from ringrift.pipeline.stages import run_stage
from ringrift.pipeline.task import FAILED, StageOutcome
from ringrift.store import runs, stages
from ringrift.store.runs import RunRow

#: Between two looks at units that others hold.
LOOK_SECONDS = 0.2


@dataclass(slots=True)
class InProcess:
    """A dispatcher that does the work at once.

    A failure of input or surroundings (a full disk, a broken model) is raised: there is somebody
    at the console who can cure it, and trying again by itself would only hide it.
    """

    ctx: Context
    #: What came of each unit, for whoever looks.
    outcomes: list[StageOutcome] = field(default_factory=list)

    def dispatch(self, issue: Issue) -> None:
        """Work each unit off, one after the other."""
        for unit in issue.units:
            outcome = run_stage(self.ctx, issue.run_id, issue.stage, unit)
            self.outcomes.append(outcome)
            if outcome.state == FAILED and outcome.bad_input and not self._mends(issue):
                raise BadInput(f"{issue.stage}: {outcome.error}")

    def _mends(self, issue: Issue) -> bool:
        """A bad shard is played again by itself: an earlier stage was reopened."""
        with self.ctx.ledger.read() as tx:
            rows = stages.stages_of(tx, issue.run_id)
        earlier = stages.ORDER[: stages.ORDER.index(issue.stage)]
        return any(r.stage in earlier and r.state not in stages.SETTLED for r in rows)


def work_off(ctx: Context, run_id: str) -> RunRow:
    """Bring an open run to its end in this process, and tell what happens; the closed run.

    Interrupted (from `ctx.stop`) leaves it open, to be resumed.
    """
    dispatcher = InProcess(ctx)
    hooks.register(ctx)
    with registered(dispatcher):
        router = wire_pipeline_events(auto_trigger=False)

        def tell() -> None:
            relay(ctx.ledger, router)
            hooks.hand_over(ctx)

        run = bring_to_end(ctx, run_id, dispatcher, tell)
        after_run(ctx, run.config)
        tell()
        return run


def bring_to_end(
    ctx: Context, run_id: str, dispatcher: InProcess, after: Callable[[], object]
) -> RunRow:
    """Advance an open run until it is closed, `after` following each step; the closed run.

    Interrupted (from `ctx.stop`) leaves it open, to be resumed.
    """
    while True:
        commands = advance(ctx.ledger, run_id, dispatcher, fence=ctx.fence, reissue_seconds=0.0)
        after()
        with ctx.ledger.read() as tx:
            run = runs.get_run(tx, run_id)
        if run.state == runs.CLOSED:
            return run
        if ctx.stop():
            raise Interrupted(f"run {run_id[:12]} is kept, and goes on at the next start")
        if not commands:  # others hold what is left, until they are done or their lease ends
            time.sleep(LOOK_SECONDS)
