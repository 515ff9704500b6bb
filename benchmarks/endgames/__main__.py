"""Makes the set of solved endgames, and shows how searches come to the truth as simulations grow.

    python -m benchmarks.endgames make --config hex8:2 --count 30 [--first-seed 1]
    python -m benchmarks.endgames check
    python -m benchmarks.endgames table [--most 4096]

`make` takes minutes; `check` composes and solves all kept ones again, minutes too, exit code 1 if one is another; the
sets are kept in tests/data/endgames, each with its recipe. An endgame is kept when its
tree has 1,000 to 15,000 different positions and three or more decisions on its main line, and when every move of the
seat that decides either wins for certain or loses for certain. In half of them or more one ply is not enough.
"""

from __future__ import annotations

import argparse

from benchmarks.endgames.convergence import WAYS, search
from benchmarks.endgames.kept import KEPT, MOST, endgames, read, solved, write
from benchmarks.endgames.making import compose
from benchmarks.endgames.solver import Solver
from ringrift.configs import Config


def table(most: int) -> None:
    """Print winning choices and mean error of the value, a row for each set and rule, a column for each budget."""
    budgets = [16 * 4**i for i in range(10) if 16 * 4**i <= most]
    print("| endgames | rule | " + " | ".join(f"{n:,}" for n in budgets) + " |")
    print("|---|---|" + "---:|" * len(budgets))
    for config in KEPT:
        kept = read(config)
        for way in WAYS:
            cells = []
            for simulations in budgets:
                found = search(kept, simulations, way)
                cells.append(f"{sum(found.right)}, {found.error:.3f}")
            print(f"| {len(kept)} of {config} | {way} | " + " | ".join(cells) + " |", flush=True)


def check() -> int:
    """Compose and solve every kept endgame again; returns how many differ."""
    wrong = 0
    for config in KEPT:
        solver, kept = Solver(config, MOST), read(config)
        for e in kept:
            game = compose(config, e.seed)
            same = game is not None and solved(config, e.seed, game, solver) == e
            wrong += not same
            if not same:
                print(f"{config}, seed {e.seed}: not what is kept")
        print(f"{len(kept)} of {config} composed and solved again", flush=True)
    return wrong


def main() -> int:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("make")
    make.add_argument("--config", type=Config.parse, required=True)
    make.add_argument("--count", type=int, default=30)
    make.add_argument("--first-seed", type=int, default=1)
    commands.add_parser("check")
    shown = commands.add_parser("table")
    shown.add_argument("--most", type=int, default=4096)
    args = parser.parse_args()
    if args.command == "table":
        table(args.most)
    elif args.command == "check":
        return int(check() > 0)
    else:
        found = list(endgames(args.config, args.count, args.first_seed))
        print(write(args.config, found, args.first_seed))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
