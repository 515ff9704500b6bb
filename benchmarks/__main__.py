"""Runs benchmarks: ``python -m benchmarks [NAME...] [--json] [--quick]``.

Each NAME is a module beside this one with `timings(quick) -> {what: Timing}`, or with a `main(arguments)`
that measures and prints by itself and has further options under ``python -m benchmarks.NAME``. Exit
code 1 when the machine was busy with something else during any of them.
"""

from __future__ import annotations

import argparse
import importlib
import sys

from benchmarks.machine import Watch, report
from ringrift.errors import nearest

#: Benchmarks, cheapest first.
NAMES = ("rules", "start", "data", "matches", "search", "network", "selfplay", "lanes")


def main() -> int:
    """Run what was asked for, all without names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--json", action="store_true", help="one JSON object per benchmark")
    parser.add_argument("--quick", action="store_true", help="fewer repeats, for a first look")
    given = parser.parse_args()
    for name in given.names:
        if name not in NAMES:
            print(f"unknown benchmark {name!r}: {nearest(name, NAMES)}", file=sys.stderr)
            return 2
    worst = 0
    for name in given.names or NAMES:
        module = importlib.import_module(f"benchmarks.{name}")
        if hasattr(module, "main"):  # it prints a table of its own
            options = [f"--{o}" for o in ("json", "quick") if getattr(given, o)]
            worst = max(worst, module.main(options))
            continue
        module.prepare()  # compilation and files are not part of the watch
        with Watch() as watch:
            timings = module.timings(given.quick)
        worst = max(worst, report(name, timings, watch, as_json=given.json))
    return worst


if __name__ == "__main__":
    sys.exit(main())
