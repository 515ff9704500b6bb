"""Who could do the work of each queue now: workers that are up, their slots, and how many are taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ringrift.pipeline import nodes
from ringrift.pipeline.queues import CONTROL, CPU, GPU, QUEUES
from ringrift.store import stages
from ringrift.store.ledger import Tx

#: Queue whose workers do a stage.
QUEUE_OF = {
    **dict.fromkeys(("selfplay", "train", "evaluate"), GPU),
    **dict.fromkeys(("sync", "parity", "export"), CPU),
    **dict.fromkeys(("evaluate_plan", "promote"), CONTROL),
}


@dataclass(frozen=True, slots=True)
class Capacity:
    """The workers of one queue."""

    queue: str
    #: Workers that are up, heard of lately, and serve it.
    workers: int
    #: Tasks that they do side by side.
    slots: int
    #: Units of its stages that are claimed now, by these workers or by a loop in a process of its own.
    busy: int
    #: Units of its stages that were handed over and that nobody has.
    waiting: int = 0

    @property
    def idle(self) -> int:
        """Slots with nothing to do, as far as claims tell: matches beside the runs have none."""
        return max(0, self.slots - self.busy)


def capacities(tx: Tx) -> dict[str, Capacity]:
    """What each queue can do now."""
    up, busy, waiting = nodes.standing(tx), stages.claimed(tx), stages.handed_over(tx)
    return {
        queue: Capacity(
            queue=queue,
            workers=sum(queue in node.queues for node in up),
            slots=nodes.slots_of(up, queue),
            busy=_of(queue, busy),
            waiting=_of(queue, waiting),
        )
        for queue in QUEUES
    }


def _of(queue: str, units: Mapping[str, int]) -> int:
    """Units by stage, summed over the stages of a queue."""
    return sum(count for stage, count in units.items() if QUEUE_OF[stage] == queue)
