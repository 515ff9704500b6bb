"""Ratings from a real ledger."""

from pathlib import Path

import pytest

from ringrift.agents import AgentSpec
from ringrift.configs import Config
from ringrift.evaluation.elo_service import EloService, get_elo_service
from ringrift.evaluation.match import play_match
from ringrift.evaluation.result import MatchResult
from ringrift.evaluation.spec import MatchSpec
from ringrift.store.ledger import Ledger, open_ledger
from ringrift.store.matches import MatchRow, add_games, add_match

HEX = Config("hex8", 2)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """An empty ledger."""
    return open_ledger(tmp_path)


def played(games: int, seed: int, config: Config = HEX) -> MatchResult:
    """A match of heuristic against random."""
    spec = MatchSpec(config, AgentSpec("heuristic"), AgentSpec("random"), games, seed)
    return play_match(spec, Path)


def keep(ledger: Ledger, result: MatchResult) -> None:
    """Write a match and its games into the ledger."""
    spec = result.spec
    row = MatchRow(
        id=spec.id,
        config=str(spec.config),
        purpose="manual",
        a=spec.a.identity,
        b=spec.b.identity,
        seed=str(spec.seed),
        games=spec.games,
        spec=spec.as_dict(),
    )
    with ledger.write() as tx:
        add_match(tx, row)
        add_games(tx, spec.id, [game.as_dict() for game in result.games])


def test_ratings_follow_the_ledger(ledger: Ledger) -> None:
    """Ratings change when games arrive, and not when the same games arrive again."""
    service = EloService(ledger)
    assert list(service.ratings(HEX)) == ["random"]
    keep(ledger, played(40, 1))
    first = service.rating(HEX, "heuristic")
    assert first is not None
    assert first.elo > 100
    assert first.games == 40
    keep(ledger, played(40, 1))
    assert service.rating(HEX, "heuristic") == first
    keep(ledger, played(40, 2))
    second = service.rating(HEX, "heuristic")
    assert second is not None
    assert second.games == 80
    assert second.high - second.low < first.high - first.low


def test_configs_apart(ledger: Ledger) -> None:
    """Games of one config say nothing about another."""
    service = EloService(ledger)
    keep(ledger, played(40, 1))
    keep(ledger, played(12, 1, Config("hex8", 4)))
    heuristic = service.rating(Config("hex8", 4), "heuristic")
    assert heuristic is not None
    assert heuristic.games == 12
    assert service.rating(Config("square8", 2), "heuristic") is None


def test_strongest_first(ledger: Ledger) -> None:
    """The table is in order of strength, the anchor at its fixed point."""
    keep(ledger, played(40, 1))
    ratings = EloService(ledger).ratings(HEX)
    assert list(ratings) == ["heuristic", "random"]
    assert ratings["random"].elo == 0.0


def test_one_service_per_ledger(ledger: Ledger, tmp_path: Path) -> None:
    """The same database gives the same service, another one another."""
    assert get_elo_service(ledger) is get_elo_service(ledger)
    assert get_elo_service(open_ledger(tmp_path / "other")) is not get_elo_service(ledger)


def test_default_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without arguments it is the service of the state directory."""
    monkeypatch.setenv("RINGRIFT_HOME", str(tmp_path))
    monkeypatch.delenv("RINGRIFT_DATABASE_URL", raising=False)
    assert "random" in get_elo_service().ratings(HEX)
