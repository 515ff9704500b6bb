"""`ringrift events`: what happened, newest last."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ringrift.cli.options import Json
from ringrift.errors import BadInput, nearest

if TYPE_CHECKING:
    from ringrift.store.events import EventRow

app = typer.Typer(help="What happened, newest last.", no_args_is_help=True)

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
    as_json: Json = False,
) -> None:
    """Print the newest events."""
    for event in _newest(number, kind, run):
        typer.echo(line(event, as_json))


@app.command()
def tail(number: Number = 10, as_json: Json = False) -> None:
    """Print the newest events, then each one as it happens, until Ctrl-C."""
    from ringrift.pipeline.context import open_context
    from ringrift.store import events

    ctx = open_context()
    with ctx.ledger.read() as tx:
        found = events.last_events(tx, number)
    last = 0
    while True:
        for event in found:
            typer.echo(line(event, as_json))
            last = event.seq
        time.sleep(LOOK_SECONDS)
        with ctx.ledger.read() as tx:
            found = events.list_events(tx, after=last)


def _newest(number: int, kind: str | None, run: str | None) -> list[EventRow]:
    from ringrift.pipeline.context import open_context
    from ringrift.pipeline.events import Kind
    from ringrift.store import events

    if kind is not None and kind not in set(Kind):
        raise BadInput(f"unknown kind of event {kind!r}: {nearest(kind, list(Kind))}")
    ctx = open_context()
    with ctx.ledger.read() as tx:
        return events.last_events(tx, number, kind=kind, run=run)


def line(event: EventRow, as_json: bool) -> str:
    """One event as one line."""
    if as_json:
        return json.dumps(
            {
                "seq": event.seq,
                "kind": event.kind,
                "at": event.created_at,
                "run": event.run_id,
                "config": event.config,
                **event.payload,
            }
        )
    at = datetime.fromtimestamp(event.created_at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    shown = {
        key: value
        for key, value in event.payload.items()
        if isinstance(value, int | float | str) and key not in ("config", "task", "sha256")
    }
    figures = " ".join(f"{key}={_short(value)}" for key, value in shown.items())
    run = "" if event.run_id is None else event.run_id[:12]
    return f"{event.seq:>5} {at} {event.kind:<22} {event.config or '-':<12} {run:<12} {figures}"


def _short(value: float | str) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    text = str(value)
    return text[:12] if len(text) == 64 else text
