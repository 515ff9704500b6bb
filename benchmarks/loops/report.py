"""The story as a page: what must hold, the iterations, and each step with its status and its events."""

from __future__ import annotations

import platform
import re
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.loops.command import CONFIGS, Place
from benchmarks.loops.judge import Book, Check
from benchmarks.loops.story import Moment, Plot, Told
from benchmarks.machine import describe
from ringrift.pipeline.lease import Holder
from ringrift.store import runs
from ringrift.store.events import EventRow

#: Fields of events that are shown, in this order; the others are in `ringrift events list --json`.
SHOWN = (
    *(
        "iteration",
        "shards",
        "games",
        "rows",
        "steps",
        "loss_after",
        "outcome",
        "positions",
        "needed",
    ),
    *("lease", "fence", "loop", "node", "queue", "workers", "slots", "before"),
    *("stage", "breaker", "failures", "error", "reason"),
)

#: Letters of a field, and of a line.
WORD, LINE = 90, 150


def page(told: Told, book: Book, checks: Sequence[Check], place: Place, plot: Plot) -> str:
    """The whole page, in markdown; names of this machine and its folders are taken out."""
    parts = [
        *_head(told, checks, place, plot),
        *_checks(checks),
        *_times(told, book),
        *_idle(told, book),
        *_iterations(told, book),
        *_steps(told),
    ]
    return clean("\n".join(parts) + "\n", place.home)


def clean(text: str, home: Path) -> str:
    """The text without what belongs to one machine."""
    for path in sorted({str(home), str(home.resolve())}, key=len, reverse=True):
        text = text.replace(path, "$RINGRIFT_HOME")
    text = text.replace(str(Path(__file__).resolve().parents[2]) + "/", "")
    return re.sub(rf"\b{re.escape(socket.gethostname())}\b", "host", text)


def _head(told: Told, checks: Sequence[Check], place: Place, plot: Plot) -> Iterator[str]:
    machine = describe()
    minutes = (told.moments[-1].at - told.started) / 60 if told.moments else 0.0
    verdict = "All of it holds." if all(c.holds for c in checks) else "**Not all of it holds.**"
    yield "# The loops at work"
    yield ""
    yield (
        f"{minutes:.0f} minutes of the master loop over {', '.join(place.configs)} on the embedded parts, with a "
        "continuous loop that defers, takes over when the master is killed with -9, and yields when it is back. "
        f"{verdict}"
    )
    yield ""
    yield "This page is what the program wrote:"
    yield ""
    yield "```"
    yield f"python -m benchmarks.loops --minutes {plot.work_seconds * 3 / 60:g} --report docs/loops.md"
    yield "```"
    yield ""
    yield (
        f"On {machine['cores']} cores ({machine['cpu']}), Python {platform.python_version()}, with the settings "
        f"{_settings(place)}: networks so small and games so few that iterations take little time. It started, in this "
        "order:"
    )
    yield ""
    yield "```"
    yield from told.commands
    yield "```"
    yield ""
    yield (
        f"A run of the continuous loop has {plot.games} games, which no iteration of the master has: so it can be told who "
        "opened which."
    )


def _options(place: Place, plot: Plot) -> Iterator[str]:
    """The arguments with which the story is played again."""
    yield f"--minutes {plot.work_seconds * 3 / 60:g}"
    if place.configs != CONFIGS:
        yield from (f"--config {config}" for config in place.configs)


def _settings(place: Place) -> str:
    """The settings file: as a link for a page in docs/, if it is one of ours."""
    name = place.settings.name
    own = (Path(__file__).parent / name).exists()
    return f"[{name}](../benchmarks/loops/{name})" if own else f"`{name}`"


def _checks(checks: Sequence[Check]) -> Iterator[str]:
    yield from ("", "## What must hold", "", "| | must hold | found |", "| --- | --- | --- |")
    for check in checks:
        yield f"| {'yes' if check.holds else '**NO**'} | {check.must} | {_cell(check.found)} |"


def _times(told: Told, book: Book) -> Iterator[str]:
    yield from (
        "",
        "## Who led",
        "",
        "| at | master lease | continuous loop |",
        "| --- | --- | --- |",
    )
    changes = list(told.changes)
    if "killed" in told.marks:
        changes.append((told.marks["killed"], "**kill -9** of its holder", ""))
    for at, master, loop in sorted(changes):
        yield f"| {_clock(at - told.started)} | {master} | {loop} |"
    killed, resumed = told.marks.get("killed"), book.resumed()
    if killed is None or resumed is None:
        return
    gone = next(
        (at for at, master, _ in told.changes if at >= killed and master == "nobody"), resumed
    )
    line = (
        f"After the kill the lease stood for {gone - killed:.0f} s more (`cluster.lease_seconds`), and the continuous "
        f"loop took over {resumed - killed:.0f} s after the kill, at its next look (`cluster.deferral_check_seconds`)."
    )
    again = [at for _, at in book.masters()[1:]]
    yielded = [at for kind, at in book.turns()[2:] if kind == "LOOP_DEFERRED"]
    if again and yielded:
        line += (
            f" It yielded {yielded[0] - again[0]:.1f} s after the next master had taken its lease."
        )
    yield from ("", line)


def _idle(told: Told, book: Book) -> Iterator[str]:
    yield from (
        "",
        "## Idle devices",
        "",
        (
            f"Of {book.devices.slots} slots of devices, while some config wanted games (it has a trained network, or shards "
            "that nobody has begun, or no run): what part of their time had no unit of a run claimed and no match beside the "
            "runs, and the longest stretch in which never all of them had one. Only a master opens backfill runs, which are "
            "what fills them; the continuous loop shows what it is without."
        ),
        "",
        "| led by | for | wanted | idle | longest | at | backfill runs opened | games in them |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    )
    for who, span in book.led(told):
        idle = book.devices.idle(span)
        beside = [r for r in book.runs if r.backfill and span.start <= r.opened_at < span.end]
        cells = (
            _clock(span.seconds),
            _clock(idle.slot_seconds / book.devices.slots),
            f"{idle.share:.1%}",
            f"{idle.longest:.1f} s",
            _clock(idle.since - told.started) if idle.longest else "",
            len(beside),
            sum(run.plan["games"] for run in beside),
        )
        yield f"| {who} | {' | '.join(map(str, cells))} |"


def _iterations(told: Told, book: Book) -> Iterator[str]:
    outcomes = (runs.PROMOTED, runs.REJECTED, runs.COLLECTED, runs.FAILED)
    yield from ("", "## Iterations", "")
    yield f"| config | iterations | {' | '.join(outcomes)} | open at the end | backfill runs | games | positions |"
    yield "| --- |" + " ---: |" * (len(outcomes) + 5)
    for config in sorted({run.config for run in book.runs}):
        every = [run for run in book.runs if run.config == config]
        own = [run for run in every if not run.backfill]
        count = Counter(run.outcome for run in own)
        done = [run.totals for run in every if run.totals]
        cells = [
            *(count[name] for name in outcomes),
            count[None],
            len(every) - len(own),
            sum(totals["games"] for totals in done),
            sum(totals["positions"] for totals in done),
        ]
        yield f"| {config} | {len(own)} | {' | '.join(map(str, cells))} |"
    yield from (
        "",
        "| run | opened by | opened | closed | outcome |",
        "| --- | --- | --- | --- | --- |",
    )
    for run in book.runs:
        closed = "" if run.closed_at is None else _clock(run.closed_at - told.started)
        yield (
            f"| {run.config} {run.label} | {book.opener(run)} | {_clock(run.opened_at - told.started)} | "
            f"{closed} | {run.outcome or 'open'} |"
        )


def _steps(told: Told) -> Iterator[str]:
    yield from ("", "## Step by step")
    for moment in told.moments:
        yield from (
            "",
            f"### {_clock(moment.at - told.started)} {moment.step}",
            "",
            moment.done,
            "",
        )
        leases = ", ".join(f"{name}: {_holder(h)}" for name, h in moment.leases.items())
        yield f"Leases: {leases}. Loops: {_loops(moment, told)}."
        yield from ("", "`ringrift status`:", "", "```", moment.status.text.strip("\n"), "```")
        if moment.events:
            yield from ("", "Told since the step before:", "", "```")
            yield from (line_of(event, told.started) for event in moment.events)
            yield "```"


def _holder(holder: Holder | None) -> str:
    return (
        "nobody" if holder is None else f"fence {holder.fence} of process {_process(holder.owner)}"
    )


def _process(owner: str) -> str:
    return owner.split(":")[1] if ":" in owner else owner


def _loops(moment: Moment, told: Told) -> str:
    said = [
        f"{loop.name} is {loop.state} since {_clock(loop.since - told.started)}"
        + (f" ({loop.reason})" if loop.reason else "")
        for loop in moment.loops
    ]
    return "; ".join(said) or "none"


def line_of(event: EventRow, started: float) -> str:
    """An event as one line."""
    figures = " ".join(
        f"{key}={_short(event.payload[key])}" for key in SHOWN if event.payload.get(key) is not None
    )
    at = _clock(event.created_at - started)
    return f"{at:>6} {event.kind:<22} {event.config or '-':<10} {figures}"[:LINE].rstrip()


def _short(value: Any) -> str:
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    text = text[:8] if re.fullmatch(r"[0-9a-f]{64}", text) else text
    return text if len(text) <= WORD else text[: WORD - 1] + "…"


def _clock(seconds: float) -> str:
    """Minutes and seconds since the start."""
    sign, whole = ("-" if seconds < 0 else ""), int(abs(seconds))
    return f"{sign}{whole // 60}:{whole % 60:02}"


def _cell(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ")
