"""Both engines in lockstep on all configurations: ``python -m benchmarks.lockstep [--moves 30000]``.

Plays rounds of ``ringrift parity check`` on each configuration, each round with a seed of its own,
until so many moves have been compared, and prints totals and the table of named cases as Markdown
(docs/parity.md shows it). Exit code 1 at the first difference, with the command that shows it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ringrift.configs import ALL_CONFIGS, BOARD_NAMES, Config
from ringrift.parity import occurrences
from ringrift.parity.check import Plan, Tally
from ringrift.parity.workers import compare_all
from ringrift.rules.boards import board
from ringrift.rules.game import GameOptions

#: Whole games and set-up positions of a round.
SMALL, LARGE = (50, 400), (5, 144)


@dataclass(frozen=True, slots=True)
class Row:
    """What was compared of one configuration."""

    config: Config
    seeds: tuple[int, int]  #: first and last
    tally: Tally
    seconds: float


class Different(Exception):
    """The engines part; the message shows where, and how to see it again."""


def rounds(config: Config, seed: int, moves: int, jobs: int) -> Row:
    """Play rounds until so many moves have been compared. Raises Different."""
    games, positions = LARGE if board(config.board).n > 100 else SMALL
    start, total, number = time.perf_counter(), Tally(), seed
    while True:
        plan = Plan(config, GameOptions(), number, games, positions)
        found = compare_all(plan, jobs, total.add)
        if found is not None:
            again = f"ringrift parity check --config {config} --seed {number} --only {found.name}"
            raise Different(f"{found.difference.report()}\n{again}")
        if total.moves >= moves:
            return Row(config, (seed, number), total, time.perf_counter() - start)
        number += 1


def totals(rows: Sequence[Row]) -> list[str]:
    """Markdown: one line per configuration, and the sum."""
    lines = [
        "| config | seeds | games | positions | moves | differences | moves/s |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        t = row.tally
        lines.append(
            f"| {row.config} | {row.seeds[0]} to {row.seeds[1]} | {t.games:,} | {t.positions:,} | "
            f"{t.moves:,} | 0 | {t.moves / row.seconds:,.0f} |"
        )
    games, positions, moves = (
        sum(getattr(row.tally, name) for row in rows) for name in ("games", "positions", "moves")
    )
    return [*lines, f"| all | | {games:,} | {positions:,} | {moves:,} | 0 | |"]


def cases(rows: Sequence[Row]) -> list[str]:
    """Markdown: how often each case occurred on each board; - where it cannot."""
    lines = [
        f"| rule | case | what | {' | '.join(BOARD_NAMES)} |",
        f"| --- | --- | --- |{' ---: |' * len(BOARD_NAMES)}",
    ]
    counts: dict[str, Counter[str]] = {name: Counter() for name in BOARD_NAMES}
    can: dict[str, set[str]] = {name: set() for name in BOARD_NAMES}
    for row in rows:
        counts[row.config.board].update(row.tally.cases)
        possible = occurrences.possible(row.config, GameOptions())
        can[row.config.board].update(case.name for case in possible)
    for case in occurrences.CASES:
        if any(case.name in can[name] for name in BOARD_NAMES):
            numbers = " | ".join(
                f"{counts[name][case.name]:,}" if case.name in can[name] else "-"
                for name in BOARD_NAMES
            )
            lines.append(f"| §{case.rule} | {case.name} | {case.about} | {numbers} |")
    return lines


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moves", type=int, default=30_000, help="per configuration, at least")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="default: the time")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--config", type=Config.parse, action="append", help="default: all twelve")
    arguments = parser.parse_args()
    rows = []
    try:
        for config in arguments.config or ALL_CONFIGS:
            row = rounds(config, arguments.seed, arguments.moves, arguments.jobs)
            sys.stderr.write(f"{config}: {row.tally.moves:,} moves in {row.seconds:.0f} s\n")
            rows.append(row)
    except Different as difference:
        sys.stdout.write(f"{difference}\n")
        return 1
    sys.stdout.write("\n".join([*totals(rows), "", *cases(rows)]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
