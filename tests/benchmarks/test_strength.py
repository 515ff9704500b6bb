"""The strength matches in short: played on processes, kept, taken up again."""

import json

import pytest

from benchmarks.strength import CHECKS, SHARE, main
from ringrift.configs import Config
from ringrift.evaluation.stats import wilson_interval
from ringrift.nets.arch import Arch
from ringrift.nets.checkpoint import init_model, save_model


@pytest.mark.processes
def test_matches_go_on(tmp_path, capsys, monkeypatch):
    """What was played is not played again, a line that was cut short is, and the figures are the same."""
    model, sha256 = save_model(init_model(Config("hex8", 2), Arch(8, 1, 1, 8, 8, 8), 3), tmp_path)
    line = ["--model", str(model), "--only", "policy", "--games", "65", "--json"]
    line += ["--processes", "2", "--keep", str(tmp_path / "kept")]
    assert main(line) == 0
    told = json.loads(capsys.readouterr().out)
    [match] = told["matches"]
    assert told["model"] == sha256
    assert (match["games"], match["passed"]) == (66, None), "whole blocks, too few to be judged"
    assert match["interval"] == wilson_interval(match["wins"], 66).as_dict()
    assert sum(match["wins_by_seat"].values()) == match["wins"]
    [file] = (tmp_path / "kept").iterdir()
    text = file.read_text()
    assert len(text.split()) > 1
    file.write_text(text[: text.rindex('"games"')])  # the last piece, cut short
    assert main(line) == 0
    assert json.loads(capsys.readouterr().out)["matches"] == told["matches"]
    monkeypatch.setattr("benchmarks.strength.work", None)  # there is nothing left to do
    assert main([*line[:-5], "--keep", str(tmp_path / "kept")]) == 0
    out = capsys.readouterr().out
    assert "| policy | hex8:2 | policy-only:" in out
    assert "not asked" in out


def test_bars(capsys):
    """The bars stand as documented, and a match without its model is left out and told."""
    bars = {check.name: check.bar for check in CHECKS}
    assert bars == {
        "policy": 0.60,
        "search": 0.70,
        "budget": 0.55,
        "rollouts": 0.70,
        "rollouts-3": pytest.approx(SHARE / 3),
        "rollouts-4": pytest.approx(1.3 / 4),
    }
    assert main(["--only", "search"]) == 3
    assert "left out for want of --model: search" in capsys.readouterr().err
    assert main(["--only", "search", "--model", "nowhere.safetensors"]) == 2
