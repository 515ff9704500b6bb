"""``ringrift config``: check and show the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import yaml

from ringrift.cli.options import Json
from ringrift.settings import Settings
from ringrift.settings.settings import files

app = typer.Typer(help="Check and show settings.", no_args_is_help=True)

_File = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="a file, or the name of a packaged one")
]


@app.command()
def check(file: _File = None) -> None:
    """Read all settings; exit 2 with one line at the first that is wrong."""
    Settings.load(file)
    print(f"{files(file)[-1]}: all settings are valid")


@app.command()
def show(file: _File = None, *, json: Json = False) -> None:
    """Print the settings in force: defaults, file and RINGRIFT__ variables together."""
    settings = Settings.load(file)
    if json:
        print(settings.model_dump_json(indent=2))
    else:
        print(yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False), end="")
