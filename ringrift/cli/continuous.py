"""`ringrift continuous`: a light loop over some configs, which steps back for the master loop."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ringrift.cli.options import InProcess, Jobs, Json, SettingsFile
from ringrift.errors import BadInput

if TYPE_CHECKING:
    from ringrift.pipeline.carrying import Carry
    from ringrift.pipeline.context import Context
    from ringrift.pipeline.hold import Hold
    from ringrift.pipeline.lease import Holder
    from ringrift.pipeline.loop_config import LoopConfig
    from ringrift.pipeline.waits import Wait
    from ringrift.settings import Settings
    from ringrift.store.loops import LoopRow

app = typer.Typer(help="A light loop over some configs, which steps back for the master loop.")

#: Locked by the process that runs the loop, in its state directory.
LOCK: Final = "continuous.lock"


@app.command()
def continuous(
    *,
    configs: Annotated[
        list[str] | None,
        typer.Option("--config", help="BOARD:PLAYERS; several take turns (default: loop.configs)"),
    ] = None,
    games: Annotated[
        int | None,
        typer.Option(
            "--games", min=1, help="games of an iteration (default: selfplay.games_per_iteration)"
        ),
    ] = None,
    engine: Annotated[
        str, typer.Option("--engine", help="who plays them, such as gumbel-mcts:s32 or mcts:r200")
    ] = "gumbel-mcts",
    max_iterations: Annotated[
        int, typer.Option("--max-iterations", min=0, help="of each config; 0: no end")
    ] = 0,
    cooldown: Annotated[
        float | None,
        typer.Option(
            "--cooldown",
            min=0.0,
            help="seconds of rest after an iteration (default: loop.iteration_cooldown_seconds)",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="work beside a master loop (not recommended)")
    ] = False,
    in_process: InProcess = False,
    jobs: Jobs = None,
    show: Annotated[
        bool, typer.Option("--status", help="say what the loop does, and start nothing")
    ] = False,
    as_json: Json = False,
    settings_file: SettingsFile = None,
) -> int:
    """Run iterations until Ctrl-C; wait (DEFERRED) while a master loop is at work.

    Works through the queue, with the workers of `ringrift up --no-beat` or any others, or here with
    --in-process. Exit 0 when --max-iterations of each config are done, 1 when one of their runs had to
    be given up, 2 where a loop of this state directory runs already, 130 at Ctrl-C: nothing is lost.
    """
    from ringrift.settings import Settings

    if settings_file is not None:
        os.environ["RINGRIFT_CONFIG_PATH"] = str(settings_file)  # helpers read it too
    settings = Settings.load()
    if show:
        return say_status(settings, as_json)
    if as_json:
        raise BadInput("--json belongs to --status")
    if jobs is not None and not in_process:
        raise BadInput("--jobs is for --in-process: otherwise workers do the work")
    config = loop_config(
        settings,
        configs,
        games=games,
        engine=engine,
        max_iterations=max_iterations,
        cooldown=cooldown,
        force=force,
    )
    return run(settings, config, in_process=in_process, jobs=jobs)


def loop_config(
    settings: Settings,
    configs: list[str] | None,
    *,
    games: int | None,
    engine: str,
    max_iterations: int,
    cooldown: float | None,
    force: bool,
) -> LoopConfig:
    """What was typed, and the settings where nothing was; BadInput for what there is not."""
    from ringrift.configs import Config
    from ringrift.pipeline.loop_config import LoopConfig

    parsed = [Config.parse(text) for text in configs or settings.loop.configs]
    rest = settings.loop.iteration_cooldown_seconds
    return LoopConfig(
        configs=[(config.board, config.players) for config in parsed],
        selfplay_games_per_iteration=games,
        selfplay_engine=engine,
        max_iterations=max_iterations,
        iteration_cooldown_seconds=rest if cooldown is None else cooldown,
        force=force,
    )


def run(
    settings: Settings, config: LoopConfig, *, in_process: bool = False, jobs: int | None = None
) -> int:
    """Be the continuous loop of this state directory; its exit code."""
    from ringrift.cli.loop_report import say_opened
    from ringrift.cli.stopping import on_request
    from ringrift.cli.training_loop import quiet_logs
    from ringrift.cli.watch import Watcher
    from ringrift.pipeline.context import open_context
    from ringrift.pipeline.continuous import ContinuousLoop
    from ringrift.pipeline.services import real_services
    from ringrift.pipeline.told_waits import telling
    from ringrift.settings.switches import refuse_local_work
    from ringrift.store import runs
    from ringrift.store.runs import RunRow

    if in_process:
        refuse_local_work("ringrift continuous --in-process")
    quiet_logs()
    kept = "open runs go on in their workers" if not in_process else "the open run is kept"
    with on_request(f"{kept}; the same command goes on") as request:
        ctx = open_context(settings, services=real_services(), stop=lambda: request.made)
        hold, master, carry = in_here(ctx, jobs) if in_process else by_queue(ctx)
        names = [str(one) for one in config.parsed()]
        waits = Waits()
        with _alone(ctx), Watcher(ctx, say=_line) as watcher, telling(ctx, names, waits.say):

            def opened(row: RunRow) -> None:
                say_opened(row)
                watcher.show(row.id)

            def told(row: LoopRow) -> None:
                if row.details["run"] is None:
                    watcher.show(None)
                _line(f"{row.state}: {row.reason}{_until(row)}")
                waits.begun = True

            _line(f"continuous loop: {_task(config.as_dict())}")
            loop = ContinuousLoop(
                ctx, config, hold=hold, master=master, carry=carry, told=told, opened=opened
            )
            closed = loop.run()
    return 1 if any(row.outcome == runs.FAILED for row in closed) else 0


def by_queue(ctx: Context) -> tuple[Hold, Callable[[], Holder | None], Carry]:
    """Work through the queue, under a lease; BadInput naming the ways to a broker where there is none."""
    import redis

    from ringrift.broker.address import REACH_SECONDS, broker_address, check_reachable, client_of
    from ringrift.celery import loaded
    from ringrift.celery_queues import broker_queues
    from ringrift.pipeline.carrying import by_workers
    from ringrift.pipeline.continuous import NAME
    from ringrift.pipeline.dispatcher import current_dispatcher
    from ringrift.pipeline.hold import BrokerSilent, LeaseHold
    from ringrift.pipeline.lease import Lease, read_lease
    from ringrift.pipeline.upkeep import kept_up
    from workers.hook_calls import HookCalls

    check_reachable(broker_address(ctx.home))
    sender = loaded()
    cluster = ctx.settings.cluster
    clients: dict[str, redis.Redis] = {}

    def client() -> redis.Redis:
        """One for each address: a broker that is started again may have another."""
        url = broker_address(ctx.home).url
        if url not in clients:
            patience = {"socket_timeout": REACH_SECONDS, "socket_connect_timeout": REACH_SECONDS}
            clients[url] = client_of(url, **patience)
        return clients[url]

    def lease(owner: str) -> Lease:
        return Lease(
            client(),
            ctx.ledger,
            name=NAME,
            seconds=cluster.lease_seconds,
            renew_seconds=cluster.lease_renew_seconds,
            owner=owner,
        )

    def master() -> Holder | None:
        try:
            return read_lease(client())
        except redis.RedisError as error:
            raise BrokerSilent(f"the broker does not answer: {error}") from error

    carry = by_workers(current_dispatcher(), HookCalls(sender))
    return LeaseHold(lease), master, kept_up(carry, lambda: broker_queues(sender))


def in_here(
    ctx: Context, jobs: int | None = None
) -> tuple[Hold, Callable[[], Holder | None], Carry]:
    """Work in this process and helpers beside it, under a fence of the ledger."""
    from ringrift.celery import master_holder
    from ringrift.cli.training_loop import cores
    from ringrift.pipeline.carrying import here
    from ringrift.pipeline.continuous import NAME
    from ringrift.pipeline.hold import LedgerHold
    from ringrift.pipeline.single import in_this_process

    drive = in_this_process(helpers=(jobs or cores()) - 1)
    return LedgerHold(ctx.ledger, NAME), master_holder, here(drive)


@contextmanager
def _alone(ctx: Context) -> Iterator[None]:
    """Be the only continuous loop of this state directory; BadInput where there is one."""
    from ringrift.broker.lock import lock_holder, take_lock

    path = ctx.home / LOCK
    holder = lock_holder(path)
    if holder is not None:
        raise BadInput(
            f"process {holder} runs the continuous loop of {ctx.home}: `ringrift continuous --status` "
            f"shows it, `kill -INT {holder}` stops it"
        )
    with take_lock(path, f"process {{}} runs the continuous loop of {ctx.home}"):
        yield


# -- what it prints --------------------------------------------------------------------------------


class Waits:
    """Says what configs wait for between two runs, each thing once; how a run goes is told by the watcher."""

    def __init__(self) -> None:
        #: Set once the loop has said of itself what it does.
        self.begun = False
        self._said: dict[str, str] = {}

    def say(self, config: str, wait: Wait) -> None:
        """One line, if there is something to say of a config."""
        from ringrift.store.stages import ORDER

        if self.begun and wait.stage not in ORDER and self._said.get(config) != wait.waits_for:
            self._said[config] = wait.waits_for
            _line(f"{config} waits for {wait.waits_for}")


def say_status(settings: Settings, as_json: bool) -> int:
    """Print what the loop said of itself last, and how old that is."""
    from ringrift.broker.lock import lock_holder
    from ringrift.cli.looking import as_it_is
    from ringrift.pipeline.continuous import NAME
    from ringrift.pipeline.overview import MISSED_BEATS
    from ringrift.pipeline.owner import is_dead
    from ringrift.store import loops

    with as_it_is(settings) as ctx, ctx.ledger.read() as tx:
        row, now = loops.get_loop(tx, NAME), tx.now
    # One of this machine has the lock as long as it lives, however long it waits for a broker.
    there = row is not None and lock_holder(ctx.home / LOCK) is not None
    silent = MISSED_BEATS * settings.cluster.heartbeat_seconds
    if row is not None and not there and not is_dead(row.owner):
        there = now - row.updated_at <= silent
    alive = row is not None and row.state != loops.STOPPED and there
    if as_json:
        about = None if row is None else {**asdict(row), "alive": alive}
        typer.echo(json.dumps({"home": str(ctx.home), "loop": about}, indent=1))
    elif row is None:
        typer.echo(f"no continuous loop ever ran in {ctx.home}: `ringrift continuous` starts one")
    else:
        typer.echo("\n".join(status_lines(row, now, alive=alive)))
    return 0


def status_lines(row: LoopRow, now: float, *, alive: bool) -> list[str]:
    """The loop as text."""
    from ringrift.cli.watch import clock
    from ringrift.pipeline.breaker import CLOSED, Breaker
    from ringrift.store.loops import STOPPED

    breaker = Breaker.from_dict(row.breaker)
    lines = [
        f"continuous loop  {row.state} for {clock(now - row.since)}, since {_time(row.since)}",
        f"  because        {row.reason}",
    ]
    if not alive and row.state != STOPPED:
        lines[0] = f"continuous loop  GONE: it was {row.state}, and was killed"
    elif row.until is not None and row.state != STOPPED:
        lines.append(f"  until          {_time(row.until)}, in {clock(max(0.0, row.until - now))}")
    lines.append(f"  works on       {_task(row.details)}")
    done = ", ".join(f"{config} {n}" for config, n in row.details.get("done", {}).items())
    lines.append(f"  closed so far  {done or 'nothing yet'} (iterations of this start)")
    lines.append(
        f"  circuit        {breaker.state}, {breaker.text}"
        + ("" if breaker.state == CLOSED else f"; opened {breaker.openings} times")
    )
    lines.append(
        f"  process        {row.owner}, last sign of life {clock(now - row.updated_at)} ago"
    )
    return lines


def _task(details: dict[str, object]) -> str:
    """What a loop was asked to do."""
    configs = details["configs"]
    assert isinstance(configs, list)
    games = details["selfplay_games_per_iteration"] or "as the settings say"
    limit = details["max_iterations"] or "no end of"
    forced = ", beside a master too" if details["force"] else ""
    return (
        f"{', '.join(configs)} in turn, {limit} iterations, games each: {games}, "
        f"by {details['selfplay_engine']}, rest {details['iteration_cooldown_seconds']:g} s{forced}"
    )


def _until(row: LoopRow) -> str:
    """When it will look again, or go on."""
    if row.until is None:
        return ""
    what = {"deferred": "looks again", "open": "tries again"}.get(row.state, "goes on")
    return f"; {what} at {_time(row.until)}"


def _time(seconds: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(seconds))


def _line(text: str) -> None:
    """A line with its time, at once: somebody may watch a log."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)
