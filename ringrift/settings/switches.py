"""Variables that switch something on by being set, to anything but a word for no."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

#: Leaves out the parity gate, with a warning that is kept.
SKIP_SHADOW_CONTRACTS: Final = "RINGRIFT_SKIP_SHADOW_CONTRACTS"

#: Shows where an error of a command comes from.
TRACE_DEBUG: Final = "RINGRIFT_TRACE_DEBUG"

_NO: Final = ("", "0", "false", "no", "off")


def switched_on(name: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether the variable is set, and not to a word for no."""
    return environ.get(name, "").strip().lower() not in _NO
