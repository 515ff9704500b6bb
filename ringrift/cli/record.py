"""`ringrift record`: show, check and convert files of games, our own records and traces alike."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ringrift.cli.options import Colour, coloured
from ringrift.errors import BadInput, NegativeVerdict

if TYPE_CHECKING:
    from ringrift.data.game_files import StoredGame
    from ringrift.data.validate import Problem
    from ringrift.rules.lines import Fault, Lines

app = typer.Typer(help="Show, check and convert files of games.", no_args_is_help=True)

GameFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="records (.jsonl, .jsonl.zst) or traces (.jsonl, .jsonl.gz)"
    ),
]
#: Legal moves that are shown beside an illegal one.
SHOWN_MOVES = 8
#: Smaller files are done before anybody looks at a progress bar.
_BAR_FROM = 1 << 17


class Kind(StrEnum):
    """What `convert` writes."""

    RECORD = "record"
    TRACE = "trace"


@app.callback()
def _group() -> None:
    """Show, check and convert files of games: our own records, and traces."""
    # Texts of a file may hold letters that this terminal does not know.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")


@app.command()
def show(
    file: GameFile,
    game: Annotated[
        str | None, typer.Option(help="which game: its number from 1, or the start of its id")
    ] = None,
    move: Annotated[
        int | None, typer.Option(help="draw only the position after this move; 0: the start", min=0)
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="draw the position after every move")
    ] = False,
    colour: Colour = None,
) -> None:
    """Draw a game in the terminal, or list the games of a file that holds several.

    A move that is not legal ends the drawing; it is told with the legal moves, and exit code 1.
    """
    from ringrift.cli.game_text import ending, heading, position, whole
    from ringrift.data.game_files import IllegalMove, kind_of, moves_of, scan
    from ringrift.rules.lines import Fault, Lines

    games = scan(Lines(file), kind_of(file))
    if game is None:
        head = list(islice(games, 2))
        if len(head) != 1 or isinstance(head[0][1], Fault):
            if move is not None or every:
                raise BadInput(f"{file}: --game says which game; without it they are listed")
            _list(file, chain(head, games))
            return
        number, chosen = head[0]
    else:
        number, chosen = _choose(file, games, game)
    assert not isinstance(chosen, Fault)
    last = len(moves_of(chosen))
    if move is not None and move > last:
        raise BadInput(f"{file}:{number}: the game has {last} moves, not {move}")
    colours = coloured(colour)
    try:
        for line in heading(chosen, colour=colours):
            print(line)
        print()
        if move is not None:
            lines = position(chosen, move, colour=colours)
        else:
            lines = whole(chosen, every=every, colour=colours)
        for line in lines:
            print(line)
    except IllegalMove as error:
        print(_alternatives(error.legal))
        raise NegativeVerdict(f"{file}:{number}: {error}") from None
    except BadInput as error:
        raise BadInput(f"{file}:{number}: {error}") from None
    if move is None:
        print(f"\n{ending(chosen)}")


Scanned = Iterator[tuple[int, "StoredGame | Fault"]]


def _list(file: Path, games: Scanned) -> None:
    """A line for each game, and one for each line that is bad."""
    from ringrift.cli.game_text import title
    from ringrift.rules.lines import Fault

    count = bad = 0
    for number, game in games:
        if isinstance(game, Fault):
            bad += 1
            print(f"    -  line {number}: {game.reason}")
        else:
            count += 1
            print(f"{count:>5}  {title(game)}")
    if bad:
        raise NegativeVerdict(f"{file}: {count} games and {bad} faults")


def _choose(file: Path, games: Scanned, wanted: str) -> tuple[int, StoredGame]:
    """The game with this number, from 1, or whose id begins so; bad lines are passed over."""
    from ringrift.rules.lines import Fault

    count = bad = 0
    by_number = wanted.isascii() and wanted.isdigit() and len(wanted) < 8
    for number, game in games:
        if isinstance(game, Fault):
            bad += 1
            continue
        count += 1
        if (by_number and count == int(wanted)) or (wanted and game.id.startswith(wanted)):
            return number, game
    more = f", and {bad} bad lines (ringrift record validate tells)" if bad else ""
    raise BadInput(f"{file}: there is no game {wanted!r}, the file holds {count} games{more}")


def _alternatives(legal: Sequence[str]) -> str:
    """The legal moves nearest to one that is not, and how many there are."""
    if not legal:
        return "    no move is legal there"
    shown = "".join(f"    {move}\n" for move in legal[:SHOWN_MOVES])
    more = (
        f"    … {len(legal)} moves are legal, the nearest first" if len(legal) > SHOWN_MOVES else ""
    )
    return f"  legal there:\n{shown}{more}".rstrip()


@app.command()
def validate(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="files of games, or folders of such")
    ],
) -> None:
    """Replay every game and check all that a file says; exit code 1 if anything is wrong.

    A bad line is told with file, line number and reason, an illegal move with the legal ones
    nearest to it; the other lines are still read.
    """
    from ringrift.rules.lines import Lines

    opened = [Lines(path) for path in _files(files)]
    with _bar(opened) as advance:
        found = [_validated(lines, advance) for lines in opened]
    good, bad = sum(one.good for one in found), sum(one.bad for one in found)
    if len(found) > 1:
        moves = sum(one.moves for one in found)
        print(f"{len(found)} files: {good} good games, {moves} moves, {bad} faults")
    if bad:
        raise NegativeVerdict(f"{bad} faults beside {good} good games")


@dataclass(slots=True)
class _Validated:
    """What was found in a file."""

    good: int = 0
    bad: int = 0
    moves: int = 0
    #: Good games whose advisory ranks are other ones.
    other_ranks: int = 0


def _validated(lines: Lines, advance: Callable[[], None]) -> _Validated:
    """Check a file: print each fault, and a line about all of it."""
    from ringrift.data.validate import Problem, validate

    of = _Validated()
    for found in validate(lines):
        advance()
        if isinstance(found, Problem):
            of.bad += 1
            print(found)
            if found.legal:
                print(_alternatives(found.legal))
        else:
            of.good += 1
            of.moves += found.moves
            of.other_ranks += found.other_ranks
    ranks = f", {of.other_ranks} with other (advisory) ranks" if of.other_ranks else ""
    faults = f"{of.bad} faults" if of.bad else "no fault"
    print(f"{lines.path}: {of.good} good games, {of.moves} moves, {faults}{ranks}")
    return of


@app.command()
def convert(
    file: GameFile,
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="file to write; .zst or .gz compress; records may go to a folder, by their hash",
        ),
    ],
    to: Annotated[Kind, typer.Option(help="what to write")],
    force: Annotated[bool, typer.Option("--force", help="overwrite OUT")] = False,
    skip: Annotated[
        bool, typer.Option("--skip", help="leave out what is bad or cannot be held; exit code 1")
    ] = False,
) -> None:
    """Write the games of a file as traces or as records; the file is whole or not there.

    Every game is validated first. A game that the other format cannot hold is refused by name.
    """
    from ringrift.data.convert import convert as convert_file
    from ringrift.rules.lines import Lines

    lines = Lines(file)
    with _bar([lines]) as advance:

        def told(problem: Problem) -> None:
            print(f"left out: {problem}")

        made = convert_file(
            lines, out, to.value, force=force, skip=told if skip else None, advance=advance
        )
    left = f"; {made.decisions} decisions stay behind, a trace has no place for them"
    print(
        f"{made.path}: {made.games} games, {made.moves} moves as {to.value}s"
        + (left if made.decisions else "")
    )
    if made.skipped:
        raise NegativeVerdict(f"{made.skipped} games or lines of {file} were left out")


def _files(paths: list[Path]) -> list[Path]:
    """The files of games among files and folders; BadInput where one is missing."""
    from ringrift.data.game_files import SUFFIXES

    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = [p for p in sorted(path.iterdir()) if not p.name.startswith(".")]
            named = [p for p in inside if p.name.endswith(tuple(SUFFIXES))]
            if not named:
                raise BadInput(
                    f"{path}: no files of games (*{', *'.join(SUFFIXES)}) in this folder"
                )
            found += named
        elif path.exists():
            found.append(path)
        else:
            raise BadInput(f"{path}: no such file or folder")
    return found


@contextmanager
def _bar(files: Sequence[Lines]) -> Iterator[Callable[[], None]]:
    """A bar on stderr over the bytes of files, where they are large and somebody may look."""
    size = sum(lines.size for lines in files)
    if size < _BAR_FROM or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    bar = Progress(
        BarColumn(bar_width=30),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        # What is printed goes above the bar; but into a file where stdout is one.
        redirect_stdout=sys.stdout.isatty(),
    )
    with bar:
        task = bar.add_task("", total=size)
        yield lambda: bar.update(task, completed=sum(lines.consumed for lines in files))
