"""What was there before a history: networks of each config, the newest of them trained."""

from __future__ import annotations

from benchmarks.histories.services import trained_network
from ringrift.configs import Config
from ringrift.pipeline.context import Context
from ringrift.pipeline.plan import RunPlan
from ringrift.pipeline.runs import ensure_start_model
from ringrift.store import models


def bring_trained(ctx: Context, config: Config) -> None:
    """Make the untrained network, which gates compare with, and one that was trained elsewhere, which plays."""
    ensure_start_model(ctx, config, RunPlan.of(ctx.settings, config))
    blob = ctx.blobs.adopt(trained_network(config, ctx.home / "models"), "models")
    with ctx.ledger.write() as tx:
        models.register_model(
            tx,
            sha256=blob.sha256,
            config=str(config),
            kind=models.IMPORTED,
            path=ctx.blobs.relative(blob.path),
            size=blob.bytes,
            accepted=True,
        )
