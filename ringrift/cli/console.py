"""The console of a loop: what it decides and how far everything is, for as long as somebody looks.

Three ways to say the same: a screen that is drawn anew in a terminal, plain lines for a log, and
lines of JSON for a program.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from ringrift.errors import RingRiftError

#: State of a run that is not closed: `store.runs.OPEN`, without loading the store.
OPEN = "open"

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from ringrift.pipeline.context import Context
    from ringrift.pipeline.overview import Overview
    from ringrift.store.events import EventRow

#: Seconds between two looks at events and processes.
LOOK_SECONDS = 1.0

#: Seconds between two looks at everything, and at least so many times as long as one takes.
STATUS_SECONDS, STATUS_TIMES = 2.0, 10.0

#: Seconds between two plain lines about the same stage of a config, and two of the state as JSON.
LINE_SECONDS = 30.0

#: Events of the past that a console begins with.
PAST_EVENTS = 5

#: What stands out on the screen.
STYLES = {
    r"(?m)^(state|master|broker|workers|queues|failures|files|continuous|processes) ": "dim",
    r"(?m)^(hex8|hexagonal|square8|square19):[234]": "bold",
    r"(?m)^config .*$": "underline",
    r"at work": "green",
    r"DEFERRED|being started again|circuit open|(?<=^master     )none": "yellow",
    r"BROKEN|WARNING|DIFFERENT|(?m:^quarantine)": "red",
}

#: Columns of a plain line.
WIDTH = 160


@dataclass(frozen=True, slots=True)
class Part:
    """A process that a console tells of."""

    name: str
    #: None while it does not run.
    process: int | None
    #: How often it was started again.
    restarts: int = 0

    def __str__(self) -> str:
        """As the first line of the screen has it."""
        if self.process is None:
            return f"{self.name} (being started again)"
        return self.name + (f" (started again {self.restarts}×)" if self.restarts else "")


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen at one look."""

    at: float
    #: What happened since the last one, oldest first.
    events: Sequence[EventRow]
    #: None where the ledger could not be read.
    overview: Overview | None
    #: Our own processes; none where we only look on.
    parts: Sequence[Part] = ()
    #: What goes wrong with looking itself.
    trouble: str = ""

    @property
    def starting(self) -> bool:
        """Whether nobody is master yet, and a beat of ours is about to be."""
        beats = any(part.name == "beat" and part.process is not None for part in self.parts)
        return beats and self.overview is not None and self.overview.master.state == "free"


@dataclass(slots=True)
class Observer:
    """Looks at the ledger again and again; each event is seen once."""

    ctx: Context
    clock: Callable[[], float] = time.time
    #: Number of the last event that was seen.
    _last: int | None = field(default=None)
    _overview: Overview | None = field(default=None)
    #: When to look at everything again.
    _due: float = field(default=0.0)

    def look(self, parts: Sequence[Part] = ()) -> Look:
        """Look once; never raises for what may pass: a busy ledger, a broker that is away."""
        try:
            seen = self._events()
            if self.clock() >= self._due:
                self._overview = self._everything()
        except RingRiftError as error:
            return Look(self.clock(), [], None, parts, str(error))
        return Look(self.clock(), seen, self._overview, parts)

    def _everything(self) -> Overview:
        from ringrift.celery_look import look
        from ringrift.pipeline.overview import overview

        begun = self.clock()
        found = overview(self.ctx, look(self.ctx.home))
        ended = self.clock()
        self._due = ended + max(STATUS_SECONDS, STATUS_TIMES * (ended - begun))
        return found

    def _events(self) -> list[EventRow]:
        from ringrift.store import events

        with self.ctx.ledger.read() as tx:
            if self._last is None:
                found = events.last_events(tx, PAST_EVENTS)
            else:
                found = events.list_events(tx, after=self._last)
        self._last = found[-1].seq if found else self._last or 0
        return found


class View(Protocol):
    """One way to show looks."""

    def say(self, line: str) -> None:
        """Show a line that stays."""
        ...

    def show(self, look: Look) -> None:
        """Show what was seen."""
        ...

    def __enter__(self) -> Self:
        """Begin to show."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Put away what is kept open; lines keep nothing."""
        return  # a body, so that views need not say the same


def sentences(found: Overview) -> Iterator[tuple[str, str, str]]:
    """Name, stage and one sentence of each config."""
    from ringrift.cli.status_text import beside_text
    from ringrift.cli.watch import TITLES, clock

    for one in found.configs:
        stage, words = one.stage, TITLES.get(one.stage, "")
        if one.run is not None:
            stage = f"{one.run.label} {one.run.state} {stage}"
            if one.run.state != OPEN:
                words = f"{one.run.outcome}"
            words = f"{one.run.label} {words}; "
        eta = "" if one.eta_seconds is None else f", about {clock(one.eta_seconds)} to go"
        beside = f"; {beside_text(one)}" if one.beside else ""
        yield one.config, stage, f"{words}waits for {one.waits_for}{eta}{beside}"


def steering(found: Overview) -> str:
    """Who holds the master lease, as far as it changes when another one does."""
    master = found.master
    return f"{master.state} {master.owner} {master.fence}"


class Lines(View):
    """Plain lines: each event, each change of a config, and now and then how far it is."""

    def __init__(self, write: Callable[[str], None] | None = None) -> None:
        self._write = write or _print
        #: config -> (stage, sentence, when it was said).
        self._told: dict[str, tuple[str, str, float]] = {}
        self._trouble = self._master = ""

    def say(self, line: str) -> None:
        """Print it with the time."""
        self._write(f"{time.strftime('%H:%M:%S')}  {line}")

    def show(self, look: Look) -> None:
        """Print what is new."""
        from ringrift.cli.events import brief
        from ringrift.cli.status_text import master_text

        for event in look.events:
            self._write(brief(event)[:WIDTH])
        if look.trouble and look.trouble != self._trouble:
            self.say(look.trouble)
        self._trouble = look.trouble
        if look.overview is None:
            return
        if steering(look.overview) != self._master:
            self._master = steering(look.overview)
            self.say(f"master       {master_text(look.overview)}")
        for name, stage, sentence in sentences(look.overview) if not look.starting else ():
            known = self._told.get(name)
            fresh = known is None or known[0] != stage
            later = known is not None and look.at - known[2] >= LINE_SECONDS
            if fresh or (later and known is not None and known[1] != sentence):
                self._told[name] = (stage, sentence, look.at)
                self.say(f"{name:<12} {sentence}")


class JsonLines(View):
    """A line of JSON for each event and for each change of the state, ``{"event": …}`` or ``{"status": …}``."""

    def __init__(self, write: Callable[[str], None] | None = None) -> None:
        self._write = write or _print
        self._last: tuple[str, float] = ("", 0.0)

    def say(self, line: str) -> None:
        """``{"said": …}``."""
        self._write(json.dumps({"at": time.time(), "said": line}))

    def show(self, look: Look) -> None:
        """Write what is new; the state again when master or stages changed, else now and then."""
        from ringrift.cli.status import as_plain

        for event in look.events:
            self._write(json.dumps({"at": look.at, "event": event.as_dict()}))
        if look.trouble:
            self._write(json.dumps({"at": look.at, "trouble": look.trouble}))
        if look.overview is None:
            return
        known = [(name, stage) for name, stage, _ in sentences(look.overview)]
        state = json.dumps([steering(look.overview), known])
        if state != self._last[0] or look.at - self._last[1] >= LINE_SECONDS:
            self._last = (state, look.at)
            parts = [
                {"name": p.name, "process": p.process, "restarts": p.restarts} for p in look.parts
            ]
            status = as_plain(look.overview)
            self._write(json.dumps({"at": look.at, "status": status, "parts": parts}))


class Screen(View):
    """A screen that is drawn anew at each look; lines that stay, and events, move up above it."""

    def __init__(self, hint: str, console: Console | None = None) -> None:
        """hint: the last line, such as what Ctrl-C does."""
        from rich.console import Console
        from rich.live import Live

        self._hint = hint
        self._console = console or Console()
        self._live = Live(console=self._console, auto_refresh=False)

    def say(self, line: str) -> None:
        """Print it above the screen, with the time."""
        self._above(f"{time.strftime('%H:%M:%S')}  {line}")

    def show(self, look: Look) -> None:
        """Draw everything."""
        from ringrift.cli.events import brief

        for event in look.events:
            self._above(brief(event))
        self._live.update(self._frame(look), refresh=True)

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """The last picture stays."""
        self._live.stop()

    def _above(self, text: str) -> None:
        self._live.console.print(
            text, highlight=False, markup=False, no_wrap=True, overflow="ellipsis", crop=True
        )

    def _frame(self, look: Look) -> RenderableType:
        """Everything but the events, as tall as the terminal at most."""
        from rich.text import Text

        from ringrift.cli.status_text import cut, head_lines, screen

        room = max(3, self._console.height - 2)
        lines = [time.strftime("%H:%M:%S", time.localtime(look.at)).rjust(self._console.width)]
        if look.parts:
            lines.append("processes  " + " · ".join(map(str, look.parts)))
        if look.trouble:
            lines.append(look.trouble)
        if look.overview is not None and look.starting:
            lines += [cut(line, self._console.width) for line in head_lines(look.overview)]
            lines += ["", "beat is about to take the lease …"]
        elif look.overview is not None:
            lines += screen(look.overview, self._console.width, room - len(lines))
        if len(lines) > room:
            lines = [*lines[: room - 1], f"… {len(lines) - room + 1} more lines: ringrift status"]
        drawn = Text("\n".join(lines), no_wrap=True, overflow="ellipsis")
        for pattern, style in STYLES.items():
            drawn.highlight_regex(pattern, style)
        return drawn.append(f"\n{self._hint}", "dim")


def view(as_json: bool, hint: str) -> View:
    """The way to show looks that suits who reads: a program, a terminal, or a log."""
    if as_json:
        return JsonLines()
    return Screen(hint) if sys.stdout.isatty() else Lines()


def _print(line: str) -> None:
    print(line, flush=True)
