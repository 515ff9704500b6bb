"""The one tree of exceptions, and the exit code each ends a command with.

======  ==========================================================  =====================
code    meaning                                                     raised as
======  ==========================================================  =====================
0       done
1       a negative verdict: a difference, a refusal, a failed check ``NegativeVerdict``
2       bad input or setting                                        ``BadInput``
3       not reached: a budget or the time ran out                   ``NotReached``
130     interrupted                                                 ``Interrupted``
======  ==========================================================  =====================

The message of every one is a single line for a person: it names the file, key or value, what was
expected, and the nearest valid choice where there is one.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from reprlib import Repr
from typing import ClassVar


class RingRiftError(Exception):
    """What RingRift raises on purpose; never for its own broken invariants (those are asserts)."""

    #: The exit code of a command that this error ends.
    exit_code: ClassVar[int] = 1


class NegativeVerdict(RingRiftError):
    """The work was done and its answer is no: a difference, a refusal, a failed check."""

    exit_code = 1


class BadInput(RingRiftError, ValueError):
    """An argument, a file, a setting or the surroundings are not what they must be."""

    exit_code = 2


class NotReached(RingRiftError):
    """A budget or the time ran out before the goal was reached; going on later is possible."""

    exit_code = 3


class Interrupted(RingRiftError):
    """Somebody asked for an end (Ctrl-C, SIGTERM); what was finished is kept."""

    exit_code = 130


class _Short(Repr):
    """Values for messages: neither long nor deep."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = 100
        self.maxlevel = 3

    def repr_int(self, x: int, level: int) -> str:
        """Python writes no number of thousands of digits."""
        try:
            return super().repr_int(x, level)
        except ValueError:
            return f"a number of {x.bit_length()} bits"


_SHORT = _Short()


def shown(value: object) -> str:
    """Return a value for a message: as Python writes it, cut where it is long or deep."""
    return _SHORT.repr(value)


def nearest(word: str, choices: Iterable[str]) -> str:
    """Return the end of a sentence about a wrong word: the nearest valid one, else all of them.

    >>> nearest("hex9", ["hex8", "square8"])
    "did you mean 'hex8'?"
    >>> nearest("chess", ["hex8", "square8"])
    'valid: hex8, square8'
    """
    known = list(choices)
    close = difflib.get_close_matches(
        word[:200].lower(), [c.lower() for c in known], n=1, cutoff=0.6
    )
    for choice in known:
        if close and choice.lower() == close[0]:
            return f"did you mean {choice!r}?"
    return "valid: " + ", ".join(known) if known else "there are no valid choices"


def nearest_id(start: str, known: Iterable[str], digits: int = 12) -> str:
    """Return the end of a sentence about the beginning of an id that none has: the nearest, else the first three.

    >>> nearest_id("0a1c", ["0a1b" + "0" * 60, "f" * 64])
    "did you mean '0a1b00000000'?"
    >>> nearest_id("zzz", ["0a1b" + "0" * 60, "f" * 64])
    'there are 0a1b00000000, ffffffffffff'
    """
    ids = list(known)
    length = len(start[:64])
    near = difflib.get_close_matches(
        start[:64].lower(), [one[:length] for one in ids], n=1, cutoff=0.6
    )
    for one in ids:
        if near and one.startswith(near[0]):
            return f"did you mean {one[:digits]!r}?"
    if not ids:
        return "there is none yet"
    more = ", …" if len(ids) > 3 else ""
    return "there are " + ", ".join(one[:digits] for one in ids[:3]) + more


def nearest_first(word: str, choices: Iterable[str]) -> list[str]:
    """Return all choices, those most like the word first; equally near ones stay in order.

    >>> nearest_first("PL 3,3 4", ["MV 3,3 4,3", "PL 3,3 1", "SP"])
    ['PL 3,3 1', 'MV 3,3 4,3', 'SP']
    """
    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(word[:200])

    def likeness(choice: str) -> float:
        matcher.set_seq1(choice[:200])
        return matcher.quick_ratio() + (choice[:2] == word[:2])

    return sorted(choices, key=likeness, reverse=True)
