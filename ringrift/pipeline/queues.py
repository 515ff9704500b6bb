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

#: Priorities of messages in the gpu queue; Redis gives the lowest number first, and a worker takes its next message
#: when it has done a shard, so what is urgent waits for no more than that. Trainings and gates hold a whole run up;
#: selfplay of configs above the mean weight (`loop.weights`) and of the others.
URGENT, HEAVY, LIGHT = 0, 3, 6

#: Matches beside the runs take turns with selfplay: shards are sent for as long as there are any, so behind them no
#: match would ever be played.
BESIDE: Final = LIGHT

#: Selfplay that fills gaps yields to all other, and to matches: what is left of it waits for the next gap.
BACKFILL: Final = 9

#: What the clock asks for, in whichever queue, yields to the work of runs: on a machine that does not keep up ticks
#: gather, which are dropped when they are late, and a promotion would wait behind a hundred of them.
CLOCK: Final = 9
