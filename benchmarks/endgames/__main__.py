"""Makes the set of solved endgames, and shows how searches come to the truth as simulations grow.

    python -m benchmarks.endgames make --config hex8:2 --count 30 [--first-seed 1]
    python -m benchmarks.endgames table [--most 4096]

`make` takes minutes; the sets are kept in tests/data/endgames, each with its recipe. An endgame is kept when its
tree has 1,000 to 15,000 different positions and three or more decisions on its main line, and when every move of the
seat that decides either wins for certain or loses for certain. In half of them or more one ply is not enough.
"""

from __future__ import annotations

import argparse

from benchmarks.endgames.convergence import WAYS, search
from benchmarks.endgames.kept import KEPT, endgames, read, write
from ringrift.configs import Config


def table(most: int) -> None:
    """Print share of winning choices and mean error of the value, by set, rule and simulations."""
    print("| endgames | rule | simulations | winning choice | error of the value |")
    print("|---|---|---:|---:|---:|")
    for config in KEPT:
        kept = read(config)
        for way in WAYS:
            simulations = 16
            while simulations <= most:
                found = search(kept, simulations, way)
                right = sum(found.right)
                print(
                    f"| {len(kept)} of {config} | {way} | {simulations:,} "
                    f"| {right}, {100 * found.share_right:.0f}% | {found.error:.3f} |"
                )
                simulations *= 4


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("make")
    make.add_argument("--config", type=Config.parse, required=True)
    make.add_argument("--count", type=int, default=30)
    make.add_argument("--first-seed", type=int, default=1)
    shown = commands.add_parser("table")
    shown.add_argument("--most", type=int, default=4096)
    args = parser.parse_args()
    if args.command == "table":
        table(args.most)
    else:
        found = list(endgames(args.config, args.count, args.first_seed))
        print(write(args.config, found, args.first_seed))


if __name__ == "__main__":
    main()
