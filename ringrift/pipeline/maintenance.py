"""Queue maintenance: what hangs in the queues is found, explained and dealt with.

==========  =================================================  ==================================
kind        what it is                                         what is done
==========  =================================================  ==================================
poison      a message with which no worker can do anything,    put aside: into the ledger's dead
            or that took one worker after another with it      letters, with the reason
expired     a message whose time has run out                   dropped, as a worker would
orphaned    a message whose run is closed or unit done; one    dropped; given back to its queue
            that a worker holds that is gone
lost        a unit that was handed over, and no message of it  issued again
            is anywhere; a shadow or tournament match likewise
stuck       a unit that is claimed and alive without getting   taken back, counted as a failure;
            on; one that takes far longer than its like        told
==========  =================================================  ==================================

`find` decides and is pure; `maintain` does it, a bounded number in a pass, and tells each deed as an
event before it is done: one that dies in between does it again at the next pass, and tells nothing
twice. What was claimed and went silent is the reconciler's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from ringrift.pipeline import events
from ringrift.pipeline.beside import LOST_SECONDS
from ringrift.pipeline.context import Context
from ringrift.pipeline.dispatcher import call_players
from ringrift.pipeline.letters import ASIDE, HELD, Letter, Look, Queues, storable
from ringrift.pipeline.stuck import TAKE_BACK, TELL, WAIT, judge_work
from ringrift.settings.cluster import ClusterSettings
from ringrift.store import dead_letters, matches, runs, stages, upkeep
from ringrift.store.dead_letters import DeadLetter
from ringrift.store.ids import digest
from ringrift.store.ledger import Tx
from ringrift.store.matches import Planned
from ringrift.store.upkeep import Unit

log = structlog.get_logger(__name__)

#: What may be wrong.
POISON, EXPIRED, ORPHANED, LOST, STUCK = "poison", "expired", "orphaned", "lost", "stuck"

#: What is done about it, beside TAKE_BACK, TELL and WAIT.
SET_ASIDE, DROP, GIVE_BACK, ISSUE = "set aside", "drop", "give back", "issue again"

#: Findings that are dealt with in one pass; the next one goes on. Each is a line of SQL or Redis.
LIMIT: Final = 200

#: A held message is overdue when every worker has had this many seconds to put it back.
SWEEP_SECONDS: Final = 5.0

#: A match of no run is sent again at most once in so long: nothing counts how often it failed.
AGAIN_SECONDS: Final = 3600.0

#: A unit is lost when it was handed over this many visibility timeouts ago: its message may be on
#: its way, or between two lists, for moments only.
LOST_AFTER: Final = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be."""

    kind: str
    #: What is to be done.
    action: str
    #: Why, for a person.
    reason: str
    #: The message, or
    letter: Letter | None = None
    #: the unit of work.
    unit: Unit | None = None
    #: Or the match that belongs to no run.
    match: Planned | None = None

    @property
    def what(self) -> str:
        """What it is about, for a person."""
        if self.unit is not None:
            row = self.unit.row
            return f"{row.stage} {row.unit[:12]}".rstrip() + f" of {self.unit.of}"
        if self.match is not None:
            return f"{self.match.purpose} match {self.match.id[:12]} of {self.match.config}"
        assert self.letter is not None
        return f"message {self.letter.id[:12]} ({self.letter.task or 'no task'})"

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        letter, unit, match = self.letter, self.unit, self.match
        of = match if unit is None else unit
        row = None if unit is None else unit.row
        return {
            "kind": self.kind,
            "action": self.action,
            "reason": self.reason,
            "queue": None if letter is None else letter.queue,
            "message": None if letter is None else letter.id,
            "task": None if letter is None else letter.task,
            "config": None if of is None else of.config,
            "run": letter.run_id if letter is not None else row.run_id if row else None,
            "stage": row.stage if row is not None else match.purpose if match else None,
            "unit": letter.unit if letter else row.unit if row else match.id if match else None,
        }


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger says of messages and of work, at one moment."""

    #: Seconds since 1970.
    now: float
    #: Unit of each message that is of one, by the message's task id.
    units: Mapping[str, Unit] = field(default_factory=dict)
    #: State of each run that a message names.
    runs: Mapping[str, str] = field(default_factory=dict)
    #: Missing games of each match that a message names.
    matches: Mapping[str, int] = field(default_factory=dict)
    #: Units that were handed over and are claimed by nobody.
    handed_over: Sequence[Unit] = ()
    #: Matches of no run that lack games and may be sent (again).
    planned: Sequence[Planned] = ()
    #: Units that are claimed.
    at_work: Sequence[Unit] = ()
    #: (config, stage) -> number and longest seconds of its units that were done lately.
    like: Mapping[tuple[str, str], tuple[int, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """What a pass found, and what it did."""

    look: Look
    findings: tuple[Finding, ...]
    #: Action -> how many were done.
    done: Mapping[str, int]
    #: Findings that are left for the next pass.
    left: int = 0


def find(look: Look, known: Known, settings: ClusterSettings) -> list[Finding]:
    """All that is wrong, and what is to be done about it."""
    found = [one for letter in look.letters if (one := _judge(letter, look, known)) is not None]
    found += _lost(look, known)
    for unit in known.at_work:
        about = judge_work(unit, known.now, known.like.get((unit.config, unit.row.stage)), settings)
        if about is not None:
            found.append(Finding(STUCK, *about, unit=unit))
    return found


def _judge(letter: Letter, look: Look, known: Known) -> Finding | None:
    """What is wrong with one message; None if nothing is."""
    if letter.fault is not None:
        return Finding(POISON, SET_ASIDE, letter.fault, letter)
    if letter.place == HELD:
        return _judge_held(letter, look.visibility, known.now)
    if letter.expires is not None and letter.expires <= known.now:
        late = f"its time ran out {known.now - letter.expires:.0f} s ago"
        return Finding(EXPIRED, DROP, late, letter)
    match = letter.kwargs.get("match")
    if match is not None:
        missing = known.matches.get(match)
        if missing is None:
            return Finding(POISON, SET_ASIDE, f"no match {match[:12]} in this ledger", letter)
        played = "all games of its match are played"
        return Finding(ORPHANED, DROP, played, letter) if missing <= 0 else None
    if letter.run_id is None:
        return None
    return _judge_work_of(letter, known)


def _judge_work_of(letter: Letter, known: Known) -> Finding | None:
    """What is wrong with a message of a run."""
    run = str(letter.run_id)
    state = known.runs.get(run)
    if state is None:
        return Finding(POISON, SET_ASIDE, f"no run {run[:12]} in this ledger", letter)
    if state != runs.OPEN:
        return Finding(ORPHANED, DROP, f"its run {run[:12]} is closed", letter)
    unit = known.units.get(letter.task_id or "")
    if unit is not None and unit.row.state in stages.SETTLED:
        return Finding(ORPHANED, DROP, f"its unit of {unit.row.stage} is {unit.row.state}", letter)
    return None


def _judge_held(letter: Letter, visibility: float, now: float) -> Finding | None:
    """A message that a worker has; only whether that worker is there is asked."""
    if letter.since is None:
        reason = "nobody watches over its delivery: no worker would ever put it back"
        return Finding(ORPHANED, GIVE_BACK, reason, letter)
    silent = now - letter.since
    if silent > visibility + SWEEP_SECONDS:
        reason = f"its worker is gone ({silent:.0f} s without a sign), and no other put it back"
        return Finding(ORPHANED, GIVE_BACK, reason, letter)
    if silent > visibility / 2:
        reason = (
            f"its worker has given no sign for {silent:.0f} s; after {visibility:.0f} s it is"
            " delivered again"
        )
        return Finding(ORPHANED, WAIT, reason, letter)
    return None


def _lost(look: Look, known: Known) -> list[Finding]:
    """Units that wait for a message that is not there. None where not every message was seen."""
    if not look.whole:
        return []
    there = {letter.task_id for letter in look.letters if letter.place != ASIDE}
    return [
        Finding(
            LOST,
            ISSUE,
            f"handed over {known.now - (unit.row.issued_at or 0.0):.0f} s ago, and no message of it"
            " is in the broker",
            unit=unit,
        )
        for unit in known.handed_over
        if unit.row.id not in there
    ] + [
        Finding(
            LOST,
            ISSUE,
            f"planned {known.now - match.planned_at:.0f} s ago, and no message of it is in the broker",
            match=match,
        )
        for match in known.planned
        if match.id not in there
    ]


def read_known(tx: Tx, look: Look) -> Known:
    """Ask the ledger about what was seen."""
    at_work = upkeep.at_work(tx)
    return Known(
        now=tx.now,
        units=upkeep.units(tx, _each(letter.task_id for letter in look.letters)),
        runs=upkeep.run_states(tx, _each(letter.run_id for letter in look.letters)),
        matches=upkeep.missing_games(
            tx, _each(letter.kwargs.get("match") for letter in look.letters)
        ),
        handed_over=upkeep.handed_over(tx, tx.now - LOST_AFTER * look.visibility),
        planned=_planned(tx, tx.now - LOST_AFTER * look.visibility),
        at_work=at_work,
        like={
            key: upkeep.longest_seconds(tx, *key)
            for key in {(unit.config, unit.row.stage) for unit in at_work}
        },
    )


def _planned(tx: Tx, until: float) -> list[Planned]:
    """Matches that were to be sent before `until` and lack games.

    None of which a message was put aside, that was sent again within the hour (it may fail each time), or
    that the next of its kind makes up for by now.
    """
    found = matches.planned_between(tx, tx.now - LOST_SECONDS, until)
    aside = dead_letters.units_aside(tx, [match.id for match in found])
    return [
        match
        for match in found
        if match.id not in aside
        and not events.is_match_lost(tx, match.id, match.purpose, _time(match, tx.now))
    ]


def _time(match: Planned, now: float) -> int:
    """The number of the time at which a match may be sent again."""
    return int((now - match.planned_at) // AGAIN_SECONDS)


def _each(values: Iterable[object]) -> list[str]:
    return [value for value in values if isinstance(value, str)]


def maintain(ctx: Context, queues: Queues, *, dry_run: bool = False, limit: int = LIMIT) -> Report:
    """Find what is wrong, and deal with at most `limit` of it; nothing with `dry_run`.

    Raises StaleFence when another is master, and whatever the queues raise when the broker is away.
    """
    look = queues.look()
    with ctx.ledger.read() as tx:
        found = find(look, read_known(tx, look), ctx.settings.cluster)
    due = [one for one in found if one.action != WAIT]
    if dry_run:
        return Report(look, tuple(found), {}, len(due))
    done = {
        action: number
        for action, deal in _DEALS.items()
        if (own := [one for one in due[:limit] if one.action == action])
        and (number := deal(ctx, queues, own))
    }
    if done:
        log.info("queues maintained", **{name.replace(" ", "_"): n for name, n in done.items()})
    return Report(look, tuple(found), done, max(0, len(due) - limit))


def _set_aside(ctx: Context, queues: Queues, found: Sequence[Finding]) -> int:
    """Keep messages in the ledger, then take them out of the broker."""
    letters = [(one.letter, storable(one.reason)) for one in found if one.letter is not None]
    with ctx.ledger.write(ctx.fence) as tx:
        known = upkeep.run_states(tx, _each(letter.run_id for letter, _ in letters))
        tasks = _each(letter.task_id for letter, _ in letters)
        of, beside = upkeep.units(tx, tasks), upkeep.missing_games(tx, tasks)
        for letter, reason in letters:
            run_id = letter.run_id if letter.run_id in known else None
            kept = DeadLetter(
                letter.id,
                storable(letter.queue)[:32],
                letter.task,
                run_id,
                (letter.unit or "")[:128] or (letter.task_id if letter.task_id in beside else None),
                reason,
                letter.text,
            )
            if not dead_letters.put(tx, kept):
                continue
            events.message_set_aside(tx, letter.id, kept.queue, letter.task, run_id, reason)
            log.warning("message put aside", queue=kept.queue, task=kept.task, reason=reason)
            unit = of.get(letter.task_id or "")
            if unit is not None and _unclaimed(unit, tx.now):
                upkeep.take_back(tx, unit.row, f"its message was put aside: {reason}")
    for letter, _ in letters:
        queues.remove(letter)
    return len(letters)


def _unclaimed(unit: Unit, now: float) -> bool:
    """Nobody is at it, so that what became of its message is what became of it."""
    row = unit.row
    working = row.state == stages.RUNNING and (row.lease_until or 0.0) > now
    return unit.open and row.state not in stages.SETTLED and not working


def _drop(ctx: Context, queues: Queues, found: Sequence[Finding]) -> int:
    """Take messages out that nobody needs."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for one in found:
        assert one.letter is not None
        groups.setdefault((one.letter.queue, one.kind), []).append(one)
    with ctx.ledger.write(ctx.fence) as tx:
        for (queue, kind), group in groups.items():
            letters = [one.letter for one in group if one.letter is not None]
            tasks = Counter(str(letter.task) for letter in letters)
            events.messages_dropped(
                tx, _identity(letters), queue, kind, dict(sorted(tasks.items())), group[0].reason
            )
    return sum(queues.remove(one.letter) for one in found if one.letter is not None)


def _give_back(ctx: Context, queues: Queues, found: Sequence[Finding]) -> int:
    """Put messages back into their queues whose workers are gone."""
    letters = [one.letter for one in found if one.letter is not None]
    tasks = Counter(str(letter.task) for letter in letters)
    with ctx.ledger.write(ctx.fence) as tx:
        events.messages_given_back(
            tx, _identity(letters), dict(sorted(tasks.items())), found[0].reason
        )
    return queues.give_back(letters)


def _identity(letters: Sequence[Letter]) -> str:
    return digest(sorted(letter.id for letter in letters))


def _issue(ctx: Context, _queues: Queues, found: Sequence[Finding]) -> int:
    """Have lost units issued again: the event makes the relay do it, else the reconciler does."""
    groups: dict[tuple[str, str], list[Unit]] = {}
    for one in found:
        if one.unit is None:
            continue
        groups.setdefault((one.unit.row.run_id, one.unit.row.stage), []).append(one.unit)
    with ctx.ledger.write(ctx.fence) as tx:
        for (run_id, stage), group in groups.items():
            stages.mark_unissued(tx, run_id, stage, [unit.row.unit for unit in group])
            when = [[unit.row.unit, unit.row.issued_at] for unit in group]
            events.tasks_lost(tx, run_id, stage, digest(when), len(group), found[0].reason)
            log.warning("tasks lost", run=run_id[:12], stage=stage, units=len(group))
    return sum(map(len, groups.values())) + _send_again(ctx, found)


def _send_again(ctx: Context, found: Sequence[Finding]) -> int:
    """Send lost matches, each after that is told: one that is lost on the way waits for its next time."""
    lost = [(one.match, one.reason) for one in found if one.match is not None]
    with ctx.ledger.write(ctx.fence) as tx:
        told = [
            match.id
            for match, reason in lost
            if events.match_lost(tx, match.id, match.purpose, _time(match, tx.now), reason)
        ]
    return sum(call_players(match) for match in told)


def _take_back(ctx: Context, _queues: Queues, found: Sequence[Finding]) -> int:
    """Take stuck units from those who have them."""
    done = 0
    with ctx.ledger.write(ctx.fence) as tx:
        for one in found:
            assert one.unit is not None
            row = one.unit.row
            state = upkeep.take_back(tx, row, f"stuck: {one.reason}")
            if state is None:
                continue  # it moved meanwhile
            done += 1
            events.task_stuck(tx, row, "taken back", one.reason, tx.now - (row.claimed_at or 0.0))
            log.warning("stuck task taken back", run=row.run_id[:12], stage=row.stage, state=state)
    return done


def _tell(ctx: Context, _queues: Queues, found: Sequence[Finding]) -> int:
    """Say that units take far longer than their like; how many were not said before."""
    new = 0
    with ctx.ledger.write(ctx.fence) as tx:
        for one in found:
            assert one.unit is not None
            row = one.unit.row
            took = tx.now - (row.claimed_at or 0.0)
            new += events.task_stuck(tx, row, "told", one.reason, took)
    return new


#: Action -> what does it; in this order.
_DEALS: Final = {
    SET_ASIDE: _set_aside,
    DROP: _drop,
    GIVE_BACK: _give_back,
    TAKE_BACK: _take_back,
    ISSUE: _issue,
    TELL: _tell,
}
