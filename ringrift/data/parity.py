"""Recorded games compared with the oracle, and what is kept of those that differ.

Of a game that differs these lie in quarantine, named by the content of the first:

    <sha256>.jsonl.zst               the game's record alone, as `ringrift record` reads it
    <sha256>.jsonl.zst.reason.txt    where it differs and how, with the board
    <sha256>.trace.jsonl.gz          the same as a trace, as `ringrift parity gate` reads it

The shard that the game came from stays where it is: its other games are good, and a file that is
named by its content cannot lose one. Doing it twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ringrift.errors import BadInput
from ringrift.parity.lockstep import Difference
from ringrift.parity.shadow import compare, reason, trace_of
from ringrift.parity.trace import write_trace
from ringrift.rules.records import SUFFIX, GameRecord, RecordReader, write_records


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a bad game."""

    #: Which game, and what is wrong with it, in one line.
    reason: str
    #: Its record alone; the reason lies beside it, in a file of the same name and `.reason.txt`.
    record: Path
    #: Its trace; None where the oracle has nothing to say of it (`ringrift.data.gates`).
    reproduction: Path | None = None

    @property
    def command(self) -> str:
        """The command that shows the fault again."""
        if self.reproduction is not None:
            return f"ringrift parity gate {self.reproduction}"
        return f"ringrift record validate {self.record}"


def compare_games(
    path: Path,
    ids: Sequence[str],
    told: Callable[[], None] | None = None,
) -> Iterator[tuple[GameRecord, Difference | None]]:
    """Compare some games of a shard with the oracle, in the shard's order; the difference of each.

    BadInput if the file is damaged or lacks one of them. `told` is called before each move.
    """
    left = set(ids)
    for record in RecordReader(path):
        if record.id in left:
            left.discard(record.id)
            yield record, compare(record, told)
    if left:
        raise BadInput(f"{path}: game {min(left)[:12]} is not in this file")


def keep(record: GameRecord, difference: Difference, shard: Path, folder: Path) -> Kept:
    """Write a game that differs, the reason and its trace into `folder`; the same bytes each time."""
    why = f"game {record.id[:12]}, {reason(difference)}"
    copy = write_records(folder, [record], {"from": shard.name, "reason": why}).path
    assert copy is not None, "the writer was closed"
    trace = folder / f"{copy.name.removesuffix(SUFFIX)}.trace.jsonl.gz"
    write_trace(trace, trace_of(record, difference))
    text = (
        f"{why}\nfrom: {shard}, game {record.id}\n"
        f"to see it: ringrift parity gate {trace}\n\n{difference.report()}\n"
    )
    copy.with_name(f"{copy.name}.reason.txt").write_text(text, encoding="utf-8")
    return Kept(why, copy, trace)
