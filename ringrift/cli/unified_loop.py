"""``ringrift unified-loop``: the older style of loop, by explicit opt-in."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from ringrift.cli.options import SettingsFile
from ringrift.errors import BadInput

app = typer.Typer(help="The older style of loop: one process, one stage at a time.")


@app.command()
def unified_loop(
    *,
    start: Annotated[bool, typer.Option("--start", help="begin; nothing else is offered")] = False,
    configs: Annotated[
        list[str] | None,
        typer.Option("--config", help="BOARD:PLAYERS; several take turns (default: loop.configs)"),
    ] = None,
    max_iterations: Annotated[
        int | None,
        typer.Option(
            "--max-iterations",
            min=0,
            help="of each config; 0: no limit (default: loop.max_iterations)",
        ),
    ] = None,
    settings_file: SettingsFile = None,
) -> int:
    """Run selfplay, training and promotion in strict sequence in this process, without events or queue.

    Refused (exit 2) unless RINGRIFT_UNIFIED_LOOP_LEGACY is set, and while the master loop runs. Exit 0 when all
    iterations were closed, 1 when a run had to be given up, 130 at Ctrl-C: nothing is lost, the same command goes on.
    """
    from ringrift.pipeline.legacy import check_opt_in, in_sequence
    from ringrift.settings.switches import UNIFIED_LOOP_LEGACY, refuse_local_work

    check_opt_in()
    refuse_local_work("ringrift unified-loop")
    if not start:
        raise BadInput("ringrift unified-loop does nothing without --start")
    from ringrift.cli.loop_report import said_settings, say_opened, say_summary
    from ringrift.cli.training_loop import quiet_logs
    from ringrift.cli.watch import Watcher
    from ringrift.configs import Config
    from ringrift.pipeline.context import open_context
    from ringrift.pipeline.deferral import is_unified_loop_running
    from ringrift.pipeline.services import real_services
    from ringrift.pipeline.single import SingleLoop, run_loop
    from ringrift.settings import Settings
    from ringrift.store import runs
    from ringrift.store.runs import RunRow

    if settings_file is not None:
        os.environ["RINGRIFT_CONFIG_PATH"] = str(
            settings_file
        )  # the trainer's process reads it too
    settings = Settings.load()
    if is_unified_loop_running():
        raise BadInput("the master loop runs, and does this work: stop it first (ringrift down)")
    loop = SingleLoop(
        configs=tuple(Config.parse(text) for text in configs or settings.loop.configs),
        max_iterations=settings.loop.max_iterations if max_iterations is None else max_iterations,
    )
    quiet_logs()
    ctx = open_context(settings, services=real_services())
    with Watcher(ctx) as watcher:

        def opened(run: RunRow) -> None:
            say_opened(run)
            watcher.show(run.id)

        closed = run_loop(ctx, loop, in_sequence, opened, watcher.waits)
    again = f"{UNIFIED_LOOP_LEGACY}=1 ringrift unified-loop --start"
    which = " ".join(f"--config {config}" for config in loop.configs)
    say_summary(ctx, closed, again, which, said_settings(settings_file))
    return 1 if any(run.outcome == runs.FAILED for run in closed) else 0
