"""What must hold after the story: each sentence with what was found, from the ledger and what was seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from benchmarks import slots
from benchmarks.loops.command import Place
from benchmarks.loops.story import CONTINUOUS, Plot, Told
from benchmarks.slots import NEVER, Devices, Span
from ringrift.pipeline.queues import GPU
from ringrift.store import events, runs
from ringrift.store.events import EventRow
from ringrift.store.ledger import MASTER, open_ledger
from ringrift.store.runs import RunRow

#: Exit code of a command that was told to end.
INTERRUPTED = 130

#: Of a master's time, from this many seconds on: part of the slots' time that may be idle while some config wants games,
#: and seconds at a stretch. A unit ends, a tick (each two seconds here) sees it, and the next unit is on its way; on cores
#: that others use as well each of these takes its time.
JUDGED_SECONDS, IDLE_SHARE, IDLE_SECONDS = 120.0, 0.05, 10.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold."""

    must: str
    holds: bool
    #: Figures, for people.
    found: str


@dataclass(frozen=True, slots=True)
class Book:
    """What the ledger holds at the end."""

    runs: tuple[RunRow, ...]
    events: tuple[EventRow, ...]
    #: Games of a run that the continuous loop opens.
    games: int
    devices: Devices

    @classmethod
    def read(cls, place: Place, plot: Plot, beside: Iterable[Span] = ()) -> Book:
        """Read it. `beside`: see `Told.beside`."""
        ledger = open_ledger(place.home)
        told: list[EventRow] = []
        with ledger.read() as tx:
            while rows := events.list_events(tx, after=told[-1].seq if told else 0):
                told += rows
            found = runs.all_runs(tx)
            most = max((e.payload["slots"] for e in told if _of_devices(e)), default=1)
            devices = slots.read(tx, place.configs, most, beside)
        ledger.close()
        opened = sorted(found, key=lambda run: run.opened_at)
        return cls(tuple(opened), tuple(told), plot.games, devices)

    @property
    def iterations(self) -> list[RunRow]:
        """All runs but backfill runs."""
        return [run for run in self.runs if not run.backfill]

    def of(self, *kinds: str) -> list[EventRow]:
        """Events of some kinds."""
        return [event for event in self.events if event.kind in kinds]

    def masters(self) -> list[tuple[int, float]]:
        """(fence, time) of each master."""
        taken = self.of("LEASE_TAKEN")
        return [(e.payload["fence"], e.created_at) for e in taken if e.payload["lease"] == MASTER]

    def turns(self) -> list[tuple[str, float]]:
        """(kind, time) of each stepping back and going on of the continuous loop."""
        told = self.of("LOOP_DEFERRED", "LOOP_RESUMED")
        return [(e.kind, e.created_at) for e in told if e.payload["loop"] == CONTINUOUS]

    def resumed(self) -> float | None:
        """When the continuous loop took over."""
        return next((at for kind, at in self.turns() if kind == "LOOP_RESUMED"), None)

    def leads(self, at: float) -> bool:
        """Whether the continuous loop led at a time: it had gone on, and not stepped back since."""
        before = [kind for kind, time in self.turns() if time <= at]
        return bool(before) and before[-1] == "LOOP_RESUMED"

    def led(self, told: Told) -> list[tuple[str, Span]]:
        """Who led when: each master, nobody after the kill, the continuous loop. In their order."""
        ends = [
            *([told.marks["killed"]] if "killed" in told.marks else []),
            *(e.created_at for e in self.of("LEASE_RELEASED") if e.payload["lease"] == MASTER),
            *([told.moments[-1].at] if told.moments else []),
        ]
        found = [
            (f"master, fence {fence}", Span(at, min((end for end in ends if end > at), default=at)))
            for fence, at in self.masters()
        ]
        turns = self.turns()
        for (kind, at), (_, then) in pairwise(turns):
            if kind == "LOOP_RESUMED":
                found.append((CONTINUOUS, Span(at, then)))
                if "killed" in told.marks:
                    found.append(("nobody", Span(told.marks["killed"], at)))
        return sorted(found, key=lambda one: one[1].start)

    def opener(self, run: RunRow) -> str:
        """Which loop opened a run, by the number of its games; only a master opens backfill runs."""
        if run.plan["games"] == self.games and not run.backfill:
            return CONTINUOUS
        fences = [fence for fence, at in self.masters() if at <= run.opened_at]
        return f"master, fence {fences[-1]}" if fences else "master"


def judge(told: Told, book: Book, configs: Sequence[str]) -> list[Check]:
    """All checks."""
    checks = [Check("every step was reached", told.broken is None, told.broken or "all of them")]
    return [
        *checks,
        *_leases(book),
        *_runs(told, book, configs),
        *_devices(told, book),
        *_surroundings(told),
    ]


def _of_devices(event: EventRow) -> bool:
    return event.kind == "CAPACITY_CHANGED" and event.payload["queue"] == GPU


def _leases(book: Book) -> Iterator[Check]:
    fences = [fence for fence, _ in book.masters()]
    yield Check(
        "one master after the other, each with a greater fence",
        len(fences) == 2 and fences == sorted(set(fences)),
        "fences " + ", ".join(map(str, fences)),
    )
    given_back = [
        e.payload["fence"] for e in book.of("LEASE_RELEASED") if e.payload["lease"] == MASTER
    ]
    yield Check(
        "the killed master gave nothing back, its lease ran out; the second one gave its lease back",
        given_back == fences[1:],
        f"given back: fence {', '.join(map(str, given_back)) or 'none'}",
    )
    kinds = [kind for kind, _ in book.turns()]
    yield Check(
        "the continuous loop deferred, took over, and yielded",
        kinds == ["LOOP_DEFERRED", "LOOP_RESUMED", "LOOP_DEFERRED"],
        ", ".join(kinds) or "nothing told",
    )


def _runs(told: Told, book: Book, configs: Sequence[str]) -> Iterator[Check]:
    closed = Counter(run.config for run in book.iterations if run.state == runs.CLOSED)
    promoted = sum(run.outcome == runs.PROMOTED for run in book.runs)
    yield Check(
        "each config came through iterations",
        all(closed[config] for config in configs),
        ", ".join(f"{config}: {closed[config]}" for config in configs) + f"; {promoted} promotions",
    )
    own = [run for run in book.runs if book.opener(run) == CONTINUOUS]
    early = [run for run in own if not book.leads(run.opened_at)]
    yield Check(
        "the continuous loop opened runs while no master was there, and only then",
        bool(own) and not early,
        _names(own) + (f"; while it deferred: {_names(early)}" if early else ""),
    )
    # Between a master's taking of its lease and the loop's yielding, a moment later, the master may open backfill runs.
    gone = [
        run
        for run in book.runs
        if book.leads(run.opened_at)
        and not any((book.resumed() or at) < at <= run.opened_at for _, at in book.masters())
    ]
    others = [run for run in gone if run not in own]
    yield Check(
        "no run was opened for a master while the continuous loop led and no master held the lease",
        not others,
        _names(others) or "none",
    )
    killed = told.marks.get("killed", told.started)
    held = [r for r in book.runs if r.opened_at < killed and (r.closed_at or killed) >= killed]
    ended = [run for run in held if run.state == runs.CLOSED]
    yield Check(
        "the runs that the killed master left open went on",
        bool(ended) or not held,
        f"{len(held)} were open, {len(ended)} of them came to their end",
    )
    beside = [run for run in book.runs if run.backfill]
    wrong = [run for run in beside if run.outcome not in (None, runs.COLLECTED)]
    yield Check(
        "backfill runs only play: none trained, none was judged",
        not wrong,
        _names(wrong) or f"{len(beside)} of them, {sum(r.plan['games'] for r in beside)} games",
    )
    failed = [run for run in book.runs if run.outcome == runs.FAILED]
    given_up = book.of("STAGE_ABANDONED")
    tried = len(book.of("STAGE_FAILED"))
    yield Check(
        "no run failed, no unit of work was given up",
        not failed and not given_up,
        f"{len(failed)} runs, {len(given_up)} units; {tried} attempts failed and were made again",
    )
    twice = len(book.events) - len({event.id for event in book.events})
    bad = [event for event in book.events if event.fault is not None]
    yield Check(
        "each event was told once, with what its kind carries",
        not twice and not bad,
        f"{len(book.events)} events",
    )


def _devices(told: Told, book: Book) -> Iterator[Check]:
    first = min((span.start for span in book.devices.busy), default=NEVER)
    long = [
        (who, book.devices.idle(Span(max(span.start, first), span.end)))
        for who, span in book.led(told)
        if "fence" in who and span.seconds >= JUDGED_SECONDS
    ]
    yield Check(
        "from the first shard on no device idled under a master while a config wanted games, but for moments "
        "between two units",
        all(idle.share <= IDLE_SHARE and idle.longest <= IDLE_SECONDS for _, idle in long),
        "; ".join(f"{who}: {idle.text}" for who, idle in long) or "too short a time to tell",
    )


def _surroundings(told: Told) -> Iterator[Check]:
    seen = [moment.workers for moment in told.moments if moment.step != "end"]
    yield Check(
        "the same worker processes from the first step to the last",
        bool(seen) and all(workers == seen[0] for workers in seen),
        ", ".join(seen[0]) if seen else "none",
    )
    bad = [moment.step for moment in told.moments if moment.status.code]
    slowest = max((moment.status.seconds for moment in told.moments), default=0.0)
    yield Check(
        "`ringrift status` answered at every step, without a broker, too",
        not bad,
        f"{len(told.moments)} times, in {slowest:.1f} s at most" if not bad else ", ".join(bad),
    )
    yield Check(
        "each command ended at Ctrl-C",
        bool(told.codes) and set(told.codes.values()) == {INTERRUPTED},
        ", ".join(f"{name}: {code}" for name, code in told.codes.items()),
    )
    yield Check("nothing was left running", not told.left, "; ".join(told.left) or "nothing")
    said = told.verify.text.strip().splitlines() if told.verify else ["not asked"]
    yield Check(
        "`ringrift ledger verify` computed everything again, and agrees",
        told.verify is not None and told.verify.code == 0,
        "; ".join(said[-2:]),
    )


def _names(found: Sequence[RunRow]) -> str:
    return ", ".join(f"{run.config} {run.label}" for run in found)
