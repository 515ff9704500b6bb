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

from ringrift.errors import BadInput

#: Folders of a state directory.
FOLDERS: Final = ("shards", "datasets", "models", "runs", "quarantine", "logs", "broker")

#: The ledger's file in it.
DATABASE: Final = "ringrift.db"

#: The file by which a project folder is known.
PROJECT_CONFIG: Final = Path("config", "unified_loop.yaml")


def project_folder(start: Path | None = None) -> Path | None:
    """Return the nearest folder, from ``start`` (here) upwards, that holds PROJECT_CONFIG."""
    here = (start or Path.cwd()).absolute()
    return next(
        (folder for folder in (here, *here.parents) if (folder / PROJECT_CONFIG).is_file()), None
    )


def home(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the state directory, which need not exist yet.

    RINGRIFT_HOME if set; else ``.ringrift`` in the project folder that we are in; else the
    user's data folder.
    """
    named = environ.get("RINGRIFT_HOME", "").strip()
    if named:
        return Path(named).expanduser().absolute()
    project = project_folder()
    return project / ".ringrift" if project else Path(platformdirs.user_data_path("ringrift"))


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
