"""Every RINGRIFT_* variable that something reads; docs/variables.md tells of each, and a test compares.

RINGRIFT__SECTION__KEY are not among them: they are the settings (`ringrift.settings.settings`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from ringrift.errors import nearest, shown
from ringrift.settings import switches
from ringrift.settings.secrets import DATABASE_URL, FILE
from ringrift.settings.settings import ENV_PREFIX, variables

#: Of the program.
PROGRAM: Final = (
    "RINGRIFT_HOME",
    "RINGRIFT_CONFIG_PATH",
    DATABASE_URL,
    DATABASE_URL + FILE,
    switches.DISABLE_LOCAL_TASKS,
    switches.SKIP_SHADOW_CONTRACTS,
    switches.TRACE_DEBUG,
    switches.UNIFIED_LOOP_LEGACY,
    "RINGRIFT_KERNEL_CACHE",
    "RINGRIFT_EVENT_KIND",  # set for hooks, which may call our commands
    "RINGRIFT_EVENT_SEQ",
)

#: Of what builds, tests and measures it.
WORKSHOP: Final = (
    "RINGRIFT_TORCH_INDEX",
    "RINGRIFT_TRACES",
    "RINGRIFT_FUZZ_MEMORY",
    "RINGRIFT_TEST_POSTGRES",
    "RINGRIFT_TEST_HOLD",
    "RINGRIFT_TEST_BY",
    "RINGRIFT_TEST_REISSUE",
)


def unread(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return a line about each RINGRIFT_* variable that is set and that nothing reads: misspelt, most likely."""
    known = (*PROGRAM, *WORKSHOP)
    lines = []
    for name in sorted(environ):
        if name.startswith("RINGRIFT_") and not name.startswith(ENV_PREFIX) and name not in known:
            near = nearest(name, [*known, *variables()])
            said = near if near.startswith("did you mean") else nearest(name, PROGRAM)
            told = name if name.isprintable() else shown(name)
            lines.append(f"variable {told}: nothing reads it: {said}")
    return lines
