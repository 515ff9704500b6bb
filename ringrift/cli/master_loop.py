"""``ringrift master-loop``: the master loop of this state directory, with a console."""

from __future__ import annotations

import json
import shutil
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ringrift.cli.options import Json, ProfileName
from ringrift.errors import BadInput, Interrupted

if TYPE_CHECKING:
    from ringrift.cli.console import Part
    from ringrift.cli.stack import Stack
    from ringrift.settings import Settings

app = typer.Typer(
    add_completion=False, help="The master loop: decides what is played, trained and judged."
)


@app.command()
def master_loop(
    *,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "--settings",
            metavar="FILE",
            help="settings file, or the name of a packaged one",
        ),
    ] = None,
    profile: ProfileName = None,
    status: Annotated[bool, typer.Option("--status", help="print one screen, and end")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="look on until Ctrl-C, starting nothing")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="say what it would start and decide now, and why; no more"),
    ] = False,
    flower: Annotated[
        bool, typer.Option(help="start Flower, the web page of the cluster, in profile full")
    ] = True,
    as_json: Json = False,
) -> int:
    """Run the master loop until Ctrl-C, with all that it needs: broker, workers, beat.

    What runs already is used, and lives on when this ends: `ringrift up --no-beat`, `ringrift
    broker start`, or workers of this machine that somebody started by hand.
    """
    from ringrift.cli.training_loop import quiet_logs
    from ringrift.cli.up import settings_for

    chosen = [name for name, on in _modes(status, watch, dry_run).items() if on]
    if len(chosen) > 1:
        raise BadInput(f"give one of {' and '.join(chosen)}")
    settings = settings_for(config, profile)
    quiet_logs()
    if status:
        return _status(settings, as_json)
    if dry_run:
        return _dry_run(settings, as_json, flower)
    if watch:
        return _watch(settings, as_json)
    return _run(settings, as_json, flower)


def _modes(status: bool, watch: bool, dry_run: bool) -> dict[str, bool]:
    return {"--status": status, "--watch": watch, "--dry-run": dry_run}


def _run(settings: Settings, as_json: bool, flower: bool) -> int:
    """Start what is missing and show the console; comes back only by an exception."""
    from ringrift.cli.console import LOOK_SECONDS, Observer, view
    from ringrift.cli.stack import Stack
    from ringrift.cli.up import announce, warm_up
    from ringrift.pipeline.context import open_context
    from ringrift.settings import home

    stack = Stack(home(), settings, flower=flower, join=True)
    shown = view(as_json, "Ctrl-C stops what this process started; nothing is lost")
    began = time.monotonic()
    try:
        stack.start(warm_up, shown.say)
        if not as_json:
            announce(stack, "everything" if stack.joined is None else "the master loop alone")
        observer = Observer(open_context(settings))
        with shown:
            while True:
                for line in stack.check():
                    shown.say(line)
                shown.show(observer.look(parts_of(stack)))
                time.sleep(LOOK_SECONDS)
    except (KeyboardInterrupt, Interrupted):
        typer.echo("\nstopping: what has begun is put back, nothing is lost …", err=as_json)
    finally:
        stack.stop()
    rest = (
        "the next `ringrift master-loop` goes on from here"
        if stack.joined is None
        else f"process {stack.joined} goes on with what is open"
    )
    raise Interrupted(f"master loop stopped after {time.monotonic() - began:.0f} s; {rest}")


def _watch(settings: Settings, as_json: bool) -> int:
    """Look on; comes back only by an exception."""
    from ringrift.cli.console import LOOK_SECONDS, Observer, view
    from ringrift.pipeline.context import open_context

    observer = Observer(open_context(settings))
    try:
        with view(as_json, "only looking: Ctrl-C ends this, and nothing else") as shown:
            while True:
                shown.show(observer.look())
                time.sleep(LOOK_SECONDS)
    except (KeyboardInterrupt, Interrupted):
        raise Interrupted("looked on no further; nothing was stopped") from None


def parts_of(stack: Stack) -> list[Part]:
    """Our own processes."""
    from ringrift.cli.console import Part

    found = [] if stack.broker is None else [Part("broker", stack.broker.pid)]
    return found + [
        Part(
            child.role.name,
            child.process.pid if child.process.poll() is None else None,
            child.restarts,
        )
        for child in stack.children
    ]


def _status(settings: Settings, as_json: bool) -> int:
    """One screen, the same as `ringrift status` shows, with its exit codes."""
    from ringrift.celery_look import look
    from ringrift.cli.looking import as_it_is
    from ringrift.cli.status import as_plain, terminal
    from ringrift.cli.status_text import screen
    from ringrift.pipeline.file_looks import READ_SECONDS, Files
    from ringrift.pipeline.overview import overview

    with as_it_is(settings) as ctx:
        found = overview(ctx, look(ctx.home), files=Files(ctx.home, READ_SECONDS))
    if as_json:
        typer.echo(json.dumps(as_plain(found), indent=1))
    else:
        size = terminal()
        typer.echo("\n".join(screen(found, *size, details=len(found.configs) == 1)))
    return int(found.wrong)


def _dry_run(settings: Settings, as_json: bool, flower: bool) -> int:
    """What would be started, done by the clock, and decided now."""
    from ringrift.cli.foresight import decisions, foresee
    from ringrift.settings import home

    foreseen = foresee(home(), settings, flower=flower)
    decided = decisions(settings)
    if as_json:
        about = {**foreseen.as_dict(), "decisions": [one.as_dict() for one in decided]}
        typer.echo(json.dumps(about, indent=1))
        return 0
    width = shutil.get_terminal_size((120, 24)).columns
    typer.echo("\n".join([*foreseen.lines(width), "", "decisions now"]))
    for one in decided:
        head = f"  {one.config:<12} {one.action}: "
        typer.echo(
            textwrap.fill(one.reason, width, initial_indent=head, subsequent_indent=" " * 15)
        )
    typer.echo("\nnothing was started or written")
    return 0
