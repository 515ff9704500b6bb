"""The older style of loop: one process that runs a run's stages in strict sequence.

    selfplay, shard by shard ─▶ sync ─▶ parity ─▶ export ─▶ train ─▶ evaluate ─▶ promote ─▶ next config

No queue, no workers, no helpers, and nothing is set off by an event: the next stage begins because
the one before it returned. Ledger, files and gates are those of the other loops, so that either may
go on where the other stopped; events are committed with what they tell of, as a record, and read
by nobody here.

Kept for comparison, and for a machine on which nothing else runs. The master loop does the same on
all cores and nodes.
"""

from __future__ import annotations

from ringrift.errors import BadInput
from ringrift.pipeline.context import Context
from ringrift.pipeline.in_process import InProcess, bring_to_end
from ringrift.settings.switches import UNIFIED_LOOP_LEGACY, switched_on
from ringrift.store.runs import RunRow


def check_opt_in() -> None:
    """Raise BadInput, which points to the master loop, unless RINGRIFT_UNIFIED_LOOP_LEGACY allows it."""
    if not switched_on(UNIFIED_LOOP_LEGACY):
        raise BadInput(
            "the unified loop is the older style, one process and one stage at a time: use the master "
            f"loop, `ringrift master-loop`, or set {UNIFIED_LOOP_LEGACY}=1 to have it all the same"
        )


def in_sequence(ctx: Context, run_id: str) -> RunRow:
    """Bring an open run to its end, one unit after the other; the closed run.

    Interrupted (from `ctx.stop`) leaves it open, to be resumed.
    """
    return bring_to_end(ctx, run_id, InProcess(ctx), lambda: None)
