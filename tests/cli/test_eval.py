"""``ringrift eval``: real matches on a real command line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ringrift.cli.main import run


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a state directory of its own, which does not exist yet."""
    monkeypatch.setenv("RINGRIFT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("RINGRIFT_DATABASE_URL", raising=False)


def command(line: str) -> int:
    """Run one command line; its exit code."""
    return run(line.split())


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """--json prints one object with the figures, the seed and both seatings."""
    code = command("eval match --config hex8:2 --a heuristic --b random --games 60 --seed 4 --json")
    figures = json.loads(capsys.readouterr().out)
    assert code == 0
    assert figures["games"] == 60
    assert figures["spec"]["seed"] == 4
    assert figures["win_rate"]["low"] > 0.5
    assert [figures["by_seat"][seat]["games"] for seat in ("1", "2")] == [30, 30]


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Without --json a table shows the win rate, its interval and each seat."""
    assert command("eval match --config hex8:3 --a heuristic --b random --games 30") == 0
    out = capsys.readouterr().out
    for text in ("all games", "95% interval", "starting in seat 3", "endings:", "games/s"):
        assert text in out


def test_bound(capsys: pytest.CaptureFixture[str]) -> None:
    """--bound ends the match early and decides the exit code."""
    start = (
        "eval match --config hex8:2 --a heuristic --b random --games 200 --seed 1 --json --bound"
    )
    assert run([*start.split(), "0.4"]) == 0
    assert json.loads(capsys.readouterr().out)["games"] < 200
    assert run([*start.split(), "0.99"]) == 1
    assert "0.990 was asked for" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("--config hex9:2 --a random --b random", "did you mean 'hex8'?"),
        ("--config hex8:2 --a randm --b random", "did you mean 'random'?"),
        ("--config hex8:2 --a champion --b random", "no ledger in"),
        ("--config hex8:2 --a policy-only --b random", "needs a model"),
        ("--config hex8:2 --a random --b random --games 1", "at least 2 games"),
        ("--config hex8:3 --a random --b random --pie", "pie rule is for 2 players"),
        ("--config hex8:2 --a random", "--b"),
    ],
)
def test_bad_input(capsys: pytest.CaptureFixture[str], arguments: str, line: str) -> None:
    """Bad input is one clear line and exit code 2."""
    assert run(["eval", "match", *arguments.split()]) == 2
    err = capsys.readouterr().err
    assert line in err
    assert len(err.strip().splitlines()) == 1


def test_settings_of_one_config(monkeypatch: pytest.MonkeyPatch) -> None:
    """What per_config says of the config counts in matches by hand, and for no other config."""
    from ringrift.cli.eval import _setup

    own = '{"hex8:3": {evaluation: {simulations: 7, opening_decisions: 9}, search: {rule: puct}}}'
    monkeypatch.setenv("RINGRIFT__PER_CONFIG", own)
    mine, other = _setup("hex8:3", None, None), _setup("hex8:2", None, None)
    assert (mine.names.simulations, mine.names.search.rule, mine.opening) == (7, "puct", 9)
    assert (other.names.simulations, other.names.search.rule, other.opening) == (64, "gumbel", 4)


def test_recorded_match_is_rated(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A recorded match is in the ledger once, and the ratings read it."""
    from ringrift.store.ledger import open_ledger

    (tmp_path / "home").mkdir()
    open_ledger(tmp_path / "home").close()
    match = "eval match --config hex8:2 --a heuristic --b random --games 40 --seed 4 --record"
    assert command(match) == 0
    assert command(match) == 0
    capsys.readouterr()
    assert command("eval ratings --config hex8:2 --json") == 0
    rows = {r["agent"]: r for r in json.loads(capsys.readouterr().out)["ratings"]}
    assert rows["heuristic"]["games"] == 40
    assert rows["heuristic"]["elo"] > rows["random"]["elo"] == 0


def test_gauntlet(capsys: pytest.CaptureFixture[str]) -> None:
    """A gauntlet prints a verdict per opponent and fails with the first bound that is missed."""
    assert (
        command("eval gauntlet random --config hex8:2 --games 40 --opponents random,heuristic") == 0
    )
    code = command("eval gauntlet heuristic --config hex8:2 --games 40 --opponents random --json")
    row = json.loads(capsys.readouterr().out.splitlines()[-1])["rows"][0]
    assert row["bound"] == 0.8
    assert code == (0 if row["passed"] else 1)


def test_light_start() -> None:
    """The command group can be listed without numba and torch."""
    code = "import ringrift.cli.eval, ringrift.cli.data, sys; print('numba' in sys.modules, 'torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["False", "False"]
