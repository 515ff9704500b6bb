"""Plays thousands of simulated histories: ``python -m benchmarks.histories --count 1000 [--seed S]``.

Each history is one life of a small cluster, in which messages are lost, doubled, late and out of
order, processes die and stand still at any step, the broker goes away or forgets everything, and
masters take over from each other; what it does follows from its seed. After every commit, and at
the end, the judge looks at the ledger (benchmarks/histories/judge.py). The first seed whose history
is wrong is printed with what happened, and the exit code is 1.

    --replay SEED     one history, told in full
    --mutants         the same with broken coordination: each must be noticed

Exit code 3: a process that played did not come back; which seed it had, and how it ended, is said.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from contextlib import closing
from functools import partial

from benchmarks.histories.mutants import PATCHES, broken
from benchmarks.histories.play import History, brief, noticed, play
from benchmarks.histories.spread import Ended, spread
from ringrift.errors import nearest

#: Lines of a wrong history that are printed.
TOLD = 80

#: Seconds between two lines of progress.
PROGRESS_SECONDS = 10.0


def main(arguments: list[str] | None = None) -> int:
    """Play what was asked for; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.histories",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=1000, help="histories (1000)")
    parser.add_argument("--seed", type=int, default=0, help="the first seed; they count up (0)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (1)")
    parser.add_argument("--replay", type=int, metavar="SEED", help="tell one history in full")
    parser.add_argument("--mutants", action="store_true", help="with broken coordination")
    parser.add_argument("--mutant", metavar="NAME", help=f"one of {', '.join(PATCHES)}")
    given = parser.parse_args(arguments)
    if given.count < 1 or given.jobs < 1:
        print("--count and --jobs: expected 1 or more", file=sys.stderr)
        return 2
    if given.mutant is not None and given.mutant not in PATCHES:
        print(f"unknown mutant {given.mutant!r}: {nearest(given.mutant, PATCHES)}", file=sys.stderr)
        return 2
    if given.replay is not None:
        return replay(given.replay, given.mutant)
    seeds = range(given.seed, given.seed + given.count)
    try:
        if given.mutants or given.mutant:
            return mutants([given.mutant] if given.mutant else list(PATCHES), seeds, given.jobs)
        return many(seeds, given.jobs)
    except Ended as error:
        print(error, file=sys.stderr)
        return 3


def many(seeds: range, jobs: int) -> int:
    """Play until one is wrong."""
    started = said = time.monotonic()
    total: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    with closing(spread(brief, list(seeds), jobs)) as played:
        for number, history in enumerate(played, 1):
            total.update(
                events=history.events,
                commits=history.commits,
                deaths=history.deaths,
                masters=history.fences,
            )
            outcomes.update(history.outcomes)
            now = time.monotonic()
            last = number == len(seeds) or history.wrong is not None
            if last or now - said > PROGRESS_SECONDS:
                said = now
                ends = ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items()))
                print(
                    f"{number} of {len(seeds)} histories, {number / (now - started):.1f}/s: "
                    f"{total['events']} events, {total['commits']} commits, "
                    f"{total['deaths']} deaths, {total['masters']} masters; runs: {ends}",
                    flush=True,
                )
            if history.wrong is not None:
                tell(history, TOLD)
                return 1
    print("nothing wrong")
    return 0


def mutants(names: list[str], seeds: range, jobs: int) -> int:
    """Look for each broken part until it is noticed; 1 if one is not."""
    missed = 0
    with closing(spread(partial(noticed, seeds), names, jobs)) as looked:
        for name, found in zip(names, looked, strict=True):
            if found is None:
                missed += 1
                print(f"{name:<10} not noticed in {len(seeds)} histories", flush=True)
            else:
                print(f"{name:<10} seed {found[0]}: {found[1]}", flush=True)
    return 1 if missed else 0


def replay(seed: int, mutant: str | None) -> int:
    """Tell one history in full."""
    if mutant is None:
        history = play(seed)
    else:
        with broken(mutant):
            history = play(seed)
    tell(history, len(history.lines))
    return 0 if history.wrong is None else 1


def tell(history: History, lines: int) -> None:
    """Print the end of a history."""
    for at, text in history.lines[-lines:]:
        print(f"{at:>9.1f} s  {text}")
    print(f"seed {history.seed}: {history.wrong or 'nothing wrong'}")
    if history.wrong is not None:
        print(f"again: python -m benchmarks.histories --replay {history.seed}")


if __name__ == "__main__":
    sys.exit(main())
