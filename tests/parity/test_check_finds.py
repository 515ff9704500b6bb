"""A rule broken in one engine is found, shown, and written down so that the gate finds it again."""

import json
import re

import pytest

from ringrift.cli.main import run
from ringrift.configs import Config
from ringrift.parity import gate
from ringrift.parity.lockstep import Lockstep, Start, reproduction
from ringrift.parity.trace import read_trace, write_trace
from ringrift.reference import elimination, lines, movement, recovery, territory, turn, victory
from ringrift.reference import game as reference_game
from ringrift.rules.game import GameOptions


def without(function, unwanted):
    """A lister of moves that leaves some out."""
    return lambda *arguments: [move for move in function(*arguments) if not unwanted(move)]


def backwards(position, _material):
    """The seat before the mover."""
    return (position.player - 2) % position.limits.players + 1


#: What is broken: (module, name, what stands there instead, what the report names).
BROKEN = {
    "the turn passes backwards": (turn, "_next_seat", backwards, ("cur",)),
    "no marker is crossed": (movement, "cross", lambda *_: None, ("markers",)),
    "no parts of lines": (
        lines,
        "line_moves",
        without(lines.line_moves, lambda move: move.cells != move.run),
        ("number of legal moves", "too much: LO "),
    ),
    "no strikes": (
        recovery,
        "slides",
        without(recovery.slides, lambda move: move.mode == "strike"),
        ("too much: RS ",),
    ),
    "a region without its border": (territory, "border", lambda *_: set(), ("collapsed", "terr")),
    "a forced elimination of one ring": (turn, "take_cap", elimination.take_top, ("stacks",)),
    "nobody wins by territory": (victory, "_by_territory", lambda _: None, ("victory", "winner")),
    "the tracker sleeps": (turn, "note_turn", lambda position: position.tracker, ("lps",)),
    "ranks are reversed": (
        reference_game,
        "ranks",
        lambda position: tuple(reversed(range(1, position.limits.players + 1))),
        ("result after", "ranks"),
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_rule_is_found_and_shown_again(what, monkeypatch, capsys, tmp_path):
    """Exit 1 with seed, move, board and fields; and the reproduction makes the gate exit 1."""
    module, name, instead, named = BROKEN[what]
    arguments = ["--config", "square8:3", "--games", "10", "--seed", "4", "--jobs", "1"]
    with monkeypatch.context() as broken:
        broken.setattr(module, name, instead)
        assert run(["parity", "check", *arguments, "--out", str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    (file,) = tmp_path.iterdir()
    where = re.search(
        r"^square8:3, seed 4, ((?:game|position)-\d+), move (\d+): ", out, re.MULTILINE
    )
    game, move = where.groups()
    assert all(word in out[where.start() :] for word in named), "the fields that differ are named"
    assert "y\\x" in out, "the board is drawn"
    assert f"ringrift parity gate {file}" in out
    assert f"--seed 4 --only {game}" in out
    assert game in err
    assert file.name == f"difference-square8_3p-4-{game}.jsonl.gz"

    (trace,) = read_trace(file)
    assert trace.config == Config("square8", 3)
    (difference,) = gate.check_file(file).differences
    assert difference.move in (int(move), int(move) + 1)  # the end has a line of its own
    assert run(["parity", "gate", str(file)]) == 1
    assert "1 differences" in capsys.readouterr().out

    # The whole rule again: the same game has no difference now.
    assert run(["parity", "check", *arguments, "--only", game]) == 0


def test_an_engine_that_fails_is_a_difference(monkeypatch, capsys, tmp_path):
    """An engine that raises is reported with the game and the move, not as a traceback."""

    def broken(*_arguments):
        raise KeyError("no such cell")

    monkeypatch.setattr(territory, "border", broken)
    arguments = ["--config", "square8:3", "--games", "5", "--seed", "4", "--jobs", "1"]
    assert run(["parity", "check", *arguments, "--out", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "an engine fails at the move: KeyError: 'no such cell'" in out
    (file,) = tmp_path.iterdir()
    assert gate.check_file(file).moves > 0


def test_json_tells_the_difference(monkeypatch, capsys, tmp_path):
    """With --json the difference is one object with moves, fields, board and file."""
    monkeypatch.setattr(turn, "_next_seat", backwards)
    arguments = ["--config", "hex8:3", "--games", "1", "--positions", "0", "--jobs", "1", "--json"]
    assert run(["parity", "check", *arguments, "--out", str(tmp_path)]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["differences"] == 1
    found = told["difference"]
    assert found["move"] == len(found["played"]) + 1
    assert {field["name"] for field in found["fields"]} >= {"cur"}
    assert found["reproduction"] == str(next(tmp_path.iterdir()))
    assert "hex8, turn 1" in found["board"]


@pytest.mark.parametrize("config", ["square8:2", "hexagonal:3"])
def test_a_reproduction_without_a_difference_passes(config, tmp_path):
    """What the reference writes of a sound game passes the gate: only a difference fails it."""
    config = Config.parse(config)
    step = Lockstep(Start(config, GameOptions()))
    for _ in range(30):
        legal = step.legal()
        step.play(legal[len(legal) // 2])
    path = tmp_path / "sound.jsonl.gz"
    write_trace(path, reproduction(step.differs("nothing at all").difference, "sound", 0))
    report = gate.check_file(path)
    assert (report.moves, report.differences) == (31, ())


@pytest.mark.parametrize(
    ("key", "value"), [("plies", 7), ("last", 2), ("out", [1, 0]), ("turns", 9)]
)
def test_the_gate_compares_all_of_a_state_plus(key, value, tmp_path):
    """A key that only a state+ has, changed in a reproduction, is a difference at its move."""
    config = Config("hex8", 2)
    step = Lockstep(Start(config, GameOptions()))
    for _ in range(3):
        step.play(step.legal()[0])
    lines_ = list(reproduction(step.differs("nothing at all").difference, "one", 0))
    assert lines_[2]["st"][key] != value
    lines_[2]["st"][key] = value
    path = tmp_path / "one.jsonl.gz"
    write_trace(path, lines_)
    (difference,) = gate.check_file(path).differences
    assert difference.move == 2
    assert key in difference.subject
