"""Variables that switch something on by being set, to anything but a word for no (docs/variables.md)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from ringrift.errors import BadInput

#: Leaves out the parity gate, with a warning that is kept.
SKIP_SHADOW_CONTRACTS: Final = "RINGRIFT_SKIP_SHADOW_CONTRACTS"

#: Puts run, shard, task and attempt into every line and event of the work in hand, and shows where
#: an error of a command comes from (`ringrift.settings.trace`).
TRACE_DEBUG: Final = "RINGRIFT_TRACE_DEBUG"

#: This node coordinates only: no selfplay, no training, no matches here.
DISABLE_LOCAL_TASKS: Final = "RINGRIFT_DISABLE_LOCAL_TASKS"

#: Allows the older style of loop (`ringrift.pipeline.legacy`).
UNIFIED_LOOP_LEGACY: Final = "RINGRIFT_UNIFIED_LOOP_LEGACY"

_NO: Final = ("", "0", "false", "no", "off")


def switched_on(name: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether the variable is set, and not to a word for no."""
    return environ.get(name, "").strip().lower() not in _NO


def refuse_local_work(what: str, environ: Mapping[str, str] = os.environ) -> None:
    """Raise BadInput where this node only coordinates, and ``what`` would play, train or evaluate here."""
    if switched_on(DISABLE_LOCAL_TASKS, environ):
        raise BadInput(
            f"{what}: {DISABLE_LOCAL_TASKS} is set, so this node coordinates only and plays, trains "
            "and evaluates nothing; unset it, or do this on another node"
        )
