"""Pages of docs/ that are made of the code: written, or compared with what lies there."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ringrift.errors import BadInput
from ringrift.settings.home import project_folder


def write_page(page: str, text: str, source: str, arguments: Sequence[str]) -> int:
    """Write a page, or with --check say whether it is as its source says; the exit code (1: it is not).

    BadInput outside of the project folder.
    """
    folder = project_folder()
    if folder is None:
        raise BadInput(
            f"{page} lies in the project folder; no pyproject.toml of it from here on up"
        )
    at = folder / page
    if "--check" not in arguments:
        at.write_text(text, encoding="utf-8")
        return 0
    same = at.exists() and at.read_text(encoding="utf-8") == text
    sys.stdout.write(f"{page}: {'as' if same else 'not as'} {source} says\n")
    return 0 if same else 1
