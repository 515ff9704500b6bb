"""Calls a hook that is a Python function: `python -m ringrift.pipeline.hook_entry module:function`.

The event is read from stdin and handed to the function as a dict (`EventRow.as_dict`), in a process
of its own, so that it can be ended when it hangs and may do what it likes.
"""

from __future__ import annotations

import importlib
import json
import sys


def main(entry: str) -> None:
    """Call the function with the event on stdin; whatever it raises ends this process with 1."""
    module, _, name = entry.partition(":")
    event = json.load(sys.stdin)
    getattr(importlib.import_module(module), name)(event)


if __name__ == "__main__":
    main(sys.argv[1])
