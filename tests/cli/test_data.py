"""``ringrift data``: figures, verdicts and datasets of files of games."""

import json
from pathlib import Path

import pytest

from ringrift.cli.main import run
from ringrift.configs import Config
from ringrift.rules.records import GameRecord, SeatAgent, write_records
from ringrift.selfplay.shard import ShardSpec, produce_shard


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shard of an untrained network."""
    from ringrift.nets.arch import Arch
    from ringrift.nets.checkpoint import init_model, save_model
    from ringrift.selfplay.pool import SelfplayParameters

    folder = tmp_path_factory.mktemp("shard")
    config = Config("hex8", 2)
    path, sha256 = save_model(init_model(config, Arch(channels=8, blocks=1), 1), folder)
    search = SelfplayParameters(simulations=8, fast_simulations=4, slots=8)
    spec = ShardSpec("0" * 64, config, sha256, seed=1, index=0, games=12, search=search)
    return produce_shard(spec, path, folder).path


def test_stats(shard: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Figures of selfplay games, as a page and as JSON."""
    assert run(["data", "stats", str(shard)]) == 0
    page = capsys.readouterr().out
    for text in ("hex8:2: 12 games", "endings:", "policy targets", "ring_placement"):
        assert text in page.replace("[bold]", "")
    assert run(["data", "stats", str(shard.parent), "--json", "--sample", "2"]) == 0
    (figures,) = json.loads(capsys.readouterr().out)
    assert figures["games"] == 12


def test_check(shard: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A good file passes; a damaged one is exit 1 and says why, and is left where it is."""
    assert run(["data", "check", str(shard)]) == 0
    bad = tmp_path / shard.name
    bad.write_bytes(shard.read_bytes()[:-5])
    assert run(["data", "check", str(shard), str(bad)]) == 1
    assert "damaged" in capsys.readouterr().out
    assert bad.exists()


def test_check_asks_the_oracle(
    shard: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sample of the games is compared with the oracle; where they part the file must not be used."""
    from ringrift.parity import lockstep
    from ringrift.reference import ReferenceGame

    assert run(["data", "check", str(shard), "--parity", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["compared"] == 3

    class Forgetful(ReferenceGame):
        """One rule broken: no captures."""

        def legal(self) -> list[str]:
            """All but captures."""
            return [move for move in super().legal() if not move.startswith("CA")]

    monkeypatch.setattr(lockstep, "ReferenceGame", Forgetful)
    assert run(["data", "check", str(shard)]) == 1
    assert "too much: CA" in capsys.readouterr().out
    assert run(["data", "check", str(shard), "--parity", "0"]) == 0


def test_export(shard: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A dataset of selfplay games has a row for each of their decisions."""
    from ringrift.data.npz import read_npz
    from ringrift.rules.records import RecordReader

    arguments = ["--config", "hex8:2", "--out", str(tmp_path), "--json"]
    assert run(["data", "export", str(shard), *arguments]) == 0
    made = json.loads(capsys.readouterr().out)
    data = read_npz(Path(made["path"]))
    games: list[GameRecord] = list(RecordReader(shard))
    assert len(data["states"]) == sum(len(game.decisions) for game in games) > 0
    assert games[0].seats[0] != SeatAgent("random")


def test_export_of_a_config_with_settings_of_its_own(
    shard: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What per_config says of the config decides how many games are held out."""

    def held(share: float) -> int:
        own = f'{{"hex8:2": {{training: {{heldout_fraction: {share}}}}}}}'
        monkeypatch.setenv("RINGRIFT__PER_CONFIG", own)
        arguments = ["--config", "hex8:2", "--out", str(tmp_path), "--json"]
        assert run(["data", "export", str(shard), *arguments]) == 0
        return int(json.loads(capsys.readouterr().out)["heldout_games"])

    assert held(0.01) < held(0.5)


def test_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Missing and empty places are one line and exit code 2."""
    assert run(["data", "stats", str(tmp_path / "none")]) == 2
    assert run(["data", "stats", str(tmp_path)]) == 2
    assert "no files of games" in capsys.readouterr().err
    empty = write_records(tmp_path, []).path
    assert run(["data", "stats", str(empty)]) == 1
