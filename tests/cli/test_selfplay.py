"""``ringrift selfplay``: real games on a real command line."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ringrift.cli.main import run
from ringrift.configs import Config
from ringrift.nets.arch import Arch
from ringrift.nets.checkpoint import init_model, save_model
from ringrift.rules.records import RecordReader


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """File of an untrained network for hex8:2."""
    folder = tmp_path_factory.mktemp("models")
    return save_model(init_model(Config("hex8", 2), Arch(8, 1, 1, 8, 8, 8), 3), folder)[0]


def command(model, *more):
    """A small `selfplay run`."""
    line = f"selfplay run --config hex8:2 --model {model} --simulations 4"
    return [*line.split(), *map(str, more)]


def test_json(model, tmp_path, capsys, monkeypatch):
    """--json tells the figures and files; shards have the size of the settings, the last the rest."""
    monkeypatch.setenv("RINGRIFT__SELFPLAY__GAMES_PER_SHARD", "4")
    assert run(command(model, "--games", 6, "--seed", 5, "--out", tmp_path / "out", "--json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["games"] == 6
    assert told["seed"] == 5
    assert told["model"] == model.name.split(".")[0]
    assert sum(told["victories"].values()) == 6
    records = [list(RecordReader(Path(path))) for path in told["shards"]]
    assert [len(shard) for shard in records] == [4, 2]
    assert told["moves"] == sum(len(game.moves) for shard in records for game in shard)
    assert told["positions"] == sum(d.full for s in records for game in s for d in game.decisions)
    assert sorted(map(str, (tmp_path / "out").iterdir())) == sorted(told["shards"])


def test_same_seed_same_files(model, tmp_path, capsys):
    """The same arguments give the same files, other seeds other ones."""
    names = []
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        out = tmp_path / folder
        assert run(command(model, "--games", 3, "--seed", seed, "--out", out)) == 0
        names.append([path.name for path in out.iterdir()])
    assert names[0] == names[1] != names[2]


def test_table(model, tmp_path, capsys):
    """Without --json a table shows shards, rates and endings; games go to the state directory."""
    assert run(command(model, "--games", 3)) == 0
    out = capsys.readouterr().out
    for text in ("gumbel-mcts:", "positions", "games/s", "endings:", "evaluations/s", "seed"):
        assert text in out
    (shard,) = (tmp_path / "ringrift-home" / "games").iterdir()
    assert shard.name[:12] in out
    assert len(list(RecordReader(shard))) == 3


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("--config hex9:2", "did you mean 'hex8'?"),
        ("--config hex8:2 --engine heuristic", "engine 'heuristic' plays no selfplay yet"),
        ("--config hex8:2 --model champion", "no ledger in"),
        ("--config hex8:2 --model nowhere.safetensors", "no ledger in"),
        ("--config hex8:2 --games 0", "--games"),
        ("", "--config"),
    ],
)
def test_bad_input(capsys, arguments, line):
    """Bad input is one clear line and exit code 2."""
    assert run(["selfplay", "run", *arguments.split()]) == 2
    err = capsys.readouterr().err
    assert line in err
    assert len(err.strip().splitlines()) == 1


def test_wrong_model(model, tmp_path, capsys):
    """A model of another config, and a broken one, are named in one line; no file is left."""
    out = tmp_path / "out"
    line = command(model, "--games", 2, "--out", out)
    line[line.index("hex8:2")] = "hex8:3"
    assert run(line) == 2
    assert "a network for hex8:2, expected one for hex8:3" in capsys.readouterr().err
    broken = tmp_path / model.name
    broken.write_bytes(model.read_bytes()[:-5])
    assert run(command(broken, "--games", 2, "--out", out)) == 2
    assert "model file" in capsys.readouterr().err
    assert not out.exists()


def test_unwritable_folder(model, tmp_path, capsys):
    """A folder that cannot be made is one clear line and exit code 2."""
    (tmp_path / "file").write_text("")
    assert run(command(model, "--games", 2, "--out", tmp_path / "file" / "out")) == 2
    assert "cannot write to" in capsys.readouterr().err


@pytest.mark.processes
def test_interrupt(model, tmp_path):
    """Ctrl-C ends with exit code 130: whole shards stay, and nothing half-written."""
    out = tmp_path / "out"
    start = "from ringrift.cli.main import main; main()"
    program = [sys.executable, "-c", start, *command(model, "--games", 100_000)]
    environment = os.environ | {"RINGRIFT__SELFPLAY__GAMES_PER_SHARD": "4"}
    child = subprocess.Popen(
        [*program, "--out", str(out)], stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        while not (out.is_dir() and any(path.name[0] != "." for path in out.iterdir())):
            assert child.poll() is None, "the command ended by itself"
            time.sleep(0.02)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == 130
    assert err.endswith(f"interrupted: the shards that are whole are in {out}\n")
    for path in out.iterdir():
        assert len(list(RecordReader(path))) == 4
