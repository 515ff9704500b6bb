"""The state directory: everything that runs leave behind is below it, and goes when it is deleted.

::

    home/
      shards/  datasets/  models/  runs/    files named by their content
      quarantine/                           bad files, each with its reason
      backends/                             which backend was timed as the fastest
      logs/  broker/                        of the embedded parts
      ringrift.db                           the ledger
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import platformdirs

from ringrift.errors import BadInput, shown

#: Folders of a state directory.
FOLDERS: Final = ("shards", "datasets", "models", "runs", "quarantine", "logs", "broker")

#: The ledger's file in it.
DATABASE: Final = "ringrift.db"

#: The file by which a project folder is known.
PROJECT_CONFIG: Final = Path("config", "unified_loop.yaml")


def path_of(text: str, source: str) -> Path:
    """Return a path as somebody wrote it in ``source``, with ~ filled in; it need not exist.

    Raises BadInput naming the source for one that cannot be: no such user, too long, behind a closed folder.
    """
    try:
        path = Path(text).expanduser()
        path.exists()
    except RuntimeError:
        raise BadInput(f"{source}: {shown(text)}: there is no such user here") from None
    except OSError as error:
        raise BadInput(f"{source}: {shown(text)}: {error.strerror}") from None
    return path


def project_folder(start: Path | None = None) -> Path | None:
    """Return the nearest folder, from ``start`` (here) upwards, that holds PROJECT_CONFIG.

    Raises BadInput where the folder that we are in was removed.
    """
    here = (start or _here()).absolute()
    return next(
        (folder for folder in (here, *here.parents) if (folder / PROJECT_CONFIG).is_file()), None
    )


def home(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the state directory, which need not exist yet. Raises BadInput where it cannot.

    RINGRIFT_HOME if set; else ``.ringrift`` in the project folder that we are in; else the
    user's data folder.
    """
    named = environ.get("RINGRIFT_HOME", "").strip()
    if named:
        path = path_of(named, "RINGRIFT_HOME")
        return _written(path if path.is_absolute() else _here() / path)
    project = project_folder()
    return _written(
        project / ".ringrift" if project else Path(platformdirs.user_data_path("ringrift"))
    )


def _written(path: Path) -> Path:
    """Return a state directory whose name can stand in files: the broker's configuration, addresses, reasons."""
    try:
        os.fspath(path).encode("utf-8")
    except UnicodeEncodeError:
        raise BadInput(f"RINGRIFT_HOME: {os.fspath(path)!a}: expected a name in UTF-8") from None
    return path


def _here() -> Path:
    """Return the folder that we are in. Raises BadInput where it was removed."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise BadInput("the folder that this runs in is gone: change to another one") from None


def prepare_home(min_free_mib: int, path: Path | None = None) -> Path:
    """Create the state directory and its folders where missing and return it.

    Raises BadInput if it cannot be created or written to, or its disk has less than
    ``min_free_mib`` mebibytes free.
    """
    folder = path or home()
    cure = "set RINGRIFT_HOME to a folder with room that you may write to"
    try:
        for name in FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(
            dir=folder
        ) as probe:  # a full disk takes the name, not the bytes
            probe.write(bytes(4096))
            probe.flush()
            os.fsync(probe.fileno())
        free = shutil.disk_usage(folder).free // 2**20
    except OSError as error:
        reason = error.strerror or str(error)
        raise BadInput(f"state directory {folder} cannot be written to: {reason}; {cure}") from None
    if free < min_free_mib:
        raise BadInput(
            f"state directory {folder}: {free} MiB free, expected at least {min_free_mib} "
            f"(storage.min_free_mib); {cure}"
        )
    return folder
