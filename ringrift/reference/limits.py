"""The numbers of one game (rules §1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.reference.geometry import geometry

#: Rings per player (rules §1.1).
RINGS: Mapping[str, int] = {"square8": 18, "square19": 72, "hex8": 18, "hexagonal": 96}


@dataclass(frozen=True, slots=True)
class Limits:
    """Constants and options of a game (rules §1.2)."""

    #: P.
    players: int
    #: R, rings per player.
    rings: int
    #: L, the length at which a line is exact.
    length: int
    #: B, the base length, which only tells what the public reference refuses (rules §11.4).
    base: int
    #: Dt, the shortest run that counts as a line.
    detect: int
    #: VT, eliminated rings that win.
    victory: int
    #: TM, cells of territory needed to win by them.
    territory: int
    #: Rounds alone that win (rules §15).
    lps_rounds: int
    #: Whether seat 2 may swap seats (rules §12).
    pie: bool


def limits(
    config: Config, *, pie: bool, line_detect: int | None, lps_rounds: int, rings: int | None
) -> Limits:
    """The numbers of a configuration, None being its default (rules §0, §1.2)."""
    players = config.players
    small = config.board in ("square8", "hex8")
    length = 3 if small and players > 2 else 4
    base = 3 if config.board == "square8" else length
    if line_detect is not None:
        if not length <= line_detect <= length + 1:
            raise BadInput(f"line_detect is {line_detect}: expected {length} or {length + 1}")
        if line_detect != max(length, base):
            base = line_detect
    if rings is None:
        rings = RINGS[config.board]
    if not 1 <= rings <= 999:
        raise BadInput(f"rings per player is {rings}: expected 1 to 999")
    if not 1 <= lps_rounds <= 999:
        raise BadInput(f"lps_rounds is {lps_rounds}: expected 1 to 999")
    if pie and players != 2:
        raise BadInput(f"the pie rule is for 2 players, not for {config}")
    return Limits(
        players=players,
        rings=rings,
        length=length,
        base=base,
        detect=max(length, base),
        victory=(rings * (players + 1) + 1) // 3,  # R (2/3 + (P-1)/3), rounded; never a tie
        territory=len(geometry(config.board).order) // players + 1,
        lps_rounds=lps_rounds,
        pie=pie,
    )
