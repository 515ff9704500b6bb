"""Whether a unified loop (the master loop) is at work: lesser loops defer to it.

    from ringrift.pipeline.deferral import is_unified_loop_running

Asks the master lease, not a list of processes: the answer holds for the whole cluster, and a
master that was killed counts as running only until its lease expires.
"""

from __future__ import annotations

from importlib import import_module


def is_unified_loop_running() -> bool:
    """Tell whether anybody holds the master lease. False where there is no broker at all.

    Raises BadInput when the broker does not answer: then nobody can know.
    """
    # By name: which broker this process uses is known a layer above.
    return import_module("ringrift.celery").master_holder() is not None
