"""`ringrift events`: what happened, newest last."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ringrift.cli.options import Json
from ringrift.errors import BadInput

if TYPE_CHECKING:
    from ringrift.pipeline.replay import Handed
    from ringrift.store.events import EventRow
    from ringrift.store.ledger import Ledger

app = typer.Typer(help="What happened, newest last.", no_args_is_help=True)

#: Fields of events that are moments, in seconds since 1970; shown in UTC, as an event's own is.
MOMENTS = ("started", "since", "until")

#: Between two looks of `tail`.
LOOK_SECONDS = 1.0

Number = Annotated[int, typer.Option("-n", "--number", min=1, help="how many")]


@app.callback()
def _group() -> None:
    """What happened, newest last."""


@app.command("list")
def list_(
    number: Number = 50,
    kind: Annotated[str | None, typer.Option(help="only this kind, such as MODEL_PROMOTED")] = None,
    run: Annotated[
        str | None, typer.Option(help="only of this run (its id, or its beginning)")
    ] = None,
    config: Annotated[str | None, typer.Option(help="only of this config, BOARD:PLAYERS")] = None,
    as_json: Json = False,
) -> int:
    """Print the newest events; exit code 1 if one of them is not what its kind says."""
    found = _newest(number, kind, run, config)
    for event in found:
        typer.echo(line(event, as_json))
    if not found:
        typer.echo("no such event yet", err=True)
    return _faults(found)


@app.command()
def tail(
    number: Number = 10,
    kind: Annotated[str | None, typer.Option(help="only this kind, such as MODEL_PROMOTED")] = None,
    as_json: Json = False,
) -> None:
    """Print the newest events, then each one as it happens, until Ctrl-C."""
    from ringrift.cli.looking import as_it_is, is_there
    from ringrift.settings import Settings, home

    wanted, settings = _kind(kind), Settings.load()
    if not is_there():
        typer.echo(f"no event yet: nothing has been started in {home()}", err=True)
    while not is_there():
        time.sleep(LOOK_SECONDS)
    with as_it_is(settings) as ctx:
        _follow(ctx.ledger, number, wanted, as_json)


def _follow(ledger: Ledger, number: int, wanted: str | None, as_json: bool) -> None:
    """Print the newest events, then each one as it happens."""
    from ringrift.store import events

    with ledger.read() as tx:
        found = events.last_events(tx, number, kind=wanted)
        last = events.last_number(tx) if not found else found[-1].seq
    while True:
        for event in found:
            typer.echo(line(event, as_json))
            last = event.seq
        _faults(found)
        sys.stdout.flush()
        time.sleep(LOOK_SECONDS)
        with ledger.read() as tx:
            found = events.list_events(tx, after=last, kind=wanted)


@app.command()
def replay(
    first: Annotated[int, typer.Option("--from", min=1, help="number of the first event")],
    last: Annotated[
        int | None, typer.Option("--to", min=1, help="number of the last one (default: the newest)")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="only this kind, such as MODEL_PROMOTED")] = None,
    to_subscriber: Annotated[
        list[str] | None,
        typer.Option(help="log, pipeline, hooks, or the name of one hook (default: all of them)"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say who would be told, and tell nobody")
    ] = False,
    as_json: Json = False,
) -> int:
    """Hand persisted events over again: nothing is done twice, but hooks are run again.

    Exit code 1 if a subscriber failed.
    """
    from ringrift.pipeline import replay as again
    from ringrift.pipeline.context import open_context
    from ringrift.pipeline.event_router import LOG, PIPELINE
    from ringrift.store import events

    if last is not None and last < first:
        raise BadInput(f"--to {last}: expected at least --from ({first})")
    chosen = again.Range(first, last, _kind(kind))
    ctx = open_context()
    with ctx.ledger.read() as tx:
        newest = events.last_number(tx)
    if first > newest:
        raise BadInput(f"--from {first}: the newest event is number {newest}")
    names = to_subscriber or [LOG, PIPELINE, "hooks"]
    if PIPELINE in names and not dry_run:
        try:
            from ringrift.broker.address import broker_address, check_reachable
            from ringrift.celery import loaded

            check_reachable(broker_address(ctx.home))
            loaded()  # what carries the next stages out
        except BadInput as error:
            if to_subscriber:
                raise
            typer.echo(f"pipeline left out: {error}", err=True)
            names.remove(PIPELINE)
    handed = failed = 0
    for one in again.replay(ctx, chosen, names, dry_run):
        handed += 1
        failed += one.error is not None
        typer.echo(_handed(one, dry_run, as_json))
    if not as_json:
        typer.echo(
            f"{handed} {'would be handed over' if dry_run else 'handed over'}, {failed} failed"
        )
    return 1 if failed else 0


def _handed(one: Handed, dry_run: bool, as_json: bool) -> str:
    """One event handed to one subscriber, as one line."""
    event = one.event
    if as_json:
        about = {"seq": event.seq, "kind": event.kind, "subscriber": one.subscriber}
        return json.dumps({**about, "done": not dry_run and one.error is None, "error": one.error})
    end = "would be told" if dry_run else "done" if one.error is None else f"failed: {one.error}"
    return f"{event.seq:>5} {event.kind:<22} {one.subscriber:<32} {end}"


def _kind(name: str | None) -> str | None:
    from ringrift.events.check import kind_of

    return None if name is None else kind_of(name).value


def _faults(found: Sequence[EventRow]) -> int:
    """Say on stderr which events are not what their kinds say; the exit code."""
    said = [event.fault for event in found if event.fault is not None]
    for fault in said:
        typer.echo(fault, err=True)
    return 1 if said else 0


def _newest(number: int, kind: str | None, run: str | None, config: str | None) -> list[EventRow]:
    from ringrift.cli.looking import as_it_is
    from ringrift.cli.lookup import find_run
    from ringrift.configs import Config
    from ringrift.store import events

    wanted, of = _kind(kind), None if config is None else str(Config.parse(config))
    with as_it_is() as ctx, ctx.ledger.read() as tx:
        run_id = None if run is None else find_run(tx, run).id
        return events.last_events(tx, number, kind=wanted, run=run_id, config=of)


def line(event: EventRow, as_json: bool) -> str:
    """One event as one line."""
    if as_json:
        return json.dumps(event.as_dict())
    at = datetime.fromtimestamp(event.created_at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    figures = _figures(event, ("config", "task", "sha256"))
    run = "" if event.run_id is None else event.run_id[:12]
    return f"{event.seq:>5} {at} {event.kind:<22} {event.config or '-':<12} {run:<12} {figures}"


def brief(event: EventRow) -> str:
    """One event as a console shows it: the time of day here, and less about what else is on the screen."""
    at = datetime.fromtimestamp(event.created_at, UTC).astimezone().strftime("%H:%M:%S")
    figures = _figures(event, ("config", "task", "sha256", "attempt", "started"))
    return f"{at}  {event.config or '-':<12} {event.kind:<22} {figures}"


def _figures(event: EventRow, left_out: Sequence[str]) -> str:
    return " ".join(
        f"{key}={_time(value) if key in MOMENTS else _short(value)}"
        for key, value in event.payload.items()
        if isinstance(value, int | float | str) and key not in left_out
    )


def _time(seconds: float | str) -> str:
    return datetime.fromtimestamp(float(seconds), UTC).strftime("%H:%M:%S")


def _short(value: float | str) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    text = str(value)
    return text[:12] if len(text) == 64 else text
