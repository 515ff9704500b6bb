"""One game through both gates: quality (every word and position of it) and parity (the oracle).

    quality    `ringrift.data.quality` on its numbers, `ringrift.data.validate` on its words,
               `ringrift.rules.invariants` on its positions
    parity     `ringrift.parity.shadow`: made again by the oracle, compared at each move

What is wrong with a game is kept beside a copy of it, so that it can be looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ringrift.data.parity import Kept, keep
from ringrift.data.quality import faults
from ringrift.data.replay import replay_record
from ringrift.data.validate import check_record
from ringrift.errors import BadInput
from ringrift.parity.lockstep import Difference
from ringrift.parity.shadow import compare, reason
from ringrift.rules.invariants import first_broken
from ringrift.rules.records import GameRecord, write_records

QUALITY, PARITY = "quality", "parity"


@dataclass(frozen=True, slots=True)
class Violation:
    """What a gate found."""

    #: QUALITY or PARITY.
    gate: str
    #: One line for a person.
    reason: str
    #: Where engine and oracle part; None for the other gate.
    difference: Difference | None = None


def quality_of(record: GameRecord) -> Violation | None:
    """What is wrong with a game by itself; None if nothing is."""
    for fault in faults([record], record.config):
        return Violation(QUALITY, fault)
    try:
        check_record(record)
        played = replay_record(record)
    except BadInput as error:
        return Violation(QUALITY, str(error))
    found = first_broken(record.config, np.concatenate([played.states, played.final[None]]))
    if found is not None:
        return Violation(QUALITY, f"position after move {found[0]}: {found[1]}")
    return None


def parity_of(record: GameRecord, told: Callable[[], None] | None = None) -> Violation | None:
    """Where a game differs from the oracle's; None if nowhere. `told` is called before each move."""
    found = compare(record, told)
    return None if found is None else Violation(PARITY, reason(found), found)


def keep_bad(record: GameRecord, found: Violation, source: str, folder: Path) -> Kept:
    """Write a game that did not pass, and why, into `folder`; the same bytes each time."""
    if found.difference is not None:
        return keep(record, found.difference, Path(source), folder)
    copy = write_records(folder, [record], {"from": source, "reason": found.reason}).path
    assert copy is not None, "the writer was closed"
    why = f"game {record.id[:12]}, {found.gate} gate: {found.reason}"
    text = f"{why}\nfrom: {source}\n"
    copy.with_name(f"{copy.name}.reason.txt").write_text(text, encoding="utf-8")
    return Kept(why, copy)


def keep_unplayable(
    record: GameRecord,
    error: BadInput,
    shard: Path,
    folder: Path,
    told: Callable[[], None] | None = None,
) -> Kept:
    """Keep a game that export could not play again; of what is wrong the oracle is asked first.

    `error` is what export said. `told` is called before each move that the oracle makes.
    """
    try:
        found = parity_of(record, told)
    except BadInput:  # it starts from no position: there is nothing to compare
        found = None
    return keep_bad(record, found or Violation(QUALITY, str(error)), str(shard), folder)
