"""How long it takes until something runs: cold compilation, and the first move from the cache.

    python -m benchmarks.start [--quick] [--json]

Cold: `ringrift warmup` with an empty cache, in processor seconds, by step. From the cache: a fresh
interpreter imports the rules, makes a game, lists the legal moves and plays one.
"""

from __future__ import annotations

import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

#: Wanted: processor seconds of compiling rules and search, seconds to the first move from the cache.
COLD_BAR, WARM_BAR = 60.0, 0.6

#: Steps of `ringrift warmup` that are neither rules nor search.
LATER = ("selfplay and training",)

WARMUP = "from ringrift.cli.main import run; run(['warmup'])"
FIRST_MOVE = """
from ringrift.configs import Config
from ringrift.rules.game import Game

game = Game.new(Config("square8", 2))
game.apply(game.legal()[0])
"""


def run(code: str, cache: Path) -> tuple[float, float, str]:
    """(wall seconds, processor seconds, output) of a fresh interpreter."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"RINGRIFT_KERNEL_CACHE": str(cache)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, spent, done.stdout


def parse_steps(text: str) -> dict[str, float]:
    """Processor seconds by step, from the last line of `ringrift warmup`."""
    parts = re.search(r"processor time \((.*)\)", text)
    assert parts is not None, text
    pairs = (part.rsplit(" ", 1) for part in parts[1].split(", "))
    return {what: float(seconds) for what, seconds in pairs}


def measure(repeats: int) -> dict[str, Any]:
    """Cold compilation once, then `repeats` first moves from its cache."""
    with tempfile.TemporaryDirectory(prefix="ringrift-start-") as name:
        _, spent, out = run(WARMUP, Path(name))
        steps = parse_steps(out)
        size = sum(p.stat().st_size for p in Path(name).rglob("*") if p.is_file())
        first = [run(FIRST_MOVE, Path(name))[:2] for _ in range(repeats)]
    return {
        "cold_cpu_seconds": spent,
        "cold_cpu_seconds_by_step": steps,
        "cold_rules_and_search_cpu_seconds": sum(
            seconds for what, seconds in steps.items() if what not in LATER
        ),
        "cold_bar": COLD_BAR,
        "cache_bytes": size,
        "first_move_wall_seconds": [wall for wall, _ in first],
        "first_move_cpu_seconds": [cpu for _, cpu in first],
        "first_move_bar": WARM_BAR,
    }


def print_start(found: dict[str, Any]) -> None:
    """The figures as lines."""
    steps = ", ".join(f"{what} {s:.1f}" for what, s in found["cold_cpu_seconds_by_step"].items())
    wall, cpu = found["first_move_wall_seconds"], found["first_move_cpu_seconds"]
    print(
        f"cold compilation of rules and search: {found['cold_rules_and_search_cpu_seconds']:.1f} s "
        f"of processor time (bar {COLD_BAR:.0f})"
    )
    print(f"  everything: {found['cold_cpu_seconds']:.1f} s ({steps})")
    print(f"  cache: {found['cache_bytes'] / 1e6:.1f} MB")
    print(
        f"first move from the cache: median {statistics.median(wall):.2f} s "
        f"({min(wall):.2f} to {max(wall):.2f}; processor {statistics.median(cpu):.2f} s; "
        f"bar {WARM_BAR})"
    )


def main(arguments: list[str]) -> int:
    """Run with the arguments of the command line."""
    found = measure(3 if "--quick" in arguments else 9)
    if "--json" in arguments:
        print(json.dumps({"benchmark": "start"} | found))
    else:
        print_start(found)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
