"""Finding what the state directory knows, without making one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ringrift.configs import Config
from ringrift.errors import BadInput, nearest_id, shown
from ringrift.settings.secrets import DATABASE_URL, secret

if TYPE_CHECKING:
    from ringrift.store.ledger import Ledger, Tx
    from ringrift.store.runs import RunRow


def open_existing_ledger() -> Ledger:
    """The ledger, if there is one: looking something up makes none."""
    from ringrift.settings import DATABASE, home
    from ringrift.store.ledger import open_ledger

    folder = home()
    if not secret(DATABASE_URL) and not (folder / DATABASE).is_file():
        raise BadInput(f"no ledger in {folder} yet: ringrift training-loop makes one")
    return open_ledger(folder)


def find_run(tx: Tx, start: str) -> RunRow:
    """The run whose id begins so. BadInput where none does, with the nearest, or several."""
    from ringrift.store.runs import find_runs

    found = find_runs(tx, start)
    if len(found) == 1:
        return found[0]
    if found:
        which = ", ".join(f"{run.id[:12]} ({run.config} {run.label})" for run in found[:3])
        more = ", …" if len(found) > 3 else ""
        raise BadInput(
            f"{len(found)} runs begin with {shown(start)}: give more digits of one: {which}{more}"
        )
    known = [run.id for run in find_runs(tx, "")]
    raise BadInput(f"no run begins with {shown(start)}: {nearest_id(start, known)}")


def find_model(config: Config, name: str) -> tuple[str, Path]:
    """Return sha256 and file of a model by name, hash or file; see ringrift/models/registry.py."""
    from ringrift.models.registry import resolve
    from ringrift.nets.files import SUFFIX
    from ringrift.settings import Settings, home
    from ringrift.settings.home import path_of
    from ringrift.store.blobs import BlobStore, file_sha256

    path = path_of(name, "model")
    if path.is_file():  # needs no ledger
        return file_sha256(path), path
    if path.name != name or path.suffix == SUFFIX:
        raise BadInput(f"model {name}: no such file")
    places = Settings.load().models.distribute_to
    found = resolve(open_existing_ledger(), BlobStore(home()), config, name, places)
    return found.sha256, found.path
