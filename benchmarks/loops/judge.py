"""What must hold after the story: each sentence with what was found, from the ledger and what was seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.loops.command import Place
from benchmarks.loops.story import CONTINUOUS, Plot, Told
from ringrift.store import events, runs
from ringrift.store.events import EventRow
from ringrift.store.ledger import MASTER, open_ledger
from ringrift.store.runs import RunRow

#: Exit code of a command that was told to end.
INTERRUPTED = 130


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

    @classmethod
    def read(cls, place: Place, plot: Plot) -> Book:
        """Read it."""
        ledger = open_ledger(place.home)
        told: list[EventRow] = []
        with ledger.read() as tx:
            while rows := events.list_events(tx, after=told[-1].seq if told else 0):
                told += rows
            found = runs.all_runs(tx)
        ledger.close()
        return cls(tuple(sorted(found, key=lambda run: run.opened_at)), tuple(told), plot.games)

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

    def opener(self, run: RunRow) -> str:
        """Which loop opened a run, by the number of its games."""
        if run.plan["games"] == self.games:
            return CONTINUOUS
        fences = [fence for fence, at in self.masters() if at <= run.opened_at]
        return f"master, fence {fences[-1]}" if fences else "master"


def judge(told: Told, book: Book, configs: Sequence[str]) -> list[Check]:
    """All checks."""
    checks = [Check("every step was reached", told.broken is None, told.broken or "all of them")]
    return [*checks, *_leases(book), *_runs(told, book, configs), *_surroundings(told)]


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
    closed = Counter(run.config for run in book.runs if run.state == runs.CLOSED)
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
    others = [run for run in book.runs if run not in own and book.leads(run.opened_at)]
    yield Check(
        "no run was opened for the master while the continuous loop led",
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
    return ", ".join(f"{run.config} #{run.iteration}" for run in found)
