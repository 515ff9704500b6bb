"""The bar that commands show on stderr while they work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Tell(Protocol):
    """Moves a bar on."""

    def __call__(self, done: int, rate: str, more: str = "", *, total: int | None = None) -> None:
        """How many are done, how fast, what else there is to say, and of how many where that is known by now."""


@contextmanager
def counting_bar(title: str, total: int | None = None) -> Iterator[Tell]:
    """A bar with title, done of total, rate, time left and more; nothing where nobody may look.

    Where the terminal is narrow, rate and more take several lines, and nothing is left out.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.table import Column

    console = Console(stderr=True)
    bar = Progress(
        TextColumn(title),
        BarColumn(bar_width=20, table_column=Column(no_wrap=True)),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[rate]}", table_column=Column()),
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[more]}", table_column=Column()),
        console=console,
        transient=True,
        disable=not console.is_terminal,  # else it leaves an empty line in a log
    )
    with bar:
        task = bar.add_task("", total=total, rate="", more="")

        def tell(done: int, rate: str, more: str = "", *, total: int | None = None) -> None:
            bar.update(task, completed=done, rate=rate, more=more, total=total)

        yield tell
