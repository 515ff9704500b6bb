"""A gauntlet is a row of matches with verdicts."""

from pathlib import Path

from ringrift.agents import AgentSpec
from ringrift.configs import Config
from ringrift.evaluation.gauntlet import Opponent, run_gauntlet
from ringrift.evaluation.match import play_match
from ringrift.evaluation.spec import MatchSpec


def no_model(sha256: str) -> Path:
    """These agents have no weights."""
    raise AssertionError(sha256)


def test_gauntlet() -> None:
    """Each row is the match against its opponent, with the verdict on its bound."""
    spec = MatchSpec(Config("hex8", 2), AgentSpec("heuristic"), AgentSpec("random"), 60, 3)
    rows = run_gauntlet(
        spec,
        [
            Opponent("random", AgentSpec("random"), 0.5),
            Opponent("itself", AgentSpec("heuristic"), 0.9),
            Opponent("random again", AgentSpec("random")),
        ],
        no_model,
    )
    assert [row.passed for row in rows] == [True, False, None]
    assert rows[2].result.games == play_match(spec, no_model).games
    assert len(rows[1].result.games) < 60
    assert rows[0].as_dict()["passed"] is True
    assert rows[0].as_dict()["opponent"] == "random"
