"""Files that are whole or not there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

#: What names of models end with, after their sha256.
SUFFIX: Final = ".safetensors"


def write_aside(target: Path, content: bytes) -> None:
    """Write a file under another name, sync it, and rename it to its own: whole or not there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        prefix=f".tmp-{os.getpid()}-", suffix=target.suffix, dir=target.parent
    )
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        # mkstemp's private mode would hide models from the workers of other users.
        Path(name).chmod(0o644)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
