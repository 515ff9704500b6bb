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

from dataclasses import dataclass
from pathlib import Path

from ringrift.configs import Config
from ringrift.errors import BadInput, nearest
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


def resolve(ledger: Ledger, blobs: BlobStore, config: Config, name: str) -> FoundModel:
    """The model behind a name, its file verified; BadInput in one line if there is none."""
    path = Path(name).expanduser()
    if path.is_file():
        return FoundModel(file_sha256(path), path)
    with ledger.read() as tx:
        row = _row(tx, config, name)
    if row.config != str(config):
        raise BadInput(f"model {row.sha256[:12]} plays {row.config}, not {config}")
    return FoundModel(row.sha256, blobs.verify(blobs.path(row.path), row.sha256))


def _row(tx: Tx, config: Config, name: str) -> models.ModelRow:
    if name in NAMES:
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
        raise BadInput(f"no model begins with {name!r}")
    raise BadInput(
        f"model {name!r}: no such file, and neither a sha256 nor a name; {nearest(name, NAMES)}"
    )


def _champion(tx: Tx, config: str) -> models.ModelRow | None:
    sha256 = models.champion(tx, config)
    return None if sha256 is None else models.get_model(tx, sha256)


def path_of(ledger: Ledger, blobs: BlobStore, sha256: str) -> Path:
    """The verified file of a registered model."""
    with ledger.read() as tx:
        row = models.get_model(tx, sha256)
    if row is None:
        raise BadInput(f"model {sha256[:12]} is not in the ledger")
    return blobs.verify(blobs.path(row.path), sha256)
