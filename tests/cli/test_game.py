"""`ringrift game`: positions drawn, single games played."""

import json

import pytest

from ringrift.cli.main import run
from ringrift.configs import Config
from ringrift.rules.game import Game


@pytest.mark.parametrize("moves", [0, 1, 57])
def test_draw(capsys, moves):
    """A drawing after n moves says which move is next, and is the same each time."""
    command = ["game", "draw", "--config", "hex8:3", "--moves", str(moves), "--seed", "4"]
    assert run(command) == 0
    first = capsys.readouterr().out
    assert f"move {moves + 1}: seat" in first
    assert run(command) == 0
    assert capsys.readouterr().out == first


def test_draw_a_state(capsys, tmp_path):
    """A state from a file is drawn, with its legal moves if wanted; a wrong one is one line."""
    game = Game.new(Config("square8", 2))
    game.apply("PL 3,3 3")
    path = tmp_path / "state.json"
    path.write_text(json.dumps(game.state_plus()))
    command = ["game", "draw", "--config", "square8:2", "--state", str(path), "--legal"]
    assert run(command) == 0
    out = capsys.readouterr().out
    assert game.draw() in out
    assert "MV 3,3 3,6" in out
    path.write_text("{")
    assert run(command) == 2
    assert "state.json: not JSON" in capsys.readouterr().err


def test_play(capsys):
    """A game between two agents is printed turn by turn to its end."""
    assert run(["game", "play", "--config", "hex8:2", "--agents", "random", "--seed", "2"]) == 0
    out = capsys.readouterr().out
    assert "   1 seat 1  PL " in out
    assert " wins by " in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["draw", "--config", "hex9:2"], "did you mean 'hex8'"),
        (["play", "--agents", "randm"], "did you mean 'random'"),
        (["play", "--agents", "random,random,random"], "3 agents for 2 seats"),
    ],
)
def test_bad_input(capsys, arguments, message):
    """Bad input ends in one clear line and exit code 2."""
    assert run(["game", *arguments]) == 2
    assert message in capsys.readouterr().err
