"""How long the slots of devices idle while some config wants games: arithmetic on what the ledger holds.

A slot works while a unit of a run (a shard, a training, a chunk of a gate's games) is claimed, or a match beside the
runs. Who wants games: a config whose network is trained, always, for its next training; before that one without an
iteration, or with shards that nobody has begun. (What an untrained network plays beside its run would be games of chance.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ringrift.store import runs, stages
from ringrift.store.ledger import Tx
from ringrift.store.runs import RunRow
from ringrift.store.stages import StageRow
from ringrift.store.work import ON_DEVICES

#: Without a beginning, and without an end.
ALWAYS, NEVER = float("-inf"), float("inf")


@dataclass(frozen=True, slots=True)
class Span:
    """A time, in seconds since 1970."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Idle:
    """What of a time was idle."""

    #: Seconds in which some config wanted games, times slots.
    slot_seconds: float = 0.0
    #: Of these, those without a unit.
    idle: float = 0.0
    #: Seconds of the longest stretch in which never all slots had one, and when it began, seconds since 1970.
    longest: float = 0.0
    since: float = 0.0

    @property
    def share(self) -> float:
        """Part of the slots' time that was idle, 0 .. 1."""
        return self.idle / self.slot_seconds if self.slot_seconds else 0.0

    @property
    def text(self) -> str:
        """For people."""
        return f"{self.share:.1%} of the slots' time, {self.longest:.1f} s at a stretch at most"


@dataclass(frozen=True, slots=True)
class Devices:
    """When slots had work, and when somebody wanted some."""

    busy: tuple[Span, ...]
    wanted: tuple[Span, ...]
    slots: int

    def idle(self, within: Span) -> Idle:
        """What was idle in a time."""
        return idle(self.busy, self.wanted, self.slots, within)


def idle(busy: Iterable[Span], wanted: Iterable[Span], slots: int, within: Span) -> Idle:
    """What was idle in a time, of so many slots."""
    slot_seconds = lost = longest = since = 0.0
    began: float | None = None
    for span, work, want in _counts(busy, wanted, within):
        free = max(0, slots - work) if want else 0
        slot_seconds += slots * span.seconds if want else 0.0
        lost += free * span.seconds
        if not free:
            began = None
            continue
        began = span.start if began is None else began
        if span.end - began > longest:
            longest, since = span.end - began, began
    return Idle(slot_seconds, lost, longest, since)


def _counts(
    busy: Iterable[Span], wanted: Iterable[Span], within: Span
) -> Iterator[tuple[Span, int, int]]:
    """Each stretch of a time in which nothing changes, with the spans of either kind that hold there."""
    changes: list[tuple[float, int, int]] = [(within.start, 0, 0), (within.end, 0, 0)]
    for spans, one in ((busy, (1, 0)), (wanted, (0, 1))):
        for span in spans:
            start, end = max(span.start, within.start), min(span.end, within.end)
            if start < end:
                changes += [(start, *one), (end, -one[0], -one[1])]
    work = want = 0
    for (at, more_work, more_want), (then, _, _) in pairwise(sorted(changes)):
        work, want = work + more_work, want + more_want
        if then > at:
            yield Span(at, then), work, want


def read(tx: Tx, configs: Sequence[str], slots: int, beside: Iterable[Span] = ()) -> Devices:
    """What the ledger holds. `beside`: of each match beside the runs, from its planning until it was played.

    The ledger has no times of theirs. While one waits in the queue the slots have other work, so all of it counts.
    """
    rows = {run.id: (run, stages.stages_of(tx, run.id)) for run in runs.all_runs(tx)}
    busy = [
        Span(row.claimed_at, _end(row))
        for _, of_run in rows.values()
        for row in of_run
        if row.stage in ON_DEVICES and row.claimed_at is not None
    ]
    wanted = [
        span
        for config in configs
        for span in _wanted([pair for pair in rows.values() if pair[0].config == config])
    ]
    return Devices((*busy, *beside), tuple(wanted), slots)


def _end(row: StageRow) -> float:
    """When a unit was done; of one that was given back, as when workers are told to end, the last sign of life."""
    if row.finished_at is not None:
        return row.finished_at
    return NEVER if row.state == stages.RUNNING else row.heartbeat_at or NEVER


def _wanted(of_config: Sequence[tuple[RunRow, Sequence[StageRow]]]) -> Iterator[Span]:
    """When a config wanted games."""
    trained = min(
        (
            _end(row)
            for _, rows in of_config
            for row in rows
            if row.stage == "promote" and (row.result or {}).get("accepted")
        ),
        default=NEVER,
    )
    yield Span(trained, NEVER)
    free = ALWAYS
    for run, rows in of_config:
        if run.backfill:
            continue
        yield Span(free, run.opened_at)
        free = NEVER if run.closed_at is None else run.closed_at
        for row in rows:
            if row.stage == "selfplay":
                yield Span(run.opened_at, NEVER if row.claimed_at is None else row.claimed_at)
    yield Span(free, NEVER)
