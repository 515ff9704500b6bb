"""`ringrift run`: the whole loop on this machine, from nothing to a first promoted model.

What `make run` calls: compiles the kernels, starts the cluster of `ringrift up` on embedded parts, opens one run after
another until a candidate is promoted, and stops everything again.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from ringrift.cli.options import SettingsFile
from ringrift.errors import NotReached

if TYPE_CHECKING:
    from collections.abc import Callable

    from ringrift.pipeline.context import Context

app = typer.Typer(help="Play, learn and promote a first model.")

#: Settings of a first look: small games, a small network.
PRESET = "quickstart"

#: The cluster works on the runs that this command opens and on no others.
ONLY_OURS = {"RINGRIFT__TRAINING__AUTO_TRIGGER": "false"}


@app.command()
def run(
    minutes: Annotated[
        float, typer.Option("--minutes", min=0.1, help="give up when nothing is promoted by then")
    ] = 20.0,
    settings_file: SettingsFile = None,
    *,
    flower: Annotated[bool, typer.Option(help="start Flower, the web page of the cluster")] = True,
) -> int:
    """Run the loop until the first promotion; with a champion already there, one iteration more.

    Exit 0 with a promoted model, or, in later calls, with the evidence against the candidate; 3 when the time ran out
    (the same command goes on from there), 130 at Ctrl-C, which loses nothing.
    """
    from ringrift.cli.loop_report import said_settings, say_opened, say_summary
    from ringrift.cli.stack import Stack
    from ringrift.cli.training_loop import quiet_logs, through_queue
    from ringrift.cli.up import announce, warm_up
    from ringrift.cli.watch import Watcher
    from ringrift.pipeline.context import open_context
    from ringrift.pipeline.single import SingleLoop, run_loop
    from ringrift.settings import Settings, home
    from ringrift.settings.switches import refuse_local_work
    from ringrift.store import runs
    from ringrift.store.runs import RunRow

    refuse_local_work("ringrift run")
    preset = settings_file or os.environ.get("RINGRIFT_CONFIG_PATH", "").strip() or PRESET
    os.environ["RINGRIFT_CONFIG_PATH"] = str(preset)
    settings = Settings.load()
    quiet_logs()
    warm_up()
    ctx = open_context(settings)
    first = not _has_champion(ctx)
    loop = SingleLoop(
        configs=settings.loop.parsed(),
        max_iterations=0 if first else 1,
        seconds=minutes * 60.0,
        until_promotion=first,
    )
    with Stack(home(), settings, config=str(preset), extra=ONLY_OURS, flower=flower) as stack:
        announce(stack)
        ctx = ctx.with_(stop=_watching(stack.check))
        with Watcher(ctx) as watcher:

            def opened(row: RunRow) -> None:
                say_opened(row)
                watcher.show(row.id)

            closed = run_loop(ctx, loop, through_queue(), opened, watcher.waits)
    say_summary(ctx, closed, "ringrift run", said_settings(settings_file))
    if any(row.outcome == runs.FAILED for row in closed):
        return 1
    if first and not _has_champion(ctx):
        raise NotReached(
            f"no candidate was promoted within {minutes:g} minutes: the evidence stands above; "
            "the same command goes on"
        )
    return 0


def _has_champion(ctx: Context) -> bool:
    """Whether every config of the loop has a champion."""
    from ringrift.store import models

    with ctx.ledger.read() as tx:
        return all(models.champion(tx, config) is not None for config in ctx.settings.loop.configs)


def _watching(check: Callable[[], list[str]]) -> Callable[[], bool]:
    """Let the loop look after the cluster whenever it asks whether to stop."""

    def stop() -> bool:
        for line in check():
            print(line, flush=True)
        return False

    return stop
