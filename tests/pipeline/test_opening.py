"""A run is opened with the network that plays at that moment."""

from ringrift.pipeline import model_files, runs
from ringrift.pipeline.plan import RunPlan
from ringrift.store import models
from tests.models.history import context, play
from tests.pipeline.tiny import HEX8


def test_who_slept_since_the_network_was_chosen_opens_nothing_with_it(tmp_path):
    """Another run has promoted a newer one by then, and the file of this one is pruned; the next look has the newer."""
    ctx = context(tmp_path, 10, models__keep_champions=0, models__keep_candidates=1)
    play(ctx)
    plan = RunPlan.of(ctx.settings, HEX8)
    start = runs.ensure_start_model(ctx, HEX8, plan)
    play(ctx)
    model_files.prune(ctx)
    with ctx.ledger.write() as tx:
        assert models.get_model(tx, start.sha256).pruned_at is not None
        assert runs._open(tx, HEX8, plan, start, ctx.settings) is None
        newest = models.newest_accepted(tx, "hex8:2").sha256
    assert runs.open_or_resume(ctx, HEX8).start_model == newest != start.sha256
