"""Does anything notice when a rule is broken? ``python -m benchmarks.mutations [--only NAME] [--json]``.

Each mutation of benchmarks/mutations.txt breaks one rule of the compiled engine in a copy of the
package. The copy plays in lockstep with the oracle (games and set-up positions, as ``ringrift parity
check``) until the first difference; where there is none, it replays the shipped traces. The table
says what noticed each mutation, after how many moves. Exit code 1 if one survives.

The kernels run as plain Python (NUMBA_DISABLE_JIT), so that nothing is compiled: hundreds of moves a
second on the small boards. The first row is the engine as it is; it must survive.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TABLE = Path(__file__).with_suffix(".txt")
KERNELS = Path("ringrift", "rules", "kernels")
TRACES = ROOT / "tests" / "data" / "traces"

#: Small boards with each number of players, each line length, and both adjacencies.
CONFIGS = ("square8:3", "hex8:2", "square8:2", "hex8:4", "hex8:3", "square8:4")

#: A mutation may make the engine hang; that is noticed too.
PATIENCE = 900.0

#: Plain Python notices by itself what compiled code would not: an index or a number out of range.
FAULTS = (ArithmeticError, LookupError, ValueError)

#: One comparison: what was looked at, moves compared, the difference in one line or None.
Look = Callable[[], tuple[str, int, str | None]]

#: The engine as it is.
CONTROL = "(none)"


@dataclass(frozen=True, slots=True)
class Mutation:
    """One rule broken."""

    name: str
    #: Section of docs/rules.md.
    section: str
    #: File among the kernels.
    file: str
    #: What the engine does then.
    what: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Budget:
    """How long each mutation is looked for: per config so many games and set-up positions."""

    games: int
    positions: int
    seed: int
    #: Whether the shipped traces are replayed after that.
    traces: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mutation."""

    name: str
    section: str
    what: str
    #: What noticed it: "lockstep square8:3 position-4", "trace hex8_2p.jsonl.gz"; None: nothing.
    caught_by: str | None
    #: The difference in one line.
    said: str
    #: Moves compared until then.
    moves: int
    seconds: float


def mutations(table: Path = TABLE) -> list[Mutation]:
    """The table, read."""
    found = []
    for block in table.read_text(encoding="utf-8").split("\n\n"):
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        if not lines:
            continue
        name, section, file = lines[0].split()
        old = "\n".join(line[2:] for line in lines[2:] if line.startswith("- "))
        new = "\n".join(line[2:] for line in lines[2:] if line.startswith("+ "))
        found.append(Mutation(name, section.removeprefix("§"), file, lines[1], old, new))
    return found


def apply(mutation: Mutation, package: Path) -> None:
    """Break the rule in a copy of the package; ValueError if the text is not there exactly once."""
    path = package / KERNELS.relative_to("ringrift") / mutation.file
    text = path.read_text(encoding="utf-8")
    count = text.count(mutation.old)
    if count != 1:
        raise ValueError(f"{mutation.name}: its text occurs {count} times in {mutation.file}")
    path.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")


def _widen(boards: Path) -> None:
    """Make the tables of the boards int64: in plain Python int16 does not become wider by itself."""
    text = boards.read_text(encoding="utf-8")
    boards.write_text(text.replace("np.int16", "np.int64"), encoding="utf-8")


def check(mutation: Mutation | None, budget: Budget) -> Outcome:
    """Run a mutated copy (None: an unchanged one) in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="ringrift-mutation-") as name:
        folder = Path(name)
        shutil.copytree(
            ROOT / "ringrift",
            folder / "ringrift",
            ignore=shutil.ignore_patterns("__pycache__", "default_config"),
        )
        _widen(folder / "ringrift" / "rules" / "boards.py")
        if mutation is not None:
            apply(mutation, folder / "ringrift")
        found = _child(folder, budget)
    about = mutation or Mutation(CONTROL, "", "", "the engine as it is", "", "")
    return Outcome(about.name, about.section, about.what, **found)


def _child(folder: Path, budget: Budget) -> dict[str, Any]:
    environ = {
        **os.environ,
        "PYTHONPATH": str(folder),
        "PYTHONSAFEPATH": "1",  # else this folder's parent, with the real package, comes first
        "NUMBA_DISABLE_JIT": "1",
        "RINGRIFT_KERNEL_CACHE": str(folder / "cache"),
    }
    started = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, str(Path(__file__).resolve()), "--child", json.dumps(asdict(budget))],
            env=environ,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        seconds = time.monotonic() - started
        return {"caught_by": "time", "said": "it hangs", "moves": 0, "seconds": seconds}
    if done.returncode != 0:
        raise RuntimeError(f"the check itself failed:\n{done.stderr[-2000:]}")
    return {**json.loads(done.stdout.splitlines()[-1]), "seconds": time.monotonic() - started}


# -- in the process of one mutation --------------------------------------------------------------


def child(budget: Budget) -> dict[str, Any]:
    """Compare the copy with the oracle, then with the traces, until the first difference."""
    import ringrift

    assert Path(ringrift.__file__).parent.parent == Path.cwd(), "the copy is what is tested"
    moves = 0
    for look in _looks(budget):
        about, compared, said = look()
        moves += compared
        if said is not None:
            return {"caught_by": about, "said": said, "moves": moves}
    return {"caught_by": None, "said": "", "moves": moves}


def _looks(budget: Budget) -> Iterator[Look]:
    """One comparison after the other."""
    from ringrift.configs import Config
    from ringrift.parity.check import Plan, Tally, compare
    from ringrift.parity.gate import check_file
    from ringrift.parity.shadow import reason
    from ringrift.rules.game import GameOptions

    def lockstep(config: str) -> tuple[str, int, str | None]:
        options, tally = GameOptions(), Tally()
        plan = Plan(Config.parse(config), options, budget.seed, budget.games, budget.positions)
        try:
            found = compare(plan, plan.names(), tally.add)
        except FAULTS as error:
            return f"lockstep {config}", tally.moves, f"{type(error).__name__}: {error}"
        if found is None:
            return f"lockstep {config}", tally.moves, None
        return f"lockstep {config} {found.name}", tally.moves, reason(found.difference)

    def trace(path: Path) -> tuple[str, int, str | None]:
        try:
            report = check_file(path)
        except FAULTS as error:
            return f"trace {path.name}", 0, f"{type(error).__name__}: {error}"
        if not report.differences:
            return f"trace {path.name}", report.moves, None
        first = report.differences[0]
        said = f"game {first.game}, move {first.move}: {first.subject}"
        return f"trace {path.name}", report.moves, said

    for config in CONFIGS:
        yield partial(lockstep, config)
    for path in sorted(TRACES.glob("*.jsonl.gz"), key=_small_first) if budget.traces else ():
        yield partial(trace, path)


def _small_first(path: Path) -> tuple[bool, str]:
    return not path.name.startswith(("hex8", "square8")), path.name


# -- the whole ---------------------------------------------------------------------------------------


def run(
    chosen: Sequence[Mutation | None], budget: Budget, jobs: int, told: Callable[[Outcome], None]
) -> list[Outcome]:
    """Check mutations on several processes; `told` of each in the order of the table."""
    outcomes = []
    with ThreadPoolExecutor(jobs) as pool:
        for task in [pool.submit(check, one, budget) for one in chosen]:
            outcomes.append(task.result())
            told(outcomes[-1])
    return outcomes


def line(outcome: Outcome) -> str:
    """One row of the table."""
    by = outcome.caught_by or ("nothing, as it should be" if outcome.name == CONTROL else "NOTHING")
    section = f"§{outcome.section}" if outcome.section else ""
    return (
        f"{outcome.name:<26} {section:<7} {by:<34} {outcome.moves:>7} moves "
        f"{outcome.seconds:>6.1f} s  {outcome.said[:90]}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutations", description=__doc__)
    parser.add_argument("--only", action="append", metavar="NAME", help="only this one; repeatable")
    parser.add_argument("--games", type=int, default=10, help="whole games per config")
    parser.add_argument("--positions", type=int, default=60, help="set-up positions per config")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-traces", action="store_true", help="lockstep alone")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.child is not None:
        print(json.dumps(child(Budget(**json.loads(given.child)))))
        return 0
    table = mutations()
    names = {mutation.name for mutation in table}
    unknown = sorted(set(given.only or ()) - names)
    if unknown:
        print(f"no mutation {unknown[0]!r}; there are {', '.join(sorted(names))}", file=sys.stderr)
        return 2
    chosen = [m for m in table if given.only is None or m.name in given.only]
    budget = Budget(given.games, given.positions, given.seed, traces=not given.no_traces)

    def told(outcome: Outcome) -> None:
        if not given.json:
            print(line(outcome), flush=True)

    outcomes = run([None, *chosen], budget, given.jobs, told)
    control, rest = outcomes[0], outcomes[1:]
    survivors = [outcome for outcome in rest if outcome.caught_by is None]
    if given.json:
        print(json.dumps([asdict(outcome) for outcome in outcomes], indent=1))
    else:
        slowest = max((outcome.moves for outcome in rest), default=0)
        print(
            f"{len(rest) - len(survivors)} of {len(rest)} mutations noticed, the slowest after "
            f"{slowest} moves" + "".join(f"; SURVIVES: {s.name}" for s in survivors)
        )
    if control.caught_by is not None:
        print("void: the engine as it is differs from the oracle", file=sys.stderr)
    return int(bool(survivors) or control.caught_by is not None)


if __name__ == "__main__":
    sys.exit(main())
