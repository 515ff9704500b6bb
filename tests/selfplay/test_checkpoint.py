"""Shards that are stopped on their way, by force or by request, and go on to the very same file."""

import dataclasses
import json
import signal
import subprocess
import sys

import numpy as np
import pytest

from ringrift import compile as compiling
from ringrift.configs import Config
from ringrift.errors import BadInput, Interrupted
from ringrift.rules.records import RecordReader
from ringrift.selfplay import checkpoint, shard
from ringrift.selfplay.checkpoint import Checkpoint, checkpoint_path
from ringrift.selfplay.pool import SelfplayParameters, SelfplayPool
from ringrift.selfplay.shard import ShardSpec, produce_shard

HEX = Config("hex8", 2)
FAST = SelfplayParameters(simulations=4, fast_simulations=2, full_search_fraction=0.3, slots=4)
GAMES = 12

#: Plays a shard with many checkpoints, and dies by SIGKILL when so many games are over.
CHILD = """
import json, os, signal, sys
from pathlib import Path
from ringrift.selfplay.shard import ShardSpec, produce_shard
spec, model, folder, last = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
played = []
def each(_number, record):
    played.append(record)
    if len(played) == last:
        os.kill(os.getpid(), signal.SIGKILL)
produce_shard(ShardSpec.from_dict(spec), Path(model), Path(folder), each=each, checkpoint_seconds=0.05)
"""


@pytest.fixture(scope="module")
def spec(model_of):
    """A shard with three fillings of its slots."""
    return ShardSpec("r" * 8, HEX, model_of(HEX)[1], seed=3, index=0, games=GAMES, search=FAST)


@pytest.fixture(scope="module")
def whole(model_of, spec, tmp_path_factory):
    """The same shard, played without a pause."""
    return produce_shard(spec, model_of(HEX)[0], tmp_path_factory.mktemp("whole"))


def kill_after(games, spec, model, folder):
    """Play the shard in a child that is killed when so many of its games are over."""
    arguments = [json.dumps(spec.as_dict()), str(model), str(folder), str(games)]
    child = subprocess.run([sys.executable, "-c", CHILD, *arguments], check=False)
    assert child.returncode == -signal.SIGKILL


def counted(monkeypatch):
    """Count the batches that are evaluated from now on."""
    calls = []
    evaluate = SelfplayPool.run

    def run(self, seeds, starts):
        for game in evaluate(self, seeds, starts):
            calls.extend([None] if game is None else [game])
            yield game

    monkeypatch.setattr(SelfplayPool, "run", run)
    return calls


@pytest.mark.processes
def test_killed_twice_and_still_the_same_file(model_of, spec, whole, tmp_path, monkeypatch):
    """A shard killed by SIGKILL twice ends as the file of an undisturbed one, and plays nothing twice."""
    model = model_of(HEX)[0]
    kill_after(4, spec, model, tmp_path)
    at = checkpoint_path(tmp_path, spec.id)
    assert at.is_file()
    assert all(path.name.startswith(".") for path in tmp_path.iterdir()), "nothing looks finished"
    kill_after(3, spec, model, tmp_path)
    calls = counted(monkeypatch)
    made = produce_shard(spec, model, tmp_path)
    assert made.sha256 == whole.sha256
    assert made.path.read_bytes() == whole.path.read_bytes()
    games = [call for call in calls if call is not None]
    assert 1 <= made.resumed <= 4 + 3
    assert len(games) == GAMES - made.resumed
    assert made.evaluations == whole.evaluations, "each leaf of the shard was counted once"
    assert len(calls) - len(games) < whole.evaluations / FAST.slots * 0.9
    assert not at.exists()


def stop_at(games):
    """A progress function that asks for an end when so many games are over."""

    def told(at):
        if at.games >= games:
            raise Interrupted("stop")

    return told


def test_a_request_leaves_a_checkpoint(model_of, spec, whole, tmp_path, monkeypatch):
    """Asked to stop, a shard writes a checkpoint at once, whatever the interval, and nothing else."""
    monkeypatch.setattr(shard, "REPORT_EVERY", 0.0)
    model = model_of(HEX)[0]
    with pytest.raises(Interrupted):
        produce_shard(spec, model, tmp_path, stop_at(5))
    assert [path.name for path in tmp_path.iterdir()] == [f".{spec.id}.checkpoint"]
    with pytest.raises(Interrupted):
        produce_shard(spec, model, tmp_path, stop_at(8))
    made = produce_shard(spec, model, tmp_path)
    assert (made.resumed >= 8, made.sha256) == (True, whole.sha256)
    assert made.victories == whole.victories
    assert (made.games, made.positions, made.plies) == (GAMES, whole.positions, whole.plies)
    assert [path.name for path in tmp_path.iterdir()] == [whole.path.name]


@pytest.fixture
def stopped(model_of, spec, tmp_path, monkeypatch):
    """The checkpoint of a shard that was stopped."""
    monkeypatch.setattr(shard, "REPORT_EVERY", 0.0)
    with pytest.raises(Interrupted):
        produce_shard(spec, model_of(HEX)[0], tmp_path / "out", stop_at(3))
    return checkpoint_path(tmp_path / "out", spec.id)


def cut(path):
    """Lose the end."""
    path.write_bytes(path.read_bytes()[:-100])


def flip(path):
    """Change one bit."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def empty(path):
    """Lose all."""
    path.write_bytes(b"")


def folder(path):
    """Put something else in its place."""
    path.unlink()
    (path / "inner").mkdir(parents=True)


@pytest.mark.parametrize("harm", [cut, flip, empty, folder])
def test_a_damaged_checkpoint_is_not_trusted(model_of, spec, whole, stopped, tmp_path, harm):
    """A damaged checkpoint goes to quarantine with its reason, and the shard begins again."""
    harm(stopped)
    made = produce_shard(spec, model_of(HEX)[0], stopped.parent, quarantine=tmp_path / "bad")
    assert (made.resumed, made.sha256) == (0, whole.sha256)
    reason, moved = sorted((tmp_path / "bad").iterdir(), key=lambda path: path.suffix != ".txt")
    assert moved.name.startswith(f"{spec.id}.checkpoint")
    expected = "a folder lies" if harm is folder else "damaged checkpoint"
    assert expected in reason.read_text()


def test_a_foreign_checkpoint_is_not_trusted(model_of, spec, whole, stopped):
    """A whole checkpoint of another shard under this one's name is named as such, and not used."""
    other = dataclasses.replace(spec, seed=4)
    stopped.rename(checkpoint_path(stopped.parent, other.id))
    made = produce_shard(other, model_of(HEX)[0], stopped.parent)
    assert made.resumed == 0
    assert made.sha256 != whole.sha256
    assert all(record.seed in other.game_seeds() for record in RecordReader(made.path))
    [text] = (stopped.parent / "quarantine").glob("*.reason.txt")
    assert "checkpoint of another shard: id, seed differ" in text.read_text()


def test_other_kernels_begin_again(model_of, spec, whole, stopped, monkeypatch):
    """A checkpoint of a program with other kernels is not used: its arrays may mean something else."""
    monkeypatch.setattr(compiling, "cache_key", lambda: "other")
    assert produce_shard(spec, model_of(HEX)[0], stopped.parent).resumed == 0
    [text] = (stopped.parent / "quarantine").glob("*.reason.txt")
    assert "another program or machine: kernels is" in text.read_text()


def test_what_is_written_is_read(tmp_path):
    """Lines and arrays of every kind, empty ones too, come back as they were."""
    arrays = {
        "a": np.arange(6, dtype=np.uint16).reshape(2, 3),
        "b": np.zeros((0, 4), np.float32),
        "c": np.array([True, False]),
    }
    at = checkpoint_path(tmp_path, "ab" * 32)
    checkpoint.write(at, {"id": "x"}, Checkpoint(["{}", '{"ö":1}'], arrays, 1.5))
    found = checkpoint.load(at, {"id": "x"}, tmp_path / "bad")
    assert found is not None
    assert (list(found.lines), found.seconds) == (["{}", '{"ö":1}'], 1.5)
    for name, array in arrays.items():
        assert found.arrays[name].dtype == array.dtype
        assert (found.arrays[name] == array).all()
    assert checkpoint.load(tmp_path / "absent", {}, tmp_path / "bad") is None
    assert not (tmp_path / "bad").exists()


def test_no_room(tmp_path):
    """A folder that cannot be written is bad input that names it."""
    with pytest.raises(BadInput, match="cannot write to"):
        checkpoint.write(tmp_path / "absent" / ".x.checkpoint", {}, Checkpoint([], {}, 0.0))
