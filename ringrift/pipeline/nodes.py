"""Workers that are there: each has a row that it keeps alive; what changes is told with the capacity it changes.

A worker says when it is ready, gives signs of life, and says when it ends. One that was killed says
nothing: then its next start says that it was replaced, or somebody on its machine, that its process
is gone. Of a machine that is gone nobody knows it; but its workers are silent, and count no more
after `cluster.stage_stale_seconds`, as a claim does. One that is heard again after that is up again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from ringrift.events.payloads import CapacityChanged, NodeDown, NodeUp
from ringrift.pipeline.events import of_node
from ringrift.pipeline.owner import is_dead
from ringrift.store import nodes
from ringrift.store.ledger import Fence, Ledger, Tx
from ringrift.store.nodes import NodeRow

log = structlog.get_logger(__name__)

#: Why a node is down.
STOPPED, REPLACED, DIED, SILENT = "stopped", "replaced", "died", "silent"


@dataclass(frozen=True, slots=True)
class Node:
    """One start of one worker process."""

    #: Its name among workers, such as gpu1@host.
    name: str
    #: host:pid.
    process: str
    #: Seconds since 1970: two starts of a name differ in it.
    started: float
    queues: tuple[str, ...]
    #: Tasks that it does side by side.
    slots: int

    @property
    def start(self) -> str:
        """What tells this start from others of the name."""
        return f"{self.process}/{self.started}"

    @classmethod
    def of(cls, row: NodeRow) -> Node:
        """From its row."""
        return cls(row.name, row.process, row.started, row.queues, row.slots)


def up(tx: Tx) -> dict[str, Node]:
    """The workers of which nobody has told that they are down, by name."""
    return {row.name: Node.of(row) for row in nodes.all_up(tx)}


def standing(tx: Tx) -> list[Node]:
    """Those that count: without the silent ones, and those that are known to have died unsaid."""
    return [Node.of(row) for row in nodes.all_up(tx) if _gone(row, tx.now, is_dead) is None]


def came(tx: Tx, node: Node, seconds: float) -> bool:
    """A worker is ready, or gives a sign of life; it counts for so many seconds. Whether NODE_UP was told.

    That its last start is down is told too, if nobody did. An outdated start changes nothing.
    """
    row = nodes.get_node(tx, node.name, hold=True)
    same = row is not None and Node.of(row).start == node.start
    if row is not None and row.down is None and not same:
        if row.started > node.started and row.stands_until > tx.now:
            return False
        _went(tx, row, REPLACED)
    before = up(tx)
    nodes.put(
        tx,
        NodeRow(
            node.name,
            node.process,
            node.started,
            node.queues,
            node.slots,
            seen_at=tx.now,
            stands_until=tx.now + seconds,
        ),
    )
    if node.name in before:
        return False
    about = NodeUp(
        node=node.name,
        process=node.process,
        started=node.started,
        queues=node.queues,
        slots=node.slots,
    )
    # Its first word, or that it is heard again since its last sign of life, which was then.
    since = "" if row is None or not same else f"{row.seen_at}"
    told = of_node(tx, about, node.name, node.start, since)
    _tell_capacity(tx, node, before, {**before, node.name: node}, f"up{since}")
    return told


def went(tx: Tx, node: Node, reason: str) -> bool:
    """A worker has ended; False if that was told before, or a newer start of it is up."""
    row = nodes.get_node(tx, node.name, hold=True)
    if row is None or row.down is not None or Node.of(row).start != node.start:
        return False
    return _went(tx, row, reason)


def sweep(tx: Tx, dead: Callable[[str], bool]) -> list[str]:
    """Tell that workers are down whose processes are known to be gone, or that are silent; their names."""
    told = []
    for row in nodes.all_up(tx):
        held = nodes.get_node(tx, row.name, hold=True)
        if held is None or held.down is not None:
            continue
        reason = _gone(held, tx.now, dead)
        if reason is not None and _went(tx, held, reason):
            log.warning("worker is gone", node=row.name, reason=reason, last_sign=held.seen_at)
            told.append(row.name)
    return told


def sweep_now(ledger: Ledger, fence: Fence | None = None) -> list[str]:
    """As `sweep`, in a transaction of its own; mostly there is nothing to tell, and nobody need wait for it."""
    with ledger.read() as tx:
        if all(_gone(row, tx.now, is_dead) is None for row in nodes.all_up(tx)):
            return []
    with ledger.write(fence) as tx:
        return sweep(tx, is_dead)


def slots_of(workers: Sequence[Node], queue: str) -> int:
    """Tasks of a queue that these workers do side by side."""
    return sum(one.slots for one in workers if queue in one.queues)


def _gone(row: NodeRow, now: float, dead: Callable[[str], bool]) -> str | None:
    """Why a worker counts no more; None if it does."""
    if dead(row.process):
        return DIED
    # A last sign that is still to come, by far: the clock was set back, and nothing was heard since.
    ahead = row.seen_at - now > row.stands_until - row.seen_at
    return SILENT if row.stands_until <= now or ahead else None


def _went(tx: Tx, row: NodeRow, reason: str) -> bool:
    before, node = up(tx), Node.of(row)
    nodes.put(tx, replace(row, down=reason))
    about = NodeDown(
        node=node.name,
        process=node.process,
        started=node.started,
        queues=node.queues,
        slots=node.slots,
        reason=reason,
    )
    told = of_node(tx, about, node.name, node.start, f"{row.seen_at}")
    after = {name: one for name, one in before.items() if name != node.name}
    _tell_capacity(tx, node, before, after, f"down{row.seen_at}")
    return told


def _tell_capacity(
    tx: Tx, node: Node, before: dict[str, Node], after: dict[str, Node], what: str
) -> None:
    for queue in node.queues:
        about = CapacityChanged(
            queue=queue,
            node=node.name,
            workers=sum(queue in one.queues for one in after.values()),
            slots=slots_of(list(after.values()), queue),
            before=slots_of(list(before.values()), queue),
        )
        of_node(tx, about, node.name, node.start, f"{what}/{queue}")
