"""Fuzzes every reader of the project: ``python -m benchmarks.fuzz --minutes 10``.

Valid inputs are spoiled and read. A reader may accept what is right, and must refuse everything else
with a BadInput of one line; what it accepts must round trip. Anything else is a finding: another
exception, a crash, an input that takes a minute, or more than a gigabyte of memory. Findings are
printed with seed and number, their inputs saved, and the exit code is 1.

    records    files of game records, packed or not: read strictly, on after faults, replayed
    traces     files of traces: the same, and compared as by the gate
    canonical  canonical states and state+: set up, read back, drawn, played to the end
    notation   texts of moves, against the legal list
    config     settings files, variables, names of configs
    protocol   lines to the engine (UGI), in one process
    pipe       the same to `ringrift engine` as a child at the end of a pipe
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.fuzzing.protocol import Pipe, Protocol
from benchmarks.fuzzing.readers import Canonical, Notation, Records, SettingsFiles, Traces
from benchmarks.fuzzing.watch import Finding, Maker, Tally, make_input, try_input, watch
from ringrift.errors import nearest

READERS: dict[str, Maker] = {
    reader.name: reader
    for reader in (Records, Traces, Canonical, Notation, SettingsFiles, Protocol, Pipe)
}


def main(arguments: list[str] | None = None) -> int:
    """Fuzz what was asked for; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fuzz",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="in all; shared evenly")
    parser.add_argument("--seed", type=int, default=0, help="another seed makes other inputs")
    parser.add_argument("--only", nargs="+", metavar="READER", help=", ".join(READERS))
    parser.add_argument("--count", type=int, default=sys.maxsize, help="inputs per reader at most")
    parser.add_argument(
        "--save", type=Path, default=Path("fuzz-findings"), help="folder for inputs with findings"
    )
    parser.add_argument("--input", type=Path, help="read one saved input again, with --only READER")
    given = parser.parse_args(arguments)
    names = given.only or list(READERS)
    for name in names:
        if name not in READERS:
            print(f"unknown reader {name!r}: {nearest(name, READERS)}", file=sys.stderr)
            return 2
    if given.input is not None:
        return again(names[0], given.input)
    tallies = []
    for name in names:
        share = given.minutes * 60 / len(names)
        tally = watch(READERS[name], name, given.seed, share, given.count)
        row(tally)
        for finding in tally.findings:
            save(finding, given.seed, given.save)
        tallies.append(tally)
    inputs = sum(t.accepted + t.rejected + len(t.findings) for t in tallies)
    findings = sum(len(t.findings) for t in tallies)
    print(f"{inputs} inputs of {len(tallies)} readers, seed {given.seed}: {findings} findings")
    return 1 if findings else 0


def row(tally: Tally) -> None:
    """One line about a reader."""
    inputs = tally.accepted + tally.rejected + len(tally.findings)
    print(
        f"{tally.reader:<10} {inputs:>8} inputs  {tally.accepted:>7} accepted  "
        f"{tally.rejected:>8} rejected  {len(tally.findings):>3} findings  "
        f"{inputs / max(tally.seconds, 1e-9):>7.0f}/s  {tally.peak:>5} MiB",
        flush=True,
    )


def save(finding: Finding, seed: int, folder: Path) -> None:
    """Print a finding, and write its input."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{finding.reader}-{seed}-{finding.number}.bin"
    with tempfile.TemporaryDirectory() as name:
        path.write_bytes(make_input(READERS[finding.reader](Path(name)), seed, finding.number))
    print(f"  {path}: {' '.join(finding.what.split())[:500]}", flush=True)


def again(name: str, path: Path) -> int:
    """Read one saved input in this process."""
    with tempfile.TemporaryDirectory() as folder:
        found = try_input(READERS[name](Path(folder)), 0, path.read_bytes())
    print(found.what if isinstance(found, Finding) else "accepted" if found else "rejected")
    return int(isinstance(found, Finding))


if __name__ == "__main__":
    sys.exit(main())
