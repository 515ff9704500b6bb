"""Who holds a claim: machine, process, thread; and whether that process is still there."""

from __future__ import annotations

import os
import socket
import threading


def owner() -> str:
    """This thread of this process, `host:pid:thread`."""
    return f"{socket.gethostname()}:{os.getpid()}:{threading.get_native_id()}"


def is_dead(name: str) -> bool:
    """Whether the owner's process is known to be gone; False where nothing tells."""
    host, _, rest = name.partition(":")
    pid = rest.partition(":")[0]
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
