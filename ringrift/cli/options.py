"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

#: A file of settings. Commands that take a game config by ``--config`` know it as ``--settings`` only.
SettingsFile = Annotated[
    Path | None,
    typer.Option("--settings", metavar="FILE", help="settings file, or the name of a packaged one"),
]

#: A game config that must be given; `Config.parse` reads it.
ConfigName = Annotated[
    str, typer.Option("--config", metavar="BOARD:PLAYERS", help="such as hex8:2")
]

#: A network; `find_model` reads it.
Model = Annotated[
    str, typer.Option(metavar="MODEL", help="champion, initial, newest, a sha256 or a file")
]

#: What all random choices follow from.
Seed = Annotated[
    int | None, typer.Option(help="decides every game; default: a fresh one, printed", min=0)
]

#: How much of a cluster is started; `profile_of` reads it.
ProfileName = Annotated[
    str | None,
    typer.Option(
        "--profile", metavar="NAME", help="minimal, standard or full (default: loop.profile)"
    ),
]

#: A loop that needs nobody else.
InProcess = Annotated[
    bool, typer.Option("--in-process", help="work here, without broker and workers")
]

#: How many processes it has then.
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", min=1, help="processes of --in-process (default: one per core)"),
]

#: Machine-readable output.
Json = Annotated[bool, typer.Option("--json", help="print JSON")]

#: Colours of a drawing; None: see `coloured`.
Colour = Annotated[
    bool | None,
    typer.Option(
        "--colour/--no-colour",
        "--color/--no-color",
        help="colours; default: on a terminal, unless NO_COLOR is set",
        show_default=False,
    ),
]


def coloured(choice: bool | None) -> bool:
    """Whether to draw in colours: as chosen, else on a terminal that shows them (no-color.org)."""
    if choice is not None:
        return choice
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return wanted and sys.stdout.isatty()
