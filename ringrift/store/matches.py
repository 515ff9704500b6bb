"""Matches and their games: the evidence that evaluations and ratings are computed from.

A match is fixed before it starts and has the id of its spec (`evaluation.spec.MatchSpec.id`). Its
games arrive in chunks, in any order, some perhaps twice, and each counts once, by its number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ringrift.store import ids
from ringrift.store.ledger import Tx, insert_once
from ringrift.store.runs import require_open
from ringrift.store.schema import match_games, matches

#: Purpose of a match that somebody played by hand.
MANUAL = "manual"

#: Fields of a game that are stored as they come.
_FIELDS = (
    "number",
    "block",
    "seat",
    "seats",
    "ranks",
    "winner",
    "score",
    "victory",
    "plies",
    "turns",
    "swapped",
)


@dataclass(frozen=True, slots=True)
class MatchRow:
    """A match as it was planned."""

    #: Derived from the spec.
    id: str
    config: str
    #: Name of the gate, or "manual", "shadow", "tournament".
    purpose: str
    #: Identities of the agents: kind, weights and budget, never names.
    a: str
    b: str
    #: Decimal.
    seed: str
    #: Games at most.
    games: int
    spec: dict[str, Any]
    #: The run that it belongs to, None for one played by hand.
    run_id: str | None = None
    #: Weights behind a, where there are any.
    model: str | None = None


_MATCH = [matches.c[name] for name in MatchRow.__dataclass_fields__]
_SCORES = sa.select(match_games.c.number, match_games.c.score).where(
    match_games.c.match_id == sa.bindparam("match")
)

#: A match that a loop planned for no run, and whose games are not all there.
_UNPLAYED = (
    matches.c.run_id.is_(None),
    matches.c.purpose != MANUAL,
    sa.select(sa.func.count())
    .where(match_games.c.match_id == matches.c.id)
    .correlate(matches)
    .scalar_subquery()
    < matches.c.games,
)


def add_match(tx: Tx, match: MatchRow) -> bool:
    """Register a match; False if it is there."""
    if match.run_id is not None:
        require_open(tx, match.run_id)
    values = {name: getattr(match, name) for name in MatchRow.__dataclass_fields__}
    return insert_once(tx, matches, [{**values, "created_at": tx.now}]) == 1


def add_games(tx: Tx, match: str, played: Sequence[Mapping[str, Any]]) -> int:
    """Put games of a match into the ledger (`evaluation.result.MatchGame.as_dict`); how many new."""
    found = get_match(tx, match)
    if found.run_id is not None:
        require_open(tx, found.run_id)
    return insert_once(
        tx,
        match_games,
        [
            {
                "id": ids.match_game_id(match, game["number"]),
                "match_id": match,
                "game": game["id"],
                **{name: _plain(game[name]) for name in _FIELDS},
            }
            for game in played
        ],
    )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def get_match(tx: Tx, match: str) -> MatchRow:
    """One match; KeyError if there is none."""
    row = tx.conn.execute(sa.select(*_MATCH).where(matches.c.id == match)).mappings().first()
    if row is None:
        raise KeyError(match)
    return MatchRow(**row)


def all_matches(tx: Tx, config: str | None = None) -> list[MatchRow]:
    """Every match."""
    query = sa.select(*_MATCH).order_by(matches.c.created_at, matches.c.id)
    if config is not None:
        query = query.where(matches.c.config == config)
    return [MatchRow(**row) for row in tx.conn.execute(query).mappings()]


def last_planned(tx: Tx, config: str, purpose: str) -> float | None:
    """When the newest match for a purpose was planned; None before the first."""
    query = sa.select(sa.func.max(matches.c.created_at)).where(
        matches.c.config == config, matches.c.purpose == purpose
    )
    found = tx.conn.scalar(query)
    return None if found is None else float(found)


def count_matches(tx: Tx, config: str, purpose: str, a: str, b: str) -> int:
    """Matches of two agents for a purpose."""
    query = sa.select(sa.func.count()).where(
        matches.c.config == config,
        matches.c.purpose == purpose,
        matches.c.a == a,
        matches.c.b == b,
    )
    return int(tx.conn.scalar(query) or 0)


def between(tx: Tx, config: str, model: str, other: str) -> list[MatchRow]:
    """Matches of two networks with whatever budgets, oldest first."""

    def of(column: sa.Column[str], sha256: str) -> sa.ColumnElement[bool]:
        return column.contains(f":{sha256[:12]}", autoescape=True)

    a, b = matches.c.a, matches.c.b
    query = (
        sa.select(*_MATCH)
        .where(
            matches.c.config == config,
            sa.or_(
                sa.and_(of(a, model), of(b, other)),
                sa.and_(of(a, other), of(b, model)),
            ),
        )
        .order_by(matches.c.created_at, matches.c.id)
    )
    return [MatchRow(**row) for row in tx.conn.execute(query).mappings()]


def unplayed(tx: Tx, config: str, since: float) -> list[MatchRow]:
    """Matches of no run that were planned since then and lack games, as far as a loop planned them.

    A match played by hand is recorded when it is over, and may have ended early.
    """
    query = sa.select(*_MATCH).where(
        matches.c.config == config, matches.c.created_at >= since, *_UNPLAYED
    )
    return [MatchRow(**row) for row in tx.conn.execute(query).mappings()]


@dataclass(frozen=True, slots=True)
class Planned:
    """A match of no run whose games are not all there."""

    id: str
    config: str
    #: "shadow" or "tournament".
    purpose: str
    #: Seconds since 1970.
    planned_at: float


def planned_between(tx: Tx, since: float, until: float) -> list[Planned]:
    """Matches of every config that `unplayed` knows and that were planned in that time, oldest first."""
    query = (
        sa.select(matches.c.id, matches.c.config, matches.c.purpose, matches.c.created_at)
        .where(matches.c.created_at.between(since, until), *_UNPLAYED)
        .order_by(matches.c.created_at, matches.c.id)
    )
    return [Planned(*row) for row in tx.conn.execute(query)]


def games_of(tx: Tx, match: str) -> list[dict[str, Any]]:
    """Games of a match by their number, in the form that `add_games` takes."""
    query = (
        sa.select(match_games.c.game, *[match_games.c[name] for name in _FIELDS])
        .where(match_games.c.match_id == match)
        .order_by(match_games.c.number)
    )
    return [
        {"id": row["game"], **{name: row[name] for name in _FIELDS}}
        for row in tx.conn.execute(query).mappings()
    ]


def wins_by_number(tx: Tx, match: str) -> dict[int, float]:
    """Number of each game that is there -> score of agent a."""
    found = tx.conn.execute(_SCORES, {"match": match})
    return {int(row.number): float(row.score) for row in found}
