"""Ratings of everything that ever played a match, computed from the ledger.

A rating belongs to weights and a search budget, never to a name. It is computed from all games of
its config each time the ledger has grown; nothing that is stored can go stale or be counted twice.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ringrift.configs import Config
from ringrift.evaluation.ratings import RatedGame, Rating, fit_ratings
from ringrift.store.ledger import Ledger, Tx, open_ledger
from ringrift.store.matches import MatchRow, all_matches, games_of

#: Fixed points of the scale: uniformly random play is 0 Elo in every config.
ANCHORS: Final[Mapping[str, float]] = {"random": 0.0}


def rated_games(match: MatchRow, games: Iterable[Mapping[str, Any]]) -> list[RatedGame]:
    """Games of one match as the ratings read them."""
    identity = {"a": match.a, "b": match.b}
    return [
        RatedGame(tuple(identity[s] for s in game["seats"]), tuple(game["ranks"])) for game in games
    ]


@dataclass(slots=True)
class EloService:
    """Ratings by config, from one ledger. Safe to share between threads."""

    #: Where the matches are.
    ledger: Ledger
    #: config -> (match, games) that its ratings were computed from, and the ratings.
    _known: dict[Config, tuple[tuple[tuple[str, int], ...], dict[str, Rating]]] = field(
        default_factory=dict
    )
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ratings(self, config: Config) -> dict[str, Rating]:
        """Identity -> rating, strongest first; the anchors are always among them."""
        with self._lock:
            with self.ledger.read() as tx:
                played = _played(tx, config)
            state = tuple((match.id, len(games)) for match, games in played)
            known = self._known.get(config)
            if known is None or known[0] != state:
                every = [g for match, games in played for g in rated_games(match, games)]
                fitted = fit_ratings(every, ANCHORS)
                ranked = sorted(fitted.values(), key=lambda r: (-r.elo, r.agent))
                known = (state, {r.agent: r for r in ranked})
                self._known[config] = known
            return dict(known[1])

    def rating(self, config: Config, identity: str) -> Rating | None:
        """Rating of one agent; None before its first game."""
        return self.ratings(config).get(identity)


def _played(tx: Tx, config: Config) -> list[tuple[MatchRow, list[dict[str, Any]]]]:
    """Matches of a config that have games, with them."""
    pairs = [(match, games_of(tx, match.id)) for match in all_matches(tx, str(config))]
    return [(match, games) for match, games in pairs if games]


_services: dict[str, EloService] = {}
_services_lock = threading.Lock()


def get_elo_service(ledger: Ledger | None = None) -> EloService:
    """The service of a ledger, one for each database; without one, of the state directory's."""
    from ringrift.settings import home

    with _services_lock:
        found = ledger or open_ledger(home())
        service = _services.setdefault(str(found.engine.url), EloService(found))
        if ledger is None and service.ledger is not found:
            found.close()
        return service
