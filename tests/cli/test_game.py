"""`ringrift game`: single games drawn, played and shown."""

import json
from pathlib import Path

import pytest

from ringrift.cli.main import run
from ringrift.configs import Config
from ringrift.rules.game import Game
from ringrift.rules.records import GameRecord, Result, SeatAgent, write_records

TRACE = Path(__file__).parents[1] / "data" / "traces" / "square8_2p.jsonl.gz"


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


def test_show_a_trace(capsys):
    """Without a number the games of a file are listed; with one a position is drawn."""
    assert run(["game", "show", str(TRACE)]) == 0
    assert "square8_2p-001  square8:2" in capsys.readouterr().out
    assert run(["game", "show", str(TRACE), "1", "--move", "2"]) == 0
    out = capsys.readouterr().out
    assert "after move 2: MV" in out
    assert "move 3: seat 1 in " in out


def test_show_records(capsys, tmp_path):
    """A file of game records can be listed and shown as well."""
    game = Game.new(Config("hex8", 2))
    record = GameRecord(
        config=game.config,
        options=game.state_plus()["options"],
        seats=(SeatAgent("random"), SeatAgent("heuristic")),
        seed=0,
        moves=("PL 0,0,0 2", "MV 0,0,0 2,0,-2"),
        result=Result(1, "lps_early", (1, 2), 1, 2),
    )
    path = write_records(tmp_path, [record]).path
    assert run(["game", "show", str(path)]) == 0
    assert "random - heuristic, seat 1 wins by lps_early  2 moves" in capsys.readouterr().out
    assert run(["game", "show", str(path), "1"]) == 0
    assert "1^2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", str(TRACE), "99"], "there is no game 99"),
        (["show", str(TRACE), "1", "--move", "9999"], "moves, not 9999"),
        (["show", "x.txt"], "expected a file of records"),
        (["draw", "--config", "hex9:2"], "did you mean 'hex8'"),
        (["play", "--agents", "randm"], "did you mean 'random'"),
        (["play", "--agents", "random,random,random"], "3 agents for 2 seats"),
    ],
)
def test_bad_input(capsys, arguments, message):
    """Bad input ends in one clear line and exit code 2."""
    assert run(["game", *arguments]) == 2
    assert message in capsys.readouterr().err
