"""The queues, each named once."""

from __future__ import annotations

from typing import Final

#: Selfplay, training, matches: one worker per device, or per core where there is none.
GPU: Final = "gpu"

#: Files and statistics: sync, export.
CPU: Final = "cpu"

#: Short tasks only (ticks, orchestration, repair), on a worker of its own: they must never wait.
CONTROL: Final = "control"

QUEUES: Final = (GPU, CPU, CONTROL)
