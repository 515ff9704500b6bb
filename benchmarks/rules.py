"""What the rules cost: playouts, legal lists, moves and copies of states, on one core.

    python -m benchmarks.rules [--all] [--board NAME] [--start] [--quick] [--json | --markdown]

For each board, with two players unless --all:

playouts        random games to their end, each move drawn uniformly from the complete legal list.
                Moves are counted as in records, bookkeeping included; decisions are moves with at
                least two legal ones.
legal, apply    time of one call, from positions of the middle half of random games: at decisions,
                at any move, and by phase. `apply` is a drawn move, the copy of the state taken off.
copy            one state copied into another place.
steps           each figure as a number of steps of a fixed loop that is timed beside each repeat
                (`calibration_walk` in benchmarks/kernels.py), which makes it comparable between
                machines: fewer is faster.
oracle          the same by the plain-Python rules of `ringrift.reference`, and how many times
                slower they are.

Figures are medians of repeats, with spread = (slowest - fastest) / median. A figure taken while
the machine was busy with something else is void, and the exit code is then 1.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import kernels, start
from benchmarks.figures import Effort, Figure, Stopwatch
from benchmarks.machine import FOREIGN_LIMIT, Watch, describe
from benchmarks.oracle import measure_oracle
from benchmarks.rules_tables import print_board, print_markdown
from ringrift.configs import ALL_CONFIGS, BOARD_NAMES, Config
from ringrift.errors import BadInput, nearest
from ringrift.rules.boards import tables
from ringrift.rules.game import opening
from ringrift.rules.kernels import constants as k
from ringrift.rules.kernels.moves import legal_moves
from ringrift.rules.kernels.play import playout, replay

#: What is wanted on one core of a 2.6 GHz server processor, with two players.
BARS = {
    "square8": {"games": 9_000.0, "legal, decisions": 400.0, "copy": 100.0},
    "hex8": {"games": 7_500.0, "copy": 100.0},
    "square19": {"games": 600.0},
    "hexagonal": {"games": 250.0},
}

#: Random games from which positions are taken, and the most positions of one kind.
SAMPLED_GAMES = {"square8": 200, "hex8": 200, "square19": 40, "hexagonal": 20}
POSITIONS = 1024

LOG = 100_000


@dataclass(frozen=True, slots=True)
class Positions:
    """Positions of random games with a drawn move for each."""

    states: NDArray[np.uint16]  # [n, F, N]
    codes: NDArray[np.int32]  # [n] the move that was played
    counts: NDArray[np.int64]  # [n] legal moves

    @property
    def phases(self) -> NDArray[np.uint16]:
        """Phase of each position."""
        return self.states[:, k.F_SCALAR, k.S_PHASE]

    def take(self, mask: NDArray[np.bool_]) -> Positions:
        """At most POSITIONS of those in `mask`, in random order."""
        rng = np.random.default_rng(1)
        which = rng.permutation(np.flatnonzero(mask))[:POSITIONS]
        return Positions(
            np.ascontiguousarray(self.states[which]), self.codes[which].copy(), self.counts[which]
        )


def sample(config: Config) -> tuple[Positions, float]:
    """The middle half of random games, and the moves of a mean game."""
    t, log, found, moves = tables(config.board), np.empty(LOG, np.int32), [], 0
    games = SAMPLED_GAMES[config.board]
    for seed in range(games):
        states = opening(config)
        length, _ = playout(states.copy(), 0, t, np.uint64(10_000 + seed), log)
        before = np.empty((length, *states.shape[1:]), np.uint16)
        replay(states, 0, t, log[:length].copy(), before)
        middle = slice(length // 4, length - length // 4)
        found.append((before[middle].copy(), log[:length][middle].copy()))
        moves += length
    states = np.concatenate([states for states, _ in found])
    codes = np.concatenate([codes for _, codes in found])
    out = np.empty(k.MAX_MOVES, np.int32)
    counts = np.array([legal_moves(states, g, t, out) for g in range(len(states))], np.int64)
    return Positions(states, codes, counts), moves / games


def measure_playouts(config: Config, watch: Stopwatch) -> dict[str, Figure]:
    """Games, moves and decisions per second."""
    t, start = tables(config.board), opening(config)
    states, log, totals = start.copy(), np.empty(LOG, np.int32), np.zeros(2, np.int64)
    kernels.play_games(start, states, t, 0, 2, log, totals)
    # The same games in every repeat: as many as take the time of one.
    once = watch.time(lambda: kernels.play_games(start, states, t, 0, 10, log, totals))
    games = max(10, int(10 * watch.effort.seconds / max(once, 1e-9)))
    seconds, steps = watch.per_item(
        lambda: kernels.play_games(start, states, t, 0, games, log, totals), games
    )
    figures = {}
    for what, per_game in (("games", games), ("moves", totals[0]), ("decisions", totals[1])):
        share = float(per_game) / games  # of this thing in one game
        figures[what] = Figure(
            "per s", tuple(share / s for s in seconds), statistics.median(steps) / share
        )
        if what == "games":
            figures[what] = Figure("per s", tuple(1 / s for s in seconds), statistics.median(steps))
    return figures


def measure_calls(config: Config, positions: Positions, watch: Stopwatch) -> dict[str, Figure]:
    """Nanoseconds of a legal list, of a move and of a copy."""
    t, out = tables(config.board), np.empty(k.MAX_MOVES, np.int32)
    scratch = opening(config)

    def ns(work: Callable[[], object], items: int, less: float = 0.0) -> Figure:
        seconds, steps = watch.per_item(work, items)
        per_step = statistics.median(seconds) / statistics.median(steps)
        return Figure(
            "ns",
            tuple(max(1e9 * (s - less), 0.0) for s in seconds),
            statistics.median(steps) - less / per_step,
        )

    kinds = {"decisions": positions.counts >= 2, "moves": positions.counts >= 0}
    for phase, name in enumerate(k.PHASE_NAMES[: k.GAME_OVER]):
        kinds[name] = positions.phases == phase
    legal, apply, copies = {}, {}, {}
    for kind, mask in kinds.items():
        p = positions.take(mask)
        n = len(p.states)
        if n == 0:
            continue
        copies[kind] = ns(partial(kernels.copy_each, p.states, scratch), n)
        legal[f"legal, {kind}"] = ns(partial(kernels.list_each, p.states, t, out), n)
        apply[f"apply, {kind}"] = ns(
            partial(kernels.apply_each, p.states, t, p.codes, scratch),
            n,
            less=1e-9 * copies[kind].median,
        )
    return legal | apply | {"copy": copies["moves"]}


def measure(config: Config, effort: Effort, oracle_seconds: float) -> dict[str, Any]:
    """Everything about one config: sizes, shares of the phases, figures."""
    watch = Stopwatch(effort)
    positions, moves = sample(config)
    figures = measure_playouts(config, watch) | measure_calls(config, positions, watch)
    bars = BARS[config.board] if config.players == 2 else {}
    oracle = {}
    if oracle_seconds > 0:
        oracle = measure_oracle(config, 3, oracle_seconds, effort.clock)
    phases = np.bincount(positions.phases, minlength=k.GAME_OVER) / len(positions.phases)
    return {
        "config": str(config),
        "calibration_ns": 1e9 * statistics.median(watch.steps),
        "state_bytes": int(positions.states[0].nbytes),
        "moves_per_game": moves,
        "log_bytes_per_game": 4 * moves,
        "phases": {name: float(phases[p]) for p, name in enumerate(k.PHASE_NAMES[: k.GAME_OVER])},
        "figures": {
            what: f.beside(bars.get(what), oracle.get(what, ())) for what, f in figures.items()
        },
    }


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.rules",
        description="What the rules cost, on one core. The figures are explained in docs/performance.md.",
    )
    parser.add_argument("--all", action="store_true", help="also three and four players")
    parser.add_argument("--board", action="append", metavar="NAME", help=", ".join(BOARD_NAMES))
    parser.add_argument("--quick", action="store_true", help="shorter, for a first look")
    parser.add_argument("--start", action="store_true", help="also cold compilation and first move")
    parser.add_argument("--no-oracle", action="store_true", help="leave the plain-Python rules out")
    parser.add_argument("--cpu-time", action="store_true", help="processor time, not wall time")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="one JSON object")
    shape.add_argument("--markdown", action="store_true", help="the tables of docs/performance.md")
    given = parser.parse_args(arguments)
    for name in given.board or ():
        if name not in BOARD_NAMES:
            raise BadInput(f"unknown board {name!r}: {nearest(name, BOARD_NAMES)}")
    return given


def main(arguments: list[str]) -> int:
    """Run with the arguments of the command line; 1 when the machine was busy with something else."""
    try:
        given = parse(arguments)
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    boards = given.board or BOARD_NAMES
    configs = [c for c in ALL_CONFIGS if c.board in boards and (given.all or c.players == 2)]
    effort = Effort(
        repeats=3 if given.quick else 7,
        seconds=0.1 if given.quick else 0.3,
        clock=time.process_time if given.cpu_time else time.perf_counter,
    )
    oracle_seconds = 0.0 if given.no_oracle else 0.3 if given.quick else 3.0
    machine, results = describe(), []
    if not given.json:
        print(f"rules on {machine['cpu']}, {machine['cores']} cores, one used", flush=True)
    measure(configs[0], Effort(1, 0.0), 0.0)  # compiling is not part of the watch
    with Watch() as watch:
        for config in configs:
            results.append(measure(config, effort, oracle_seconds))
            if not given.json and not given.markdown:
                print_board(results[-1])
    if given.markdown:
        print()
        print_markdown(results)
    started = start.measure(3 if given.quick else 9) if given.start else None
    if given.json:
        shown = [
            r | {"figures": {w: f.as_dict() for w, f in r["figures"].items()}} for r in results
        ]
        load = {"foreign_load": watch.foreign, "void": watch.void}
        print(
            json.dumps(
                {"benchmark": "rules", "machine": machine, "boards": shown, "start": started} | load
            )
        )
        return int(watch.void)
    verdict = "VOID" if watch.void else "valid"
    print(f"foreign load {watch.foreign:.1%} (limit {FOREIGN_LIMIT:.0%}): {verdict}")
    if started is not None:
        start.print_start(started)
    return int(watch.void)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
