"""What nobody needs any more goes, and nothing else."""

import os
import time

import numpy as np
import pytest

from ringrift.pipeline.runs import open_or_resume
from ringrift.pipeline.sweeping import sweep
from ringrift.selfplay import checkpoint
from ringrift.selfplay.checkpoint import Checkpoint, checkpoint_path
from ringrift.selfplay.leftovers import BY_HAND_SECONDS, IDLE_SECONDS, run_of
from ringrift.store import runs
from tests.pipeline import tiny
from tests.pipeline.tiny import HEX8

ARRAYS = {"games": np.zeros((64, 6, 61), np.uint16)}


@pytest.fixture
def ctx(tmp_path):
    """A state directory with an open run."""
    made = tiny.context(tmp_path / "home")
    yield made
    made.ledger.close()


def left(folder, name, run, idle):
    """A checkpoint of a run that was last written so many seconds ago."""
    folder.mkdir(parents=True, exist_ok=True)
    path = checkpoint_path(folder, name)
    checkpoint.write(path, {"run_id": run}, Checkpoint(["{}"], ARRAYS, 1.0))
    then = time.time() - idle
    os.utime(path, (then, then))
    return path


def test_checkpoints_that_nobody_takes_up_are_swept(ctx):
    """Those of open runs stay, however old, and those that were just written; the others go."""
    run = open_or_resume(ctx, HEX8)
    shards, long = ctx.home / "shards", IDLE_SECONDS + 60
    kept = [left(shards, "a", run.id, 100 * long), left(shards, "b", "closed", 60)]
    gone = [left(shards, "c", "closed", long)]
    torn = shards / ".d.checkpoint"
    torn.write_bytes(b"half of one")
    os.utime(torn, (0, 0))
    assert sweep(ctx) == 2
    assert all(path.exists() for path in kept)
    assert not any(path.exists() for path in [*gone, torn])
    with ctx.ledger.write() as tx:
        runs.close_run(tx, run.id, runs.FAILED, "given up")
    open_or_resume(ctx, HEX8)  # sweeps by itself
    assert [path.exists() for path in kept] == [False, True]


def test_shards_by_hand_may_wait(ctx):
    """A shard that a person stopped is gone on with for a month; whoever wrote a half file and died does not."""
    folder = ctx.home / "soak"
    kept = left(folder, "a", "soak", BY_HAND_SECONDS - 60)
    gone = left(folder, "b", "soak", BY_HAND_SECONDS + 60)
    half = folder / ".tmp-999999999-a.zst"  # no process has this number
    half.touch()
    mine = folder / f".tmp-{os.getpid()}-a.zst"
    mine.touch()
    assert sweep(ctx) == 2
    assert (kept.exists(), mine.exists()) == (True, True)
    assert not gone.exists()
    assert not half.exists()


def test_a_checkpoint_says_whose_it_is(tmp_path):
    """Its run is read from its header alone; what is no checkpoint says nothing."""
    assert run_of(left(tmp_path, "a", "r" * 64, 0)) == "r" * 64
    assert run_of(tmp_path / "absent") is None
