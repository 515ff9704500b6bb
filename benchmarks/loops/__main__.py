"""The three loops at work on this machine: ``python -m benchmarks.loops --minutes 40 --report docs/loops.md``.

Starts broker and workers, a master loop beside them, and a continuous loop, which defers to it. After a third of the
time the master is killed with -9, and the continuous loop takes over; after another third a master is started again,
and the continuous loop yields. At each step `ringrift status`, leases and events are kept.

Exit code 0 when everything that must hold does, 1 when something does not (the state directory is kept then), 2 for
wrong arguments, 130 after Ctrl-C, which stops everything in order. The report is written in each case.

    --minutes 0     as short as the steps allow, with work of seconds: what the tests do
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from benchmarks.loops.command import CONFIGS, Place
from benchmarks.loops.judge import Book, judge
from benchmarks.loops.report import page
from benchmarks.loops.story import Plot, Story
from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.settings import Settings

FOLDER = Path(__file__).resolve().parent

#: Settings of a long story, and of a short one: (file, games of the continuous loop's runs, its rest in seconds).
LONG = (FOLDER / "minutes.yaml", 240, 10.0)
SHORT = (FOLDER / "seconds.yaml", 10, 0.0)

#: Minutes from which on the long settings hold.
LONG_MINUTES = 5.0


def main(arguments: list[str] | None = None) -> int:
    """Play the story; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.loops",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--minutes", type=float, default=40.0, help="of work, a third for each (40)"
    )
    parser.add_argument(
        "--config",
        action="append",
        metavar="BOARD:PLAYERS",
        help=f"again and again ({' '.join(CONFIGS)})",
    )
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="write the page there (else print it)"
    )
    parser.add_argument(
        "--home",
        type=Path,
        metavar="FOLDER",
        help="a new state directory, kept (else one that is removed)",
    )
    parser.add_argument(
        "--settings", type=Path, metavar="FILE", help="other settings than those beside this"
    )
    parser.add_argument(
        "--patience", type=float, default=900.0, help="seconds that a step may take (900)"
    )
    given = parser.parse_args(arguments)
    try:
        place, plot = planned(given)
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return play(place, plot, given.report, keep=given.home is not None)


def planned(given: argparse.Namespace) -> tuple[Place, Plot]:
    """The arguments, checked. Raises BadInput."""
    if not 0 <= given.minutes <= 10_000:
        raise BadInput(f"--minutes {given.minutes:g}: expected 0 to 10000")
    if given.patience <= 0:
        raise BadInput(f"--patience {given.patience:g}: expected more than 0")
    configs = tuple(str(Config.parse(name)) for name in given.config or CONFIGS)
    settings, games, cooldown = LONG if given.minutes >= LONG_MINUTES else SHORT
    settings = (given.settings or settings).resolve()
    read = Settings.load(settings).selfplay
    if games in (read.games_per_iteration, read.first_games):
        raise BadInput(
            f"{settings.name}: selfplay has runs of {games} games, as the continuous loop would have: "
            "then nobody could tell who opened a run"
        )
    if given.home is not None and given.home.exists() and any(given.home.iterdir()):
        raise BadInput(f"--home {given.home}: expected a new or empty folder")
    home = given.home or Path(tempfile.mkdtemp(prefix="ringrift-loops-"))
    home.mkdir(parents=True, exist_ok=True)
    # A copy: all commands must have the same settings, whoever edits the file meanwhile.
    own = Path(shutil.copy(settings, home.resolve()))
    place = Place(home.resolve(), own, configs)
    return place, Plot(given.minutes * 60 / 3, games, cooldown, given.patience)


def play(place: Place, plot: Plot, report: Path | None, *, keep: bool) -> int:
    """Do it, judge it, write it down."""
    print(f"state directory {place.home}", flush=True)
    told = Story(place, plot, lambda line: print(line, flush=True)).play()
    book = Book.read(place, plot, told.beside)
    checks = judge(told, book, place.configs)
    text = page(told, book, checks, place, plot)
    if report is None:
        print(text)
    else:
        report.write_text(text, encoding="utf-8")
        print(f"report   {report}")
    for check in checks:
        print(f"{'ok    ' if check.holds else 'FAILED'}  {check.must}: {check.found}")
    good = all(check.holds for check in checks)
    if good and not keep:
        shutil.rmtree(place.home, ignore_errors=True)
    elif not good:
        print(f"kept     {place.home}")
    if told.broken == "interrupted":
        return 130
    return 0 if good else 1


if __name__ == "__main__":
    # A shell starts what it runs in the background with Ctrl-C ignored, and the commands would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
