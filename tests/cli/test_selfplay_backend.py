"""``ringrift selfplay --backend``: what computes the network, as a person names it."""

import json
from pathlib import Path

import pytest

from ringrift.cli.main import run
from ringrift.configs import Config
from ringrift.nets import presence
from ringrift.nets.arch import Arch
from ringrift.nets.checkpoint import save_model
from ringrift.nets.presence import lacking
from ringrift.rules.records import RecordReader
from ringrift.selfplay import backends
from tests.nets.models import speaking_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """File of a network for hex8:2 that says something."""
    folder = tmp_path_factory.mktemp("models")
    return save_model(speaking_model(Config("hex8", 2), Arch(8, 1, 1, 8, 8, 8), 3), folder)[0]


def played(capsys, model, out, *more):
    """(exit code, figures or what was said) of two games."""
    line = f"selfplay run --config hex8:2 --model {model} --simulations 2 --games 2 --seed 5"
    code = run([*line.split(), "--out", str(out), "--json", *more])
    told = capsys.readouterr()
    return code, json.loads(told.out.splitlines()[-1]) if code == 0 else told.err


@pytest.mark.parametrize("name", ["openvino", "onnx", "torch"])
def test_by_name(model, tmp_path, capsys, monkeypatch, name):
    """The option goes before the setting, and the shard's header names what was taken; what is missing is said."""
    monkeypatch.setenv("RINGRIFT__SELFPLAY__BACKEND", "torch" if name == "onnx" else "onnx")
    code, told = played(capsys, model, tmp_path / "out", "--backend", name)
    if name != "torch" and lacking(name):
        assert (code, f"pip install 'ringrift[{name}]'" in told) == (2, True)
        return
    assert told["backend"]["kind"].startswith(name)
    assert RecordReader(Path(told["shards"][0])).spec["backend"] == told["backend"]


def test_by_timing(model, tmp_path, capsys, monkeypatch):
    """auto of the settings times once, and the same command plays the same file again."""
    monkeypatch.setenv("RINGRIFT__SELFPLAY__BACKEND", "auto")
    files = []
    for out in ("a", "b"):
        monkeypatch.setattr(backends, "_chosen", {})
        code, told = played(capsys, model, tmp_path / out)
        assert code == 0
        files.append([Path(path).name for path in told["shards"]])
    assert files[0] == files[1]
    assert len(list((tmp_path / "ringrift-home" / backends.FOLDER).glob("*.json"))) == 1


def test_a_wrong_name(model, tmp_path, capsys):
    """A backend that does not exist is met with the nearest one, before anything is played."""
    assert played(capsys, model, tmp_path / "out", "--backend", "onix") == (
        2,
        "unknown backend 'onix': did you mean 'onnx'?\n",
    )
    assert not (tmp_path / "out").exists()


def test_a_soak_that_cannot_begin_leaves_nothing(model, tmp_path, capsys, monkeypatch):
    """What this machine lacks is said before a soak has a state, which would hold another one to its seed."""
    monkeypatch.setattr(presence, "find_spec", lambda _name: None)
    line = f"selfplay soak --config hex8:2 --model {model} --games 2 --seed 5 --backend onnx --out"
    assert run([*line.split(), str(tmp_path / "out")]) == 2
    wanted = "backend onnx: onnxruntime and onnx not installed: pip install 'ringrift[onnx]'\n"
    assert capsys.readouterr().err == wanted
    assert not list((tmp_path / "out").glob("*.json"))
