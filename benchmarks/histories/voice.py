"""A simulated worker says that it is there, so that its slots count (`workers.nodes` for a real one)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from benchmarks.histories.scheduler import Process, SimPulse, Simulation
from ringrift.errors import RingRiftError
from ringrift.pipeline import nodes
from ringrift.store.ledger import Ledger

#: Seconds for which a sign of life counts. Longer than that of a claim, for each of them is a commit.
COUNTS = 180.0


def speak(sim: Simulation, ledger: Ledger, process: Process, name: str, queue: str) -> None:
    """Say that a worker is ready, and give signs of life: while it stands still there are none; killed, it says nothing."""
    node = nodes.Node(
        f"{name}@{process.host}", f"{process.host}:{process.pid}", sim.now, (queue,), 1
    )

    def is_there() -> bool:
        with suppress(RingRiftError), ledger.write() as tx:  # the ledger may be busy
            nodes.came(tx, node, COUNTS)
        return True

    sim.at(0, lambda: _begin(sim, process, is_there), process)


def _begin(sim: Simulation, process: Process, is_there: Callable[[], bool]) -> None:
    is_there()
    SimPulse(sim, process, COUNTS / 3, is_there)
