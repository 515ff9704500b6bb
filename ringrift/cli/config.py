"""``ringrift config``: check, show and compare the settings."""

from __future__ import annotations

import json as json_module
import os
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from ringrift.cli.options import Json
from ringrift.errors import BadInput
from ringrift.settings import Settings
from ringrift.settings.difference import differences
from ringrift.settings.settings import DEFAULTS, files
from ringrift.settings.variables import unread

app = typer.Typer(help="Check, show and compare settings.", no_args_is_help=True)

_ABOUT = "a file, or the name of a packaged one"
_File = Annotated[Path | None, typer.Argument(metavar="[FILE]", help=_ABOUT)]


@app.command()
def check(file: _File = None) -> None:
    """Read all settings; exit 2 with one line at the first that is wrong, or at a variable that nothing reads."""
    Settings.load(file)
    for line in unread():
        raise BadInput(line)
    print(f"{files(file)[-1]}: all settings are valid")


@app.command()
def show(file: _File = None, *, json: Json = False) -> None:
    """Print the settings in force: defaults, file and RINGRIFT__ variables together.

    No setting is a secret: passwords are in variables or files of their own, and are not shown.
    """
    settings = Settings.load(file)
    if json:
        print(settings.model_dump_json(indent=2))
    else:
        print(yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False), end="")


@app.command()
def diff(
    first: Annotated[Path | None, typer.Argument(metavar="[A]", help=_ABOUT)] = None,
    second: Annotated[Path | None, typer.Argument(metavar="[B]", help=_ABOUT)] = None,
    *,
    environment: Annotated[
        bool, typer.Option("--environment", help="what the RINGRIFT__ variables change")
    ] = False,
    json: Json = False,
) -> int:
    """Print what differs: exit 0 nothing does, 1 something does, 2 a file is wrong.

    Without a file: the settings in force beside the defaults. A: the file beside the defaults. A B: the second beside
    the first. Files are compared as they are, without variables; --environment compares A (the file in force, where
    it is left out) without and with them.
    """
    if environment and second is not None:
        raise BadInput("--environment compares one file without and with the variables, not two")
    if environment:
        file = first or files(None)[-1]
        before = Settings.load(file, {})
        after, sources = Settings.read(file, os.environ)
    elif first is None:
        before = Settings.load(DEFAULTS, {})
        after, sources = Settings.read()
    else:
        before = Settings.load(DEFAULTS if second is None else first, {})
        after, sources = Settings.read(first if second is None else second, {})
    found = differences(before, after, sources)
    if json:
        print(json_module.dumps([one.as_dict() for one in found], indent=2))
    else:
        for one in found:
            print(f"{one.key}: {_text(one.first)} → {_text(one.second)}   ({one.source})")
    return 1 if found else 0


def _text(value: Any) -> str:
    """Return a value as the YAML file would hold it, on one line."""
    return "(not there)" if value is None else json_module.dumps(value, ensure_ascii=False)
