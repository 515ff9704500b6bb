"""Flower, the web page of the cluster: for this machine only and with a password, whoever starts it.

Flower's own defaults are every address and nobody asked; who gets there may end workers and revoke tasks. So ours
are laid into the variables that it reads, by `ringrift up` and for a bare ``celery -A ringrift flower``. Its
options, its variables and its file of settings come before them.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from ringrift.broker.server import write_private

#: Nobody from elsewhere.
LOOPBACK: Final = "127.0.0.1"

#: Who may look.
USER: Final = "ringrift"

#: With one of these, or its variable, somebody has said who may look.
_WHO: Final = ("basic_auth", "auth")


def password_file(home: Path) -> Path:
    """Readable by its owner only."""
    return home / "flower.password"


def password(home: Path) -> str:
    """Read the password; make it at the first start."""
    path = password_file(home)
    if not path.exists():
        write_private(path, secrets.token_urlsafe(18) + "\n")
    return path.read_text(encoding="ascii").strip()


def variables(home: Path, port: int) -> dict[str, str]:
    """What Flower's environment says; the password is there since arguments can be read by everybody."""
    return {
        "FLOWER_ADDRESS": LOOPBACK,
        "FLOWER_PORT": str(port),
        "FLOWER_UNAUTHENTICATED_API": "false",
        "FLOWER_BASIC_AUTH": f"{USER}:{password(home)}",
    }


def left_open(
    home: Path, port: int, argv: Sequence[str], environ: Mapping[str, str]
) -> dict[str, str]:
    """Those variables of which neither the command line nor the environment says anything."""
    told = {word.lstrip("-").partition("=")[0].replace("-", "_") for word in argv}
    told |= {name.removeprefix("FLOWER_").lower() for name in environ if name.startswith("FLOWER_")}
    found = variables(home, port)
    if told.intersection(_WHO):
        del found["FLOWER_BASIC_AUTH"]
    return {
        name: value
        for name, value in found.items()
        if name.removeprefix("FLOWER_").lower() not in told
    }
