"""The quality gate: what a file of games must be before anything learns from it.

Each check is one function over the games; the first fault of each is reported. The limits are wide
on purpose: they stop broken producers (empty searches, one game a thousand times, games that end
at once), not unusual play.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from ringrift.configs import Config
from ringrift.rules.boards import board
from ringrift.rules.records import Decision, GameRecord

#: Largest distance of a policy target's sum from 1: shares are written with six digits.
SUM_TOLERANCE = 1e-3

#: Files with fewer games are not judged by how their games are distributed.
ENOUGH_GAMES = 20

#: Largest share of one winner, of games too short, or of repeated games in a file of ENOUGH_GAMES.
MOST_FROM_ONE_SEAT = 0.98
MOST_SHORT = 0.5
MOST_REPEATED = 0.5


def faults(games: Sequence[GameRecord], config: Config | None = None) -> list[str]:
    """What is wrong with the games of one file, one line each; empty when they may be used."""
    if not games:
        return ["the file holds no games"]
    found = []
    for check in _CHECKS:
        fault = check(games)
        if fault is not None:
            found.append(fault)
    if config is not None:
        for game in games:
            if game.config != config:
                found.append(f"game {game.id[:12]} is {game.config}, expected {config}")
                break
    return found


def _ids_differ(games: Sequence[GameRecord]) -> str | None:
    counts = Counter(game.id for game in games)
    game, times = counts.most_common(1)[0]
    return None if times == 1 else f"game {game[:12]} is in the file {times} times"


def _moves_differ(games: Sequence[GameRecord]) -> str | None:
    """Different seeds and one course of play: the randomness of the producer is broken."""
    if len(games) < ENOUGH_GAMES:
        return None
    repeated = 1.0 - len({game.moves for game in games}) / len(games)
    if repeated <= MOST_REPEATED:
        return None
    return f"{repeated:.0%} of the games repeat the moves of another"


def _lengths(games: Sequence[GameRecord]) -> str | None:
    """No game is longer than rules §17 allows by far; few are over within two rounds."""
    for game in games:
        b = board(game.config.board)
        rings = game.options.get("rings") or b.rings
        most = 20 * (b.n + game.config.players * int(rings))
        if not 0 < len(game.moves) <= most:
            return f"game {game.id[:12]} has {len(game.moves)} moves, expected 1 to {most}"
    short = sum(game.result.turns <= 2 * game.config.players for game in games) / len(games)
    if len(games) < ENOUGH_GAMES or short <= MOST_SHORT:
        return None
    return f"{short:.0%} of the games are over within two rounds"


def _winners(games: Sequence[GameRecord]) -> str | None:
    """No seat wins nearly all games of equal agents; where they differ, the better one may."""
    equal = [game for game in games if len(set(game.seats)) == 1]
    if len(equal) < ENOUGH_GAMES:
        return None
    seat, wins = Counter(game.result.winner for game in equal).most_common(1)[0]
    if wins / len(equal) <= MOST_FROM_ONE_SEAT:
        return None
    return f"seat {seat} wins {wins} of {len(equal)} games"


def _decisions(games: Sequence[GameRecord]) -> str | None:
    for game in games:
        actions = board(game.config.board).num_actions(game.config.players)
        for decision in game.decisions:
            fault = decision_fault(decision, actions)
            if fault is not None:
                return f"game {game.id[:12]}, move {decision.i + 1}: {fault}"
    return None


def decision_fault(decision: Decision, actions: int) -> str | None:
    """What is wrong with the numbers of one decision on a board with so many actions."""
    if decision.full and not decision.a:
        return "a full search has no policy target"
    if decision.a:
        total = math.fsum(decision.p)
        if abs(total - 1.0) > SUM_TOLERANCE:
            return f"the policy target sums to {total:.4f}, expected 1"
        if min(decision.p) < 0.0:
            return f"the policy target holds {min(decision.p)}"
        if len(set(decision.a)) != len(decision.a):
            return "the policy target names an action twice"
        if min(decision.a) < 0 or max(decision.a) >= actions:
            return f"the policy target names an action outside of 0 to {actions - 1}"
    values = decision.v
    if not all(-SUM_TOLERANCE <= v <= 1.0 + SUM_TOLERANCE for v in values):
        return f"the root values {list(values)} are no probabilities"
    if abs(math.fsum(values) - 1.0) > 0.02:
        return f"the root values sum to {math.fsum(values):.4f}, expected 1"
    return None


_CHECKS: Final[tuple[Callable[[Sequence[GameRecord]], str | None], ...]] = (
    _ids_differ,
    _moves_differ,
    _lengths,
    _winners,
    _decisions,
)
