"""What a person calls a model, and which file that is.

=================  ====================================================================
name               model
=================  ====================================================================
champion           the champion of the config
initial            its untrained starting weights
newest             the newest accepted network, which selfplay uses
0a1b2c...          sha256, or the beginning of one (6 digits at least)
a path             a file of its own, known to the ledger or not
=================  ====================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ringrift.configs import Config
from ringrift.errors import BadInput, nearest, nearest_id
from ringrift.models.distribution import ensure
from ringrift.store import models
from ringrift.store.blobs import BlobStore, file_sha256
from ringrift.store.ledger import Ledger, Tx

NAMES = ("champion", "initial", "newest")

#: Digits of a sha256 that a person must type at least.
PREFIX = 6


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model with its verified file."""

    sha256: str
    path: Path


def resolve(
    ledger: Ledger, blobs: BlobStore, config: Config, name: str, places: Sequence[str] = ()
) -> FoundModel:
    """The model behind a name, its file verified; BadInput in one line if there is none.

    A file that is not here is taken from the first of `places` that has it (`models.distribution`).
    """
    path = Path(name).expanduser()
    if path.is_file():
        return FoundModel(file_sha256(path), path)
    with ledger.read() as tx:
        row = find(tx, config, name)
    if row.config != str(config):
        raise BadInput(f"model {row.sha256[:12]} plays {row.config}, not {config}")
    return FoundModel(row.sha256, ensure(blobs, row, places))


def find(tx: Tx, config: Config | None, name: str) -> models.ModelRow:
    """The row behind a name or a sha256; without a config a sha256 only. BadInput."""
    if name in NAMES:
        if config is None:
            raise BadInput(
                f"{name} of which config? --config BOARD:PLAYERS says so, such as hex8:2"
            )
        found = {"champion": _champion, "initial": models.initial_model}.get(
            name, models.newest_accepted
        )(tx, str(config))
        if found is None:
            raise BadInput(f"{config} has no {name} model yet: ringrift training-loop makes one")
        return found
    if len(name) >= PREFIX and all(c in "0123456789abcdef" for c in name):
        rows = models.find_models(tx, name)
        if len(rows) == 1:
            return rows[0]
        if rows:
            raise BadInput(f"{len(rows)} models begin with {name!r}: give more digits")
        known = [row.sha256 for row in models.models_of(tx)][::-1]
        raise BadInput(f"no model begins with {name!r}: {nearest_id(name, known)}")
    raise BadInput(
        f"model {name!r}: no such file, and neither a sha256 nor a name; {nearest(name, NAMES)}"
    )


def _champion(tx: Tx, config: str) -> models.ModelRow | None:
    sha256 = models.champion(tx, config)
    return None if sha256 is None else models.get_model(tx, sha256)
