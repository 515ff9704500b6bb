"""`ringrift record`: files of games shown, checked and converted."""

import gzip
import json
import re
from pathlib import Path

import pytest

from ringrift.cli.main import run
from ringrift.configs import Config
from ringrift.parity.trace import read_trace
from ringrift.rules.game import Game
from ringrift.rules.records import RecordReader, write_records
from tests.data_room.conftest import random_record

TRACE = Path(__file__).parents[1] / "data" / "traces" / "square8_2p.jsonl.gz"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Three games in a file."""
    folder = tmp_path_factory.mktemp("records")
    games = [random_record(Config("hex8", 2), seed) for seed in (1, 2, 3)]
    return write_records(folder, games).path


def test_list(capsys, file):
    """A file of several games is listed, a line for each, traces too."""
    assert run(["record", "show", str(file)]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 3
    assert re.match(r" +2  [0-9a-f]{12}  hex8:2  random - random, seat [12] wins by ", rows[1])
    assert run(["record", "show", str(TRACE)]) == 0
    assert "    1  square8_2p-001  square8:2  trace, bytype, seat 1" in capsys.readouterr().out


def test_one_game(capsys, file):
    """One game: agents, each move with turn, seat and phase, the last position, and its end."""
    record = list(RecordReader(file))[1]
    assert run(["record", "show", str(file), "--game", "2"]) == 0
    out = capsys.readouterr().out
    assert run(["record", "show", str(file), "--game", record.id[:8]]) == 0
    assert capsys.readouterr().out == out
    rows = out.splitlines()
    assert rows[0] == f"game {record.id}, hex8:2"
    assert "seat 2  random" in rows
    first = rows.index("move  turn  seat    phase                 move") + 1
    game = Game.new(record.config)
    for number, move in enumerate(record.moves):
        turn = game.state_plus()["turns"]
        told = f"{number + 1} {turn} seat {game.player} {game.phase.replace('_', ' ')} {move}"
        assert " ".join(rows[first + number].split("   [")[0].split()) == told
        game.apply(move)
    assert game.draw() in out
    ranks = "-".join(map(str, record.result.ranks))
    assert rows[-1] == (
        f"seat {record.result.winner} wins by {record.result.victory}, ranks {ranks} "
        f"after {record.result.turns} turns"
    )


def test_one_position(capsys, file):
    """A position is drawn after the move that led to it; 0 is the start."""
    record = next(iter(RecordReader(file)))
    game = Game.new(record.config)
    for move in record.moves[:20]:
        game.apply(move)
    assert run(["record", "show", str(file), "--game", "1", "--move", "20"]) == 0
    out = capsys.readouterr().out
    assert out.endswith(f"{record.moves[19]}\n\n{game.draw()}\n")
    assert run(["record", "show", str(file), "--game", "1", "--move", "0"]) == 0
    assert capsys.readouterr().out.endswith(f"{Game.new(record.config).draw()}\n")


def test_all_positions(capsys, file):
    """With --all the start and the position after every move that changed the board are drawn."""
    record = list(RecordReader(file))[2]
    assert run(["record", "show", str(file), "--game", "3", "--all"]) == 0
    out = capsys.readouterr().out
    passes = sum(" " not in move and move != "SW" for move in record.moves)
    assert out.count("\n  seat   hand") == 1 + len(record.moves) - passes
    game = Game.new(record.config)
    for move in record.moves:
        game.apply(move)
        if " " in move:
            assert game.draw() in out


def test_colours(capsys, file, monkeypatch):
    """No colours without a terminal; --colour forces them, and they change nothing else."""
    command = ["record", "show", str(file), "--game", "1"]
    run(command)
    plain = capsys.readouterr().out
    assert "\x1b" not in plain
    run([*command, "--colour"])
    coloured = capsys.readouterr().out
    assert "\x1b[1;31mseat 1\x1b[0m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


@pytest.mark.parametrize(
    ("variables", "options", "wanted"),
    [
        ({}, [], True),
        ({"NO_COLOR": "1"}, [], False),
        ({"NO_COLOR": ""}, [], True),
        ({"TERM": "dumb"}, [], False),
        ({}, ["--no-colour"], False),
        ({"NO_COLOR": "1"}, ["--color"], True),
    ],
)
def test_colours_on_a_terminal(file, variables, options, wanted):
    """On a terminal there are colours, unless NO_COLOR is set or the terminal knows none."""
    import os
    import pty
    import subprocess
    import sys

    outer, inner = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
    program = "from ringrift.cli.main import main; main()"
    command = [sys.executable, "-c", program, "record", "show", str(file), "--game", "1"]
    child = subprocess.Popen(
        [*command, "--move", "5", *options],
        stdout=inner,
        env={**environment, "TERM": "xterm", **variables},
    )
    os.close(inner)
    told = b""
    try:
        while data := os.read(outer, 1 << 16):
            told += data
    except OSError:  # the terminal is gone when the child is
        pass
    os.close(outer)
    assert child.wait() == 0
    assert b"hex8, turn" in told
    assert (b"\x1b[" in told) is wanted


def test_texts_of_a_file_cannot_command_the_terminal(capsys, tmp_path):
    """Control characters of a file are shown as they are written, not obeyed."""
    lines = gzip.decompress(TRACE.read_bytes()).splitlines()
    head = json.loads(lines[0])
    end = next(i for i, line in enumerate(lines) if line.startswith(b'{"t":"e"'))
    name = "x\x1b[2J\ud800"
    path = tmp_path / "odd.jsonl"
    rows = [{**head, "id": name, "policy": "\x07"}, *map(json.loads, lines[1:end])]
    rows.append({**json.loads(lines[end]), "id": name})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run(["record", "show", str(path)]) == 0
    out = capsys.readouterr().out
    assert "trace 'x\\x1b[2J\\ud800', square8:2" in out
    assert "\x1b" not in out
    assert "\x07" not in out


def spoil(file, path):
    """Write the records of a file with an illegal move in the second and an unknown version."""
    games = list(RecordReader(file))
    moves = list(games[1].moves)
    moves[4] = "PL 0,0,0 9"
    from dataclasses import replace

    bad = replace(games[1], id="", moves=tuple(moves))
    future = games[2].line().replace('"v":1', '"v":9', 1)
    text = "\n".join([games[0].line(), bad.line(), future, '{"t":"end","games":3}'])
    path.write_text(text + "\n")
    return path


def test_validate(capsys, file, tmp_path):
    """Good files end in 0; a bad one in 1, each line told with the reason and the legal moves."""
    assert run(["record", "validate", str(file), str(TRACE)]) == 0
    out = capsys.readouterr().out
    assert f"{file}: 3 good games, " in out
    assert "2 files: " in out
    path = spoil(file, tmp_path / "bad.jsonl")
    assert run(["record", "validate", str(path)]) == 1
    told = capsys.readouterr()
    assert f"{path}:2: move 5: 'PL 0,0,0 9' is not legal for seat " in told.out
    assert re.search(r"  legal there:\n    PL .*\n", told.out)
    assert re.search(r"    … \d+ moves are legal, the nearest first\n", told.out)
    assert f"{path}:3: version 9 of a game record, this program reads 1\n" in told.out
    assert f"{path}: 1 good games, " in told.out
    assert "2 faults beside 1 good games" in told.err


def test_show_goes_on_after_bad_lines(capsys, file, tmp_path):
    """Bad lines are in the list; a good game is shown all the same, a bad one as far as it goes."""
    path = spoil(file, tmp_path / "bad.jsonl")
    assert run(["record", "show", str(path)]) == 1
    told = capsys.readouterr()
    assert "    -  line 3: version 9 of a game record" in told.out
    assert "2 games and 1 faults" in told.err
    assert run(["record", "show", str(path), "--game", "1"]) == 0
    capsys.readouterr()
    assert run(["record", "show", str(path), "--game", "2"]) == 1
    told = capsys.readouterr()
    pattern = r"   5     2  seat 2  ring placement        PL 0,0,0 9.*\n  legal there:\n    PL "
    assert re.search(pattern, told.out)
    assert f"{path}:2: 'PL 0,0,0 9' is not legal for seat 2" in told.err


def test_convert(capsys, file, tmp_path):
    """Records become a trace that the gate passes, and the records again."""
    trace = tmp_path / "t.jsonl.gz"
    assert run(["record", "convert", str(file), str(trace), "--to", "trace"]) == 0
    assert re.search(
        r"t.jsonl.gz: 3 games, \d+ moves as traces; \d+ decisions stay", capsys.readouterr().out
    )
    assert run(["parity", "gate", str(trace), "--jobs", "1"]) == 0
    assert len(list(read_trace(trace))) == 3
    assert run(["record", "convert", str(trace), str(tmp_path), "--to", "record"]) == 0
    (made,) = tmp_path.glob("*.zst")
    assert [g.id for g in RecordReader(made)] == [g.id for g in RecordReader(file)]
    capsys.readouterr()
    assert run(["record", "convert", str(file), str(trace), "--to", "trace"]) == 2
    assert "exists; --force overwrites it" in capsys.readouterr().err
    bad = spoil(file, tmp_path / "bad.jsonl")
    command = ["record", "convert", str(bad), str(trace), "--to", "trace", "--force"]
    assert run(command) == 2
    assert ":2: move 5: 'PL 0,0,0 9' is not legal" in capsys.readouterr().err
    assert len(list(read_trace(trace))) == 3
    assert run([*command, "--skip"]) == 1
    assert f"left out: {bad}:3: version 9" in capsys.readouterr().out
    assert len(list(read_trace(trace))) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "nowhere.jsonl"], "cannot read nowhere.jsonl: No such file"),
        (["show", str(TRACE), "--game", "99"], "there is no game '99', the file holds 7 games"),
        (["show", str(TRACE), "--move", "3"], "--game says which game"),
        (["show", str(TRACE), "--game", "1", "--move", "9999"], "has 112 moves, not 9999"),
        (["validate", "nowhere"], "nowhere: no such file or folder"),
        (["validate", str(Path(__file__).parent)], "no files of games"),
        (["convert", str(TRACE), "x.txt", "--to", "record"], "a file of records ends in .jsonl or"),
        (["convert", str(TRACE), "x.jsonl", "--to", "trace"], "holds traces already"),
        (["convert", str(TRACE), "x.jsonl", "--to", "pgn"], "'pgn' is not one of"),
        (["show", __file__], "neither game records nor traces"),
    ],
)
def test_bad_input(capsys, arguments, message):
    """Bad input ends in one clear line and exit code 2."""
    assert run(["record", *arguments]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1
