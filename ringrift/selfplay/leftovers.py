"""Checkpoints that nobody takes up: whose they are, told without loading what plays."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

import zstandard

from ringrift.rules.lines import parse_object

#: Name of a checkpoint: a dot, the id of the shard's spec, and this.
SUFFIX: Final = ".checkpoint"

#: Seconds without a change after which a checkpoint is nobody's, its run being closed: whoever plays a shard writes
#: one every minute or so, and may not know yet that the run is over.
IDLE_SECONDS: Final = 3600.0

#: The same for shards that a person asked for by a command, and may go on with after a holiday.
BY_HAND_SECONDS: Final = 30 * 86400.0

#: Bytes of a header at most.
_HEADER: Final = 1 << 16


def run_of(path: Path) -> str | None:
    """The run that a checkpoint belongs to; None where it does not say."""
    try:
        with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
            line = stream.read(_HEADER).partition(b"\n")[0]
        return str(parse_object(line)["spec"]["run_id"])
    except (OSError, ValueError, KeyError, TypeError, zstandard.ZstdError):
        return None


def sweep_checkpoints(
    folder: Path, now: float, idle_seconds: float, open_runs: Collection[str] = ()
) -> int:
    """Remove checkpoints of a folder that are idle for so long and belong to no open run; how many."""
    swept = 0
    for path in folder.glob(f".*{SUFFIX}"):
        try:
            idle = now - path.stat().st_mtime
        except OSError:  # taken up and done with meanwhile
            continue
        if idle >= idle_seconds and run_of(path) not in open_runs:
            path.unlink(missing_ok=True)
            swept += 1
    return swept
