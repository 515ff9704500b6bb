"""`ringrift status`: what each config has reached and waits for, who steers, who works, what failed."""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ringrift.cli.options import Json, SettingsFile

if TYPE_CHECKING:
    from ringrift.pipeline.overview import Overview
    from ringrift.pipeline.status import ConfigStatus

app = typer.Typer(help="What each config has reached, and what it waits for.")


@app.command()
def status(
    config: Annotated[
        list[str] | None,
        typer.Option("--config", help="only these, BOARD:PLAYERS, and all about them"),
    ] = None,
    as_json: Json = False,
    check: Annotated[
        bool, typer.Option("--check", help="read every file, those looked at before too")
    ] = False,
    settings_file: SettingsFile = None,
) -> int:
    """Print one screen; it is there without a broker too, and then says so.

    Exit 1 if the games in the ledger and those in the shards differ, or if a model's file is gone or
    damaged.
    """
    from ringrift.celery_look import look
    from ringrift.cli.looking import as_it_is
    from ringrift.cli.status_text import screen
    from ringrift.configs import Config
    from ringrift.pipeline.file_looks import READ_SECONDS, Files
    from ringrift.pipeline.overview import overview
    from ringrift.settings import Settings

    names = [str(Config.parse(text)) for text in config] if config else None
    with as_it_is(Settings.load(settings_file)) as ctx:
        files = Files(ctx.home, None if check else READ_SECONDS, afresh=check)
        found = overview(ctx, look(ctx.home), names, files)
    if as_json:
        typer.echo(json.dumps(as_plain(found), indent=1))
        return int(found.wrong)
    details = bool(config) or len(found.configs) == 1
    typer.echo("\n".join(screen(found, *terminal(), details=details)))
    return int(found.wrong)


def terminal() -> tuple[int | None, int | None]:
    """Columns and lines that there is room for, beside the next prompt; None where nobody looks."""
    if not sys.stdout.isatty():
        return None, None
    columns, lines = shutil.get_terminal_size()
    return columns, lines - 1


def as_plain(found: Overview) -> dict[str, object]:
    """The overview as JSON has it, with the absolute paths of models."""
    plain = found.as_dict()
    for one in found.configs:
        plain["configs"][one.config]["files"] = _files(one, found.home)
    return plain


def _files(status: ConfigStatus, home: str) -> dict[str, str]:
    """Absolute paths of the models."""
    known = {"champion": status.champion, "newest": status.newest}
    return {name: f"{home}/{model['file']}" for name, model in known.items() if model}
