"""The arguments of `go`: how long to think."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from ringrift.agents.clock import Limits
from ringrift.agents.spec import BUDGETS
from ringrift.agents.ugi_options import read_number
from ringrift.errors import BadInput, nearest

#: Moves that the remaining time of a seat is divided among: a game has 30 to 60 decisions per seat on small boards.
MOVES_TO_GO: Final = 40
#: Smallest and largest number after each word; an agent with less room for nodes refuses more by itself.
_COUNTS: Final = {"nodes": BUDGETS["nodes"][2:], "depth": (1, 1000), "movetime": (0, 10**12)}


def read_limits(words: Sequence[str], seats: int, seat: int) -> Limits:
    """Limits of ``go`` for the seat to move.

    ``nodes N``, ``movetime MS``, ``depth N``, ``infinite``, and for each seat ``pKtime MS`` and ``pKinc MS``: what its
    clock shows and what a move adds to it. Raises BadInput for other words and numbers.
    """
    clocks = [f"p{k}{what}" for k in range(1, seats + 1) for what in ("time", "inc")]
    known = ["infinite", *_COUNTS, *clocks]
    values: dict[str, int] = {}
    rest = iter(words)
    for word in rest:
        if word not in known:
            raise BadInput(f"go: unknown word {word!r}, {nearest(word, known)}")
        text = "1" if word == "infinite" else next(rest, None)
        if text is None:
            raise BadInput(f"go {word}: expected a number after it")
        values[word] = read_number(f"go {word}", text)
        low, high = _COUNTS.get(word, (0, 10**12))
        if not low <= values[word] <= high:
            raise BadInput(f"go {word} is {values[word]}: expected {low} to {high}")
    milliseconds = values.get("movetime")
    if milliseconds is None and (left := values.get(f"p{seat}time")) is not None:
        milliseconds = min(left // MOVES_TO_GO + values.get(f"p{seat}inc", 0), left // 2)
    elif milliseconds is None and any(re.fullmatch(r"p\d(time|inc)", word) for word in values):
        raise BadInput(f"go: seat {seat} is to move, expected p{seat}time")
    return Limits(
        nodes=values.get("nodes"),
        seconds=None if milliseconds is None else milliseconds / 1000,
        depth=values.get("depth"),
        infinite="infinite" in values,
    )
