"""Workers that are there: known by their own NODE_UP and NODE_DOWN, told with the capacity they change.

A worker says when it is ready and when it ends. One that was killed says nothing: then its next
start says that it was replaced, or the reconciler of its machine, that its process is gone. Of a
machine that is gone nobody says it; its claims run out all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ringrift.events.payloads import CapacityChanged, NodeDown, NodeUp
from ringrift.pipeline.events import Kind, of_node
from ringrift.store import events
from ringrift.store.ledger import Tx

#: Why a node is down.
STOPPED, REPLACED, DIED = "stopped", "replaced", "died"


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


def up(tx: Tx) -> dict[str, Node]:
    """The workers whose last word is that they are up, by name."""
    found: dict[str, Node] = {}
    after = 0
    while rows := events.list_events(tx, after=after, kinds=(Kind.NODE_UP, Kind.NODE_DOWN)):
        after = rows[-1].seq
        for row in rows:
            if row.fault is not None:
                continue
            about = row.told
            assert isinstance(about, NodeUp | NodeDown)
            node = Node(about.node, about.process, about.started, about.queues, about.slots)
            if isinstance(about, NodeUp):
                found[node.name] = node
            elif found.get(node.name) == node:
                del found[node.name]
    return found


def came(tx: Tx, node: Node) -> bool:
    """A worker is ready; False if that was told before. Tells that its last start is down, if nobody did."""
    before = up(tx)
    last = before.get(node.name)
    if last == node:
        return False
    if last is not None:
        went(tx, last, REPLACED)
        before = up(tx)
    about = NodeUp(
        node=node.name,
        process=node.process,
        started=node.started,
        queues=node.queues,
        slots=node.slots,
    )
    told = of_node(tx, about, node.name, node.start)
    _tell_capacity(tx, node, before, {**before, node.name: node}, "up")
    return told


def went(tx: Tx, node: Node, reason: str) -> bool:
    """A worker has ended; False if that was told before, or a newer start of it is up."""
    before = up(tx)
    if before.get(node.name) != node:
        return False
    about = NodeDown(
        node=node.name,
        process=node.process,
        started=node.started,
        queues=node.queues,
        slots=node.slots,
        reason=reason,
    )
    told = of_node(tx, about, node.name, node.start)
    after = {name: one for name, one in before.items() if name != node.name}
    _tell_capacity(tx, node, before, after, "down")
    return told


def sweep(tx: Tx, dead: Callable[[str], bool]) -> list[str]:
    """Tell that workers are down whose processes are known to be gone; their names."""
    gone = [node for node in up(tx).values() if dead(node.process)]
    return [node.name for node in gone if went(tx, node, DIED)]


def slots_of(nodes: Sequence[Node], queue: str) -> int:
    """Tasks of a queue that these workers do side by side."""
    return sum(node.slots for node in nodes if queue in node.queues)


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
