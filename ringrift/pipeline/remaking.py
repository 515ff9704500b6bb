"""A model's file that is gone, or was broken and moved away, made again from what is here.

The untrained network of a config follows from its name and sizes; a trained one still lies in the folder of its
training for a while. Either must have the sha256 that the ledger knows. Without this, each later run of a config
whose newest network broke on the disk would end at its first shard.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import structlog

from ringrift.configs import Config
from ringrift.nets.files import SUFFIX
from ringrift.pipeline.context import Context
from ringrift.pipeline.model_files import training_folder
from ringrift.pipeline.plan import RunPlan
from ringrift.store import models
from ringrift.store.blobs import file_sha256
from ringrift.store.models import ModelRow

log = structlog.get_logger(__name__)


def make_again(ctx: Context, row: ModelRow, plan: RunPlan) -> bool:
    """Put the file of a model into its place where it is not there; whether it is there now.

    plan: of a run of its config, which says how large an untrained network is. A pruned model stays away.
    """
    path = ctx.blobs.path(row.path)
    if path.exists() or row.pruned_at is not None:
        return path.exists()
    if row.kind == models.INITIAL:
        runs = ctx.home / "runs"
        runs.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=runs) as folder:
            made = ctx.services.init_model(Config.parse(row.config), plan, Path(folder))
            return _adopt(ctx, row, made)
    if row.run_id is None:
        return False
    return _adopt(ctx, row, training_folder(ctx.home, row.run_id) / f"{row.sha256}{SUFFIX}")


def _adopt(ctx: Context, row: ModelRow, made: Path) -> bool:
    """Take a file in if it is the model."""
    if not made.is_file() or file_sha256(made) != row.sha256:
        return False
    ctx.blobs.adopt(made, Path(row.path).parent.name)
    log.warning("a model's file was made again", model=row.sha256[:12], config=row.config)
    return True
