"""Queue cpu: files and statistics."""

from __future__ import annotations

from typing import Any

from ringrift.celery import app
from ringrift.pipeline import model_files, porters, strays
from workers import hooks
from workers.context import context, master
from workers.stage import work

#: Seconds until a child that hangs is killed; Celery can do this on prefork only. A sync of a
#: thousand games takes seconds.
LIMIT = 3600


@app.task(name="cpu.sync", time_limit=LIMIT)
def sync(run_id: str) -> dict[str, Any]:
    """Take the games of a run's shards into the ledger."""
    return work("sync", run_id)


@app.task(name="cpu.strays", time_limit=LIMIT, ignore_result=True)
def look_for_strays(fence: int) -> None:
    """Move files of games away that no row of the ledger names."""
    with master(fence) as ctx:
        strays.look(ctx)


@app.task(name="cpu.prune", time_limit=LIMIT, ignore_result=True)
def prune(fence: int) -> None:
    """Give up the files of models that nothing needs."""
    with master(fence) as ctx:
        model_files.tidy(ctx)


@app.task(name="cpu.distribute", time_limit=LIMIT, ignore_result=True)
def distribute(fence: int | None = None, config: str | None = None) -> None:
    """Take the models that play to `models.distribute_to`: all of them by the clock, or those of a config."""
    if fence is None:
        porters.take_out(context(), None if config is None else [config])
        return
    with master(fence) as ctx:
        porters.take_out(ctx)


@app.task(name="cpu.parity", time_limit=LIMIT)
def parity(run_id: str) -> dict[str, Any]:
    """Replay a sample of a run's games through the oracle."""
    return work("parity", run_id)


@app.task(name="cpu.export", time_limit=LIMIT)
def export(run_id: str) -> dict[str, Any]:
    """Write the dataset of a run."""
    return work("export", run_id)


@app.task(name="cpu.run_hooks", time_limit=LIMIT, ignore_result=True)
def run_hooks() -> None:
    """Begin to run the hooks of the settings with the events that wait for them; this does not wait for them."""
    hooks.begin()
