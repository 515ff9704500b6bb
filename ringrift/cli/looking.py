"""How commands that only look see the state directory: as it is, and nothing is made or written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ringrift.settings import Settings, home
from ringrift.settings.home import DATABASE
from ringrift.settings.secrets import DATABASE_URL, secret

if TYPE_CHECKING:
    from ringrift.pipeline.context import Context


def is_there() -> bool:
    """Whether the state directory has a ledger. Raises BadInput where it lost it."""
    if secret(DATABASE_URL) or (home() / DATABASE).exists():
        return True
    from ringrift.store.ledger import refuse_bereft

    refuse_bereft(home())
    return False


@contextmanager
def as_it_is(settings: Settings | None = None) -> Iterator[Context]:
    """A context to read from; a state directory that is not there yet is not made for it.

    Nor is it asked for room or the right to write. settings: None loads those of now. Raises BadInput where
    the settings are wrong, or the directory lost its ledger.
    """
    from ringrift.pipeline.context import Context
    from ringrift.store.ledger import open_ledger

    settings = settings or Settings.load()
    there = is_there()
    with TemporaryDirectory(prefix="ringrift-") as empty:
        ledger = open_ledger(home() if there else Path(empty))
        try:
            yield Context(home=home(), ledger=ledger, settings=settings)
        finally:
            ledger.close()
