"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

#: A file of settings. Commands that take a game config by ``--config`` know it as ``--settings`` only.
SettingsFile = Annotated[
    Path | None,
    typer.Option("--settings", metavar="FILE", help="settings file, or the name of a packaged one"),
]

#: Machine-readable output.
Json = Annotated[bool, typer.Option("--json", help="print JSON")]
