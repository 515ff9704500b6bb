"""`ringrift training-loop`: iterations of selfplay → sync → export → train → evaluate → promote."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from ringrift.cli.options import InProcess, Jobs, SettingsFile
from ringrift.errors import BadInput

if TYPE_CHECKING:
    from ringrift.configs import Config
    from ringrift.pipeline.single import Drive

app = typer.Typer(help="Iterations of selfplay → … → promote.")


@app.command()
def training_loop(
    board_type: Annotated[
        str | None,
        typer.Option("--board-type", help="square8, square19, hex8 (default), hexagonal"),
    ] = None,
    num_players: Annotated[
        int | None, typer.Option("--num-players", help="2 (default), 3 or 4")
    ] = None,
    configs: Annotated[
        list[str] | None,
        typer.Option("--config", help="BOARD:PLAYERS instead; several take turns"),
    ] = None,
    selfplay_games: Annotated[
        int | None,
        typer.Option(
            "--selfplay-games",
            min=1,
            help="games of an iteration (default: selfplay.games_per_iteration)",
        ),
    ] = None,
    max_iterations: Annotated[
        int | None,
        typer.Option(
            "--max-iterations", min=0, help="0: no limit (default: 1, or 0 with --minutes)"
        ),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", min=0.0, help="end after so long")
    ] = None,
    in_process: InProcess = False,
    jobs: Jobs = None,
    until_promotion: Annotated[
        bool, typer.Option("--until-promotion", help="end with the first promotion")
    ] = False,
    settings_file: SettingsFile = None,
) -> int:
    """Run iterations and print what each stage did.

    An iteration that was interrupted goes on, with the settings that it was opened with. Exit 0 when
    iterations were closed (promoted or not), 1 when a run had to be given up, 3 when the time ran out
    before the first was closed, 130 at Ctrl-C: nothing is lost, the same command goes on.
    """
    from ringrift.cli.loop_report import said_settings, say_opened, say_summary
    from ringrift.cli.watch import Watcher
    from ringrift.pipeline.context import open_context
    from ringrift.pipeline.services import real_services
    from ringrift.pipeline.single import SingleLoop, in_this_process, run_loop
    from ringrift.settings import Settings
    from ringrift.settings.switches import refuse_local_work
    from ringrift.store import runs
    from ringrift.store.runs import RunRow

    if settings_file is not None:
        os.environ["RINGRIFT_CONFIG_PATH"] = str(settings_file)  # helpers read it too
    settings = Settings.load()
    if in_process:
        refuse_local_work("ringrift training-loop --in-process")
    loop = SingleLoop(
        configs=_configs(board_type, num_players, configs, settings.loop.configs),
        games=selfplay_games,
        max_iterations=_iterations(max_iterations, minutes, until_promotion),
        seconds=None if minutes is None else minutes * 60.0,
        until_promotion=until_promotion,
    )
    quiet_logs()
    drive = in_this_process(helpers=(jobs or cores()) - 1) if in_process else through_queue()
    ctx = open_context(settings, services=real_services())
    with Watcher(ctx) as watcher:

        def opened(run: RunRow) -> None:
            say_opened(run)
            planned = run.plan["games"]
            if not run.backfill and selfplay_games is not None and planned != selfplay_games:
                print(
                    f"  it was opened before, with {planned} games: --selfplay-games "
                    f"{selfplay_games} counts from the next iteration"
                )
            watcher.show(run.id)

        closed = run_loop(ctx, loop, drive, opened, watcher.waits)
    if closed:
        board, _, players = closed[-1].config.partition(":")
        again = f"ringrift training-loop --board-type {board} --num-players {players} --minutes 30"
        how = "--in-process" if in_process else ""
        say_summary(ctx, closed, again, how, said_settings(settings_file))
    return 1 if any(run.outcome == runs.FAILED for run in closed) else 0


def _iterations(asked: int | None, minutes: float | None, until_promotion: bool) -> int:
    if asked is not None:
        return asked
    return 0 if minutes is not None or until_promotion else 1


def _configs(
    board: str | None, players: int | None, configs: list[str] | None, default: tuple[str, ...]
) -> tuple[Config, ...]:
    from ringrift.configs import Config

    if configs and (board is not None or players is not None):
        raise BadInput("give either --config or --board-type with --num-players")
    if board is not None or players is not None:
        return (Config(board or "hex8", 2 if players is None else players),)
    return tuple(Config.parse(text) for text in configs or default)


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def through_queue() -> Drive:
    """The queue's dispatcher; BadInput naming the ways to a broker where there is none."""
    from ringrift.broker.address import broker_address, check_reachable
    from ringrift.celery import loaded
    from ringrift.pipeline.dispatcher import current_dispatcher
    from ringrift.pipeline.single import through
    from ringrift.settings import home
    from workers.hook_calls import HookCalls

    check_reachable(broker_address(home()))
    calls = HookCalls(loaded())
    return through(current_dispatcher(), calls)


def quiet_logs() -> None:
    """Warnings and worse on stderr: what goes well is told by the progress. A trace shows all."""
    import logging
    import sys

    import structlog

    from ringrift.settings.switches import TRACE_DEBUG, switched_on

    level = logging.DEBUG if switched_on(TRACE_DEBUG) else logging.WARNING
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.TimeStamper(fmt="%H:%M:%S"),
            structlog.processors.add_log_level,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
