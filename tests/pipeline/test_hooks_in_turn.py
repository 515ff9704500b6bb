"""Hooks beside each other: one that is slow takes its own part of the time, not that of the others."""

import sys

from ringrift.pipeline import events as tell
from ringrift.pipeline import hooks
from ringrift.store import subscriptions
from ringrift.store.ledger import Fence
from tests.pipeline import tiny


class Clock:
    """Each look takes 20 seconds: so long the programs of this test seem to run."""

    now = 0.0

    def __call__(self):
        """Tell the time."""
        self.now += 20.0
        return self.now


def test_a_slow_hook_does_not_starve_the_one_after_it(tmp_path):
    """With more events waiting than the first can be handed in a pass, the second is handed its own in each."""
    line = f"{sys.executable} -c ''"
    ctx = tiny.context(tmp_path, changes={"events__hooks": {"LEASE_TAKEN": [line, line]}})
    hooks.register(ctx)
    for number in range(1, 7):
        with ctx.ledger.write() as tx:
            tell.lease_taken(tx, Fence("master", number), "me")
    for passed in (1, 2):
        assert hooks.hand_over(ctx.with_(clock=Clock()), budget_seconds=60.0) == 2
        with ctx.ledger.read() as tx:
            names = [hook.name for hook in hooks.hooks_of(ctx.settings.events)]
            assert [subscriptions.reached(tx, name) for name in names] == [passed, passed]
    ctx.ledger.close()
