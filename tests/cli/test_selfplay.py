"""``ringrift selfplay``: real games on a real command line."""

import dataclasses
import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from ringrift.cli import selfplay_common
from ringrift.cli.main import run
from ringrift.cli.stopping import Request
from ringrift.configs import Config
from ringrift.errors import Interrupted
from ringrift.nets.arch import Arch
from ringrift.nets.checkpoint import init_model, save_model
from ringrift.rules.records import RecordReader
from ringrift.selfplay import shard
from ringrift.selfplay import soak as soak_of


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


def test_nothing_left_to_play(tmp_path, capsys):
    """Asked for again, shards that are there are told with their games, and with no speed."""
    line = "selfplay run --config hex8:2 --engine random --games 2 --seed 1 --out"
    for _ in range(2):
        assert run([*line.split(), str(tmp_path)]) == 0
        out = capsys.readouterr().out
    (row,) = (line.split() for line in out.splitlines() if line.split()[:1] == ["all"])
    assert (row[1], row[-2:]) == ("2", ["-", "-"])
    assert "were there already" in out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("--config hex9:2", "did you mean 'hex8'?"),
        ("--config hex8:2 --engine heurstic", "did you mean 'heuristic'?"),
        ("--config hex8:2 --engine random,random,mcts", "names 3 seats, hex8:2 has 2"),
        (
            "--config hex8:2 --engine mcts:r5 --simulations 8",
            "--simulations is a budget of gumbel-mcts that names none",
        ),
        ("--config hex8:2 --engine random --lanes 2", "--lanes 2 is for games of gumbel-mcts"),
        ("--config hex8:2 --engine random --backend torch", "--backend torch computes a network"),
        ("--config hex8:2 --engine random --elo 5", "the settings have step"),
        ("--config hex8:2 --engine random --progress 0.5", "temperature_schedule curriculum"),
        ("--config hex8:2 --engine policy-only", "no ledger in"),
        ("--config hex8:2 --model champion", "no ledger in"),
        ("--config hex8:2 --model nowhere.safetensors", "nowhere.safetensors: no such file"),
        ("--config hex8:2 --games 0", "--games"),
        ("--config hex8:2 --engine random --games 1000001", "less than or equal to 1000000"),
        ("", "--config"),
    ],
)
def test_bad_input(capsys, arguments, line):
    """Bad input is one clear line and exit code 2."""
    assert run(["selfplay", "run", *arguments.split()]) == 2
    err = capsys.readouterr().err
    assert line in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize("engine", ["gumbel-mcts:s8", "gumbel-mcts:t5ms", "gumbel-mcts:s8,random"])
def test_simulations_that_nobody_makes(model, tmp_path, capsys, engine):
    """--simulations is refused where every gumbel-mcts names a budget of its own, rather than passed over."""
    assert run(command(model, "--engine", engine, "--out", tmp_path / "out")) == 2
    assert "--simulations is a budget of gumbel-mcts that names none" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_rating_that_is_no_number(model, tmp_path, capsys, monkeypatch):
    """--elo nan is refused: games with it would not end."""
    monkeypatch.setenv("RINGRIFT__SELFPLAY__TEMPERATURE_SCHEDULE", "elo")
    assert run(command(model, "--elo", "nan", "--out", tmp_path / "out")) == 2
    assert "elo: expected a rating, not nan" in capsys.readouterr().err


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
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_and_go_on(model, tmp_path, capsys, monkeypatch, number):
    """Ctrl-C ends with exit code 130 and a checkpoint; the same command ends with the same files."""
    monkeypatch.setenv("RINGRIFT__SELFPLAY__GAMES_PER_SHARD", "300")
    monkeypatch.setenv("RINGRIFT__SELFPLAY__SLOTS", "4")
    out = tmp_path / "out"
    line = command(model, "--games", 305, "--seed", 4, "--out")
    start = "from ringrift.cli.main import main; main()"
    child = subprocess.Popen(
        [sys.executable, "-c", start, *line, str(out)], stderr=subprocess.PIPE, text=True
    )
    try:
        while not (out.is_dir() and any(out.iterdir())):
            assert child.poll() is None, "the command ended by itself"
            time.sleep(0.02)
        child.send_signal(number)
        _, err = child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == 130
    assert err.endswith(f"are in {out}; the same command with --seed 4 goes on\n")
    assert [path.suffix for path in out.iterdir()] == [".checkpoint"]
    assert run([*line, str(out)]) == 0
    assert run([*line, str(tmp_path / "whole")]) == 0
    names = [{path.name for path in folder.iterdir()} for folder in (out, tmp_path / "whole")]
    assert names[0] == names[1]
    assert len(names[0]) == 2
    capsys.readouterr()
    assert run([*line, str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["evaluations"], told["games"]) == (0, 305), "what is there is not played again"


def test_engines(tmp_path, capsys, monkeypatch):
    """Engines without a network need neither model nor ledger; what is said of them is who plays, and how fast."""
    line = ["selfplay", "run", "--config", "square8:3", "--engine", "random,heuristic,mcts:r4"]
    assert run([*line, "--rotate", "--games", "3", "--seed", "1", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "random, heuristic, mcts:r4, moving on by a seat each game on square8:3, seed 1" in said
    assert "evaluations" not in said
    assert (
        run([*line, "--rotate", "--games", "3", "--seed", "1", "--out", str(tmp_path), "--json"])
        == 0
    )
    told = json.loads(capsys.readouterr().out)
    assert told["engines"] == ["random", "heuristic", "mcts:r4"]
    assert (told["model"], told["backend"], told["reproducible"]) == (None, None, True)
    [path] = tmp_path.glob("*.zst")
    first = sorted(game.seats[0].kind for game in RecordReader(path))
    assert first == ["heuristic", "mcts", "random"], "each sat in seat 1 once"


def test_a_bar_moves_before_the_first_game_ends(tmp_path, capsys, monkeypatch):
    """Where no network counts evaluations, decisions tell that something is done, until games tell more."""
    rates = []

    @contextmanager
    def bar(_title, _total):
        yield lambda _done, rate, *_more, **_total: rates.append(rate)

    monkeypatch.setattr(selfplay_common, "counting_bar", bar)
    monkeypatch.setattr(shard, "REPORT_EVERY", 0.0)
    line = "selfplay run --config hex8:2 --engine mcts:r2 --games 2 --seed 1 --out"
    assert run([*line.split(), str(tmp_path)]) == 0
    first = rates[0].split()
    assert first[1] == "decisions/s"
    assert float(first[0].replace(",", "")) > 0
    assert "games/s" in rates[-1]


def soak(model, out, *more):
    """A small soak of two configs."""
    line = f"selfplay soak --config hex8:2 --model {model} --simulations 4 --out {out} --json"
    return [*line.split(), "--check-every", "2", "--oracle-every", "8", *map(str, more)]


def test_soak(model, tmp_path, capsys, monkeypatch):
    """A soak plays to its limit, looks at each so-manyth game, and sizes shards by their speed."""
    monkeypatch.setenv("RINGRIFT__SELFPLAY__SLOTS", "2")
    monkeypatch.setenv("RINGRIFT__SELFPLAY__SHARD_SECONDS", "1")
    out = tmp_path / "soak"
    assert run(soak(model, out, "--games", 24, "--seed", 1)) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["games"], told["checked"], told["compared"]) == (24, 12, 3)
    assert sum(told["victories"].values()) == 24
    shards = [list(RecordReader(path)) for path in out.glob("*.zst")]
    assert sum(map(len, shards)) == 24
    assert len(shards) == told["shards"] == 2, "16 games at first, then what the speed asks for"
    assert not (out / "soak.json").exists()


def test_soak_of_engines(model, tmp_path, capsys, monkeypatch):
    """A soak takes engines, with a network or without, in all its configs; it refuses seats that a config has not."""
    monkeypatch.setenv("RINGRIFT__SELFPLAY__SLOTS", "1")
    monkeypatch.setenv("RINGRIFT__SELFPLAY__SHARD_SECONDS", "1")
    line = soak(model, tmp_path / "soak", "--games", 20, "--seed", 1, "--engine")
    line[line.index("4")] = "8"  # simulations
    assert run([*line, "gumbel-mcts,heuristic", "--rotate"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["games"], told["checked"], told["compared"]) == (20, 10, 2)
    assert told["models"] == {"hex8:2": model.name.split(".")[0]}
    seats = {
        tuple(seat.kind for seat in game.seats)
        for path in (tmp_path / "soak").glob("*.zst")
        for game in RecordReader(path)
    }
    assert seats == {("gumbel-mcts", "heuristic"), ("heuristic", "gumbel-mcts")}
    bare = "selfplay soak --config hex8:2 --config square8:3 --engine random,heuristic --games 4"
    assert run([*bare.split(), "--out", str(tmp_path / "bare")]) == 2
    assert "names 2 seats, square8:3 has 3" in capsys.readouterr().err
    assert run([*bare.replace(",heuristic", "").split(), "--out", str(tmp_path / "bare")]) == 0
    said = capsys.readouterr().out
    assert "soak of hex8:2, square8:3 by random" in said
    assert "4 games, 4 checked" in said, "each game, unless somebody wants fewer"


def test_a_soak_obeys_the_settings_of_each_config(tmp_path, capsys, monkeypatch):
    """Sizes, checkpoints and the bound of false judgements are those of the shard's own config, per_config included."""
    settings, plans = tmp_path / "settings.yaml", []
    settings.write_text(
        "selfplay: {games_per_shard: 2, checkpoint_seconds: 7}\n"
        "per_config: {'square8:3': {selfplay: "
        "{games_per_shard: 3, shard_seconds: 9, checkpoint_seconds: 8, decided_max_false: 0.5}}}\n"
    )
    right = soak_of.play_one

    def seen(plan, *others):
        plans.append(plan)
        return right(plan, *others)

    monkeypatch.setattr(soak_of, "play_one", seen)
    line = "selfplay soak --config hex8:2 --config square8:3 --engine random --games 10 --seed 1"
    assert run([*line.split(), "--settings", str(settings), "--out", str(tmp_path / "out")]) == 0
    shards = [list(RecordReader(path)) for path in (tmp_path / "out").glob("*.zst")]
    assert sorted((str(games[0].config), len(games)) for games in shards) == [
        ("hex8:2", 2),
        ("hex8:2", 2),
        ("square8:3", 3),
        ("square8:3", 3),
    ]
    common, own = plans[0].rules["hex8:2"], plans[0].rules["square8:3"]
    assert (common.checkpoint_seconds, common.most_false) == (7, 0.05)
    assert (own.seconds, own.checkpoint_seconds, own.most_false) == (9, 8, 0.5)


def test_a_soak_says_at_once_what_cannot_work(model, tmp_path, capsys):
    """A model of another config is refused before the first game, not when its turn comes."""
    out = tmp_path / "soak"
    assert run([*soak(model, out, "--games", 24), "--config", "square8:2"]) == 2
    assert "a network for hex8:2, expected one for square8:2" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("more", "line"),
    [("--minutes nan", "--minutes"), ("--memory-growth -1", "--memory-growth")],
)
def test_bad_limits_of_a_soak(tmp_path, capsys, more, line):
    """Limits that would never be reached, or are passed before the first game, are refused."""
    bare = "selfplay soak --config hex8:2 --engine random --games 4"
    assert run([*bare.split(), "--out", str(tmp_path / "out"), *more.split()]) == 2
    assert line in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def spoilt(monkeypatch, number):
    """Let the program record one game with a wrong winner."""
    made = []
    right = shard.to_record

    def wrong(spec, game):
        made.append(game)
        record = right(spec, game)
        if len(made) != number:
            return record
        result = dataclasses.replace(record.result, winner=3 - record.result.winner)
        return dataclasses.replace(record, result=result)

    monkeypatch.setattr(shard, "to_record", wrong)


@pytest.mark.parametrize(("number", "gate"), [(4, "quality"), (3, "parity")])
def test_soak_stops_at_the_first_fault(model, tmp_path, capsys, monkeypatch, number, gate):
    """A wrong game ends a soak with exit code 1, and the command that is named shows the fault."""
    spoilt(monkeypatch, number)
    monkeypatch.setattr(shard, "REPORT_EVERY", 0.0)
    monkeypatch.setenv("RINGRIFT__SELFPLAY__SLOTS", "1")
    checks = ("--check-every", 2, "--oracle-every", 3)
    assert run(soak(model, tmp_path / "soak", "--games", 100, *checks)) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["in_hand"] == 0, "no checkpoint was written"
    assert f"{gate}: " in err
    shown = err.rpartition("; ringrift ")[2].removesuffix(" shows it\n").split()
    assert shown[0] == {"quality": "record", "parity": "parity"}[gate]
    assert run(shown) == 1
    assert "winner" in capsys.readouterr().out


def test_soak_goes_on(model, tmp_path, capsys, monkeypatch):
    """A soak that was asked to stop takes up the shard it was in, with its seed, and refuses another."""
    out = tmp_path / "soak"
    monkeypatch.setattr(shard, "REPORT_EVERY", 0.0)
    asked = Request.check

    def stop(self):
        raise Interrupted("stop")

    monkeypatch.setattr(Request, "check", stop)
    assert run(soak(model, out, "--games", 8, "--seed", 3)) == 130
    state = json.loads((out / "soak.json").read_text())
    assert (state["seed"], state["shards"], state["spec"]["games"]) == (3, 0, 8)
    assert list(out.glob(".*.checkpoint"))
    monkeypatch.setattr(Request, "check", asked)
    assert run(soak(model, out, "--games", 8, "--seed", 4)) == 2
    assert "holds a soak with seed 3" in capsys.readouterr().err
    (out / "soak.json").write_text(json.dumps({**state, "games": 5}))
    assert run(soak(model, out, "--games", 5)) == 0
    assert json.loads(capsys.readouterr().out)["games"] == 5, "so many were reached before"
    assert json.loads((out / "soak.json").read_text())["spec"] == state["spec"], "it waits for more"
    (out / "soak.json").write_text(json.dumps(state))
    assert run(soak(model, out, "--games", 8)) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["seed"], told["games"]) == (3, 8)
    assert not list(out.glob(".*.checkpoint"))


def canonical(model, out, *more):
    """A few canonical games."""
    line = f"selfplay canonical --config hex8:2 --model {model} --simulations 4 --out {out}"
    return [*line.split(), *map(str, more)]


def test_canonical(model, tmp_path, capsys):
    """All games pass both gates and are written as records that `record validate` accepts; twice the same."""
    out = tmp_path / "out"
    assert run(canonical(model, out, "--games", 3, "--seed", 2)) == 0
    said = capsys.readouterr().out
    for text in ("quality  3 passed, 0 quarantined", "parity   3 passed", "3 games in 1 files"):
        assert text in said
    [path] = out.glob("*.zst")
    reader = RecordReader(path)
    assert reader.spec["gates"] == {"quality": 3, "parity": 3, "of": 3}
    assert len(list(reader)) == 3
    assert {seat.model for record in reader for seat in record.seats} == {model.name[:64]}
    assert run(["record", "validate", str(path)]) == 0
    assert run(canonical(model, out, "--games", 3, "--seed", 2)) == 0
    assert list(out.glob("*.zst")) == [path]


def test_canonical_engines(tmp_path, capsys):
    """Canonical records may be those of any engines; games that leave nothing to learn from pass the gates too."""
    line = "selfplay canonical --config hex8:2 --engine heuristic,minimax:n60 --games 4 --seed 2"
    assert run([*line.split(), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "hex8:2, heuristic, minimax:n60, seed 2: 4 games" in said
    assert "parity   4 passed" in said
    [path] = (tmp_path / "out").glob("*.zst")
    assert run(["record", "validate", str(path)]) == 0
    assert run(["data", "check", str(path)]) == 0


def test_canonical_keeps_bad_games_apart(model, tmp_path, capsys, monkeypatch):
    """A game that does not pass is not among the canonical ones but in quarantine, and the exit code is 1."""
    spoilt(monkeypatch, 2)
    out = tmp_path / "out"
    assert run(canonical(model, out, "--games", 3, "--json")) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["games"], told["passed"]) == (3, 2)
    [bad] = told["quarantined"]
    assert bad["gate"] == "quality"
    assert "winner" in bad["reason"]
    [good] = out.glob("*.zst")
    assert bad["game"] not in {record.id for record in RecordReader(good)}
    assert [record.id for record in RecordReader(Path(bad["record"]))] == [bad["game"]]


def test_archive(model, tmp_path, capsys, monkeypatch):
    """--archive: a part of the games begins in the stored ones, in run and soak; figures tell how many."""
    monkeypatch.setenv("RINGRIFT__SELFPLAY__ARCHIVE_SHARE", "0.5")
    assert run(command(model, "--games", 4, "--seed", 1, "--out", tmp_path / "old", "--json")) == 0
    (stored,) = json.loads(capsys.readouterr().out)["shards"]
    more = ("--archive", stored, "--out", tmp_path / "new")
    assert run(command(model, "--games", 10, "--seed", 2, *more, "--json")) == 0
    told = json.loads(capsys.readouterr().out)
    (made,) = told["shards"]
    begun = [game.origin for game in RecordReader(Path(made)) if game.origin is not None]
    assert 0 < len(begun) == told["archived"] < 10
    assert {origin.game for origin in begun} <= {game.id for game in RecordReader(Path(stored))}
    assert run(command(model, "--games", 10, "--seed", 2, *more)) == 0
    assert f"{len(begun)} games began in 1 stored shards" in capsys.readouterr().out
    assert run(["data", "stats", made, "--sample", "0"]) == 0
    assert f"{len(begun)} games began in stored games" in capsys.readouterr().out
    soak = (
        f"selfplay soak --config hex8:2 --model {model} --simulations 4 --games 6 --seed 3 --json"
    )
    assert run([*soak.split(), "--archive", stored, "--out", str(tmp_path / "soak")]) == 0
    assert json.loads(capsys.readouterr().out)["archived"] > 0


@pytest.mark.parametrize("what", ["absent", "renamed", "damaged", "other", "share", "engine"])
def test_bad_archive(model, tmp_path, capsys, monkeypatch, what):
    """An archive that is not there, not whole, of another config, or of no use is one line and exit code 2."""
    assert run(command(model, "--games", 2, "--seed", 1, "--out", tmp_path / "old", "--json")) == 0
    stored = Path(json.loads(capsys.readouterr().out)["shards"][0])
    line = command(model, "--games", 2, "--out", tmp_path / "new")
    message = {
        "absent": "cannot read",
        "renamed": "is named by its sha256, this one is not",
        "damaged": "damaged, its content has sha256",
        "other": "games of hex8:2, expected games of hex8:3",
        "share": "selfplay.archive_share is 0",
        "engine": "those of other engines begin at the opening",
    }[what]
    if what == "absent":
        stored = tmp_path / "absent.jsonl.zst"
    elif what == "renamed":
        stored = stored.rename(stored.with_name("games.jsonl.zst"))
    elif what == "damaged":
        stored.write_bytes(stored.read_bytes()[:-4])
    elif what == "other":
        other = save_model(init_model(Config("hex8", 3), Arch(8, 1, 1, 8, 8, 8), 3), tmp_path)[0]
        line = command(other, "--games", 2, "--out", tmp_path / "new")
        line[line.index("hex8:2")] = "hex8:3"
    elif what == "share":
        monkeypatch.setenv("RINGRIFT__SELFPLAY__ARCHIVE_SHARE", "0")
    elif what == "engine":
        line = ["selfplay", "run", "--config", "hex8:2", "--engine", "random", "--games", "2"]
        line += ["--out", str(tmp_path / "new")]
    assert run([*line, "--archive", str(stored)]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "new").exists()


def test_decided(model, tmp_path, capsys, monkeypatch):
    """Decided games are told with their false rates; a threshold without an audit is refused."""
    monkeypatch.setenv("RINGRIFT__SELFPLAY__DECIDED_THRESHOLD", "0.51")
    monkeypatch.setenv("RINGRIFT__SELFPLAY__DECIDED_AFTER", "2")
    monkeypatch.setenv("RINGRIFT__SELFPLAY__DECIDED_AUDIT", "0.5")
    line = command(model, "--games", 16, "--seed", 1, "--out", tmp_path / "out")
    assert run([*line, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    records = [game for path in told["shards"] for game in RecordReader(Path(path))]
    ends = [game for game in records if game.decided is not None]
    audited = [game for game in ends if game.decided.audited]
    assert told["decided"]["games"] == 16
    assert told["decided"]["audited"] == len(audited)
    assert told["decided"]["stopped"] == len(ends) - len(audited)
    false = sum(game.result.winner != game.decided.seat for game in audited)
    assert told["decided"]["audited_false"] == false
    assert run(line) == 0
    out = capsys.readouterr().out
    if ends:
        assert f"decided: {len(ends)} of 16 games" in out
    monkeypatch.setenv("RINGRIFT__SELFPLAY__DECIDED_AUDIT", "0")
    assert run(line) == 2
    assert "decided_audit: expected above 0" in capsys.readouterr().err
