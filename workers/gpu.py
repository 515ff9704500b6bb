"""Queue gpu: what needs a device, or a core of its own."""

from __future__ import annotations

from typing import Any

from ringrift.celery import app
from workers.stage import beside, work


@app.task(name="gpu.selfplay_shard")
def selfplay_shard(run_id: str, shard_id: str) -> dict[str, Any]:
    """Play the games of one shard."""
    return work("selfplay", run_id, shard_id)


@app.task(name="gpu.train")
def train(run_id: str) -> dict[str, Any]:
    """Train the run's candidate, in a child process of this task."""
    return work("train", run_id)


@app.task(name="gpu.play_match_unit")
def play_match_unit(run_id: str, unit: str) -> dict[str, Any]:
    """Play one part of one gate's match."""
    return work("evaluate", run_id, unit)


@app.task(name="gpu.play_beside")
def play_beside(match: str) -> dict[str, Any]:
    """Play what is missing of a shadow or tournament match."""
    return beside(match)
