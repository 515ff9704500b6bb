"""Selfplay at the speed of the network.

    python -m benchmarks.selfplay [--config BOARD:PLAYERS ...] [--backend torch|openvino|onnx] [--device cuda]
        [--quick] [--no-shard] [--soak MINUTES] [--json | --markdown]

For each config, with a drawn network of 64 channels x 6 blocks unless --model:

ratio           leaf evaluations per second that entered a tree, over the rate of the network alone on full batches
                (the better one of the same width and of 256): 1 would be a search that costs nothing. Padding and
                positions that were evaluated before do not count. All slots are filled. Median over three windows of
                each of three fresh processes (--quick: one), since each process has a speed of its own.
shares          of the time: search (trees and rules), features, network, reading of its answer, Python.
games/hour      at 16, 32, 64 and 200 simulations a move, every move searched alike.
processes       two processes on two cores, over one.
whole shard     from its first to its last game, its tail included: its rate beside the network's, and its occupancy. At
                8 simulations a move, on the large boards at 2, which changes neither and takes minutes, not hours;
                left out by --quick (unless --shard) and --no-shard.
--soak          memory of one process over so many minutes.

The parts of a window follow each other at once, so that a ratio means something on a machine that is not quite idle;
rates do not. A run with more than 5% foreign load is void, unless it is about memory. That, or a figure that misses its
bar, is exit code 1.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.machine import FOREIGN_LIMIT, Watch, describe, usable_cores
from benchmarks.selfplay import memory, tables
from benchmarks.selfplay.fresh import measure_afresh
from benchmarks.selfplay.games import decisions_per_game
from benchmarks.selfplay.processes import scaling
from benchmarks.selfplay.setup import Setup
from benchmarks.selfplay.shard import whole_shard
from benchmarks.selfplay.steady import measure, median, spread
from ringrift.configs import BOARD_NAMES, Config
from ringrift.errors import BadInput, nearest
from ringrift.nets.checkpoint import load_model
from ringrift.nets.choice import WISHES
from ringrift.selfplay.size import fillings

#: Least ratio that is wanted, by board; OPENVINO on every board with that backend.
BARS = {"square8": 0.88, "hex8": 0.88, "square19": 0.85, "hexagonal": 0.85}
OPENVINO = 0.80

#: Two processes over one.
TWO = 1.9

#: Fresh processes that a ratio is the median of.
PROCESSES = 3

BUDGETS = (16, 32, 64, 200)

#: Budget of whole shards, by board: their tail is one of moves, however long each takes.
SHARD_SIMULATIONS = {"square8": 8, "hex8": 8, "square19": 2, "hexagonal": 2}


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.selfplay",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", action="append", metavar="BOARD:PLAYERS")
    parser.add_argument("--backend", default="torch", metavar="NAME", help=", ".join(WISHES[1:]))
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--model", metavar="FILE", help="a network of the only --config")
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--quick", action="store_true", help="shorter, and the bars' budget only")
    parser.add_argument(
        "--shard",
        action=argparse.BooleanOptionalAction,
        help="also whole shards, minutes each (default: unless --quick)",
    )
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="only memory")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="one JSON object")
    shape.add_argument("--markdown", action="store_true", help="the tables of docs/performance.md")
    given = parser.parse_args(arguments)
    if given.backend not in WISHES[1:]:
        raise BadInput(f"unknown backend {given.backend!r}: {nearest(given.backend, WISHES[1:])}")
    if given.device == "cuda" and given.backend != "torch":
        raise BadInput(
            f"--device cuda is for --backend torch: {given.backend} computes on a processor"
        )
    given.config = [str(Config.parse(c)) for c in given.config or [f"{b}:2" for b in BOARD_NAMES]]
    if given.model and len(given.config) != 1:
        raise BadInput("--model needs the --config that it is for, and no other")
    if given.model and not Path(given.model).is_file():
        raise BadInput(f"--model {given.model}: no such file")
    if given.model:
        load_model(Path(given.model), Config.parse(given.config[0]))
    if given.soak is not None and not 0 < given.soak < math.inf:
        raise BadInput(f"--soak is {given.soak}: expected minutes, more than 0")
    given.shard = not given.quick if given.shard is None else given.shard
    if given.slots < 1:
        raise BadInput(f"--slots is {given.slots}: expected at least 1")
    return given


def measure_config(setup: Setup, *, quick: bool, shard: bool) -> dict[str, Any]:
    """Everything about one config."""
    config = Config.parse(setup.config)
    large = config.board in ("square19", "hexagonal")
    seconds = (4.0 if large else 2.0) / (2 if quick else 1)
    windows, resident = measure_afresh(setup, seconds, 3, processes=1 if quick else PROCESSES)
    length = decisions_per_game(config)
    budgets = {}
    for simulations in (setup.simulations,) if quick else BUDGETS:
        if simulations == setup.simulations:
            decided = median(windows, "decisions")
        else:
            other = Setup(**(setup.as_dict() | {"simulations": simulations}))
            decided = median(measure(other, 2 * seconds, 1), "decisions")
        budgets[str(simulations)] = 3600 * decided / length
    result: dict[str, Any] = {
        "setup": setup.as_dict(),
        "backend": str(setup.backend_of(setup.slots)),
        "bar": OPENVINO if setup.backend == "openvino" else BARS[config.board],
        "ratio": median(windows, "ratio"),
        "spread": spread(windows, "ratio"),
        "windows": [asdict(window) | {"ratio": window.ratio} for window in windows],
        "decisions_per_game": length,
        "games_per_hour": budgets,
        "memory_mib": resident,
    }
    for what in ("network", "reference", "entered", "repeated", "simulations", "occupancy"):
        result[what] = median(windows, what)
    parts = windows[0].shares
    result["shares"] = {p: sum(w.shares[p] for w in windows) / len(windows) for p in parts}
    if usable_cores() > 1 and not quick and not setup.backend_of(1).kind.endswith("cuda"):
        one, two, larger = scaling(setup, 2 * seconds)
        result["memory_mib"] = max(resident, larger)
        result["processes"] = {"one": one, "two": two, "times": two / one, "bar": TWO}
    if shard:
        small = Setup(**(setup.as_dict() | {"simulations": SHARD_SIMULATIONS[config.board]}))
        whole = whole_shard(small, fillings(config) * setup.slots)
        alone = max(result["network"], result["reference"])
        result["shard"] = asdict(whole) | {
            "simulations": small.simulations,
            "ratio": whole.evaluations_per_second / alone,
        }
    return result


def main(arguments: list[str]) -> int:
    """Run with the arguments of the command line; 1 for what `run` says, 2 for bad input."""
    try:
        return run(parse(arguments))
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def run(given: argparse.Namespace) -> int:
    """Measure and print; 1 when the machine was busy with something else, or something misses its bar."""
    same = {"slots": given.slots, "backend": given.backend, "model": given.model}
    setups = [Setup(config, device=given.device, **same) for config in given.config]
    setups[0].backend_of(1)  # what cannot run here is said before anything else
    machine = describe()
    if not given.json:
        print(f"selfplay on {machine['cpu']}, {machine['cores']} cores", flush=True)
    results: list[dict[str, Any]] = []
    with Watch() as watch:
        for number, setup in enumerate(setups, 1):
            print(f"{setup.config}: {number} of {len(setups)}", file=sys.stderr, flush=True)
            if given.soak is not None:
                found = {"setup": setup.as_dict()} | memory.soak(setup, given.soak)
                show = tables.print_memory
            else:
                found = measure_config(setup, quick=given.quick, shard=given.shard)
                show = tables.print_config
            results.append(found)
            if not given.json and not given.markdown:
                show(found)
    low = [line for found in results for line in tables.missed(found)]
    void = watch.void and given.soak is None
    if given.json:
        load = {"foreign_load": watch.foreign, "void": void, "missed": low}
        print(json.dumps({"benchmark": "selfplay", "machine": machine, "configs": results} | load))
        return int(void or bool(low))
    if given.markdown:
        tables.print_markdown(results)
    if given.soak is None:
        verdict = "VOID" if void else "valid"
        print(f"foreign load {watch.foreign:.1%} (limit {FOREIGN_LIMIT:.0%}): {verdict}")
    for line in low:
        print(f"misses its bar: {line}")
    return int(void or bool(low))
