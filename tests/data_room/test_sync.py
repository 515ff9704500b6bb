"""Shards are checked before anything learns from them; bad ones go to quarantine with a reason."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ringrift.configs import Config
from ringrift.data.quality import faults
from ringrift.data.sync import BadShard, Quarantined, ShardReport, check_shard, sync_shard
from ringrift.errors import BadInput
from ringrift.rules.records import Decision, GameRecord
from ringrift.store.blobs import BlobStore

Make = Callable[[list[GameRecord]], Path]
HEX = Config("hex8", 2)


def test_good_shard(hex_games: list[GameRecord], make_shard: Make, tmp_path: Path) -> None:
    """A good file is adopted under its name, and the report counts what the ledger needs."""
    path = make_shard(hex_games)
    store = BlobStore(tmp_path / "home")
    report = sync_shard(path, store, HEX)
    assert isinstance(report, ShardReport)
    assert report.path == store.home / "shards" / path.name
    assert report.path.read_bytes() == path.read_bytes()
    assert report.sha256 == path.name.split(".")[0]
    assert [g.id for g in report.games] == [g.id for g in hex_games]
    assert report.positions == sum(d.full for g in hex_games for d in g.decisions)
    assert report.plies == sum(len(g.moves) for g in hex_games)
    assert sum(report.victories.values()) == 40
    assert report.spec == {"made": "by a test"}


def test_twice_is_once(hex_games: list[GameRecord], make_shard: Make, tmp_path: Path) -> None:
    """A second delivery, or one from the store itself, changes nothing."""
    store = BlobStore(tmp_path / "home")
    path = make_shard(hex_games)
    first = sync_shard(path, store)
    assert isinstance(first, ShardReport)
    assert sync_shard(path, store) == first
    assert sync_shard(first.path, store) == first
    assert len(list((store.home / "shards").iterdir())) == 1


def test_damaged_shard(hex_games: list[GameRecord], make_shard: Make, tmp_path: Path) -> None:
    """A flipped byte sends the file to quarantine with the reason beside it."""
    path = make_shard(hex_games)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    result = sync_shard(path, BlobStore(tmp_path / "home"))
    assert isinstance(result, Quarantined)
    assert "damaged" in result.reason
    assert not path.exists()
    assert result.moved_to.exists()
    reason = result.moved_to.with_name(result.moved_to.name + ".reason.txt")
    assert "damaged" in reason.read_text()


def test_folder_in_its_place(tmp_path: Path) -> None:
    """A folder with the name of a shard is moved away, so that the shard can be written there again."""
    path = tmp_path / "home" / "shards" / f"{'a' * 64}.jsonl.zst"
    path.mkdir(parents=True)
    found = sync_shard(path, BlobStore(tmp_path / "home"), HEX)
    assert isinstance(found, Quarantined)
    assert found.moved_to.is_dir()
    assert not path.exists()


def test_illegal_game(hex_games: list[GameRecord], make_shard: Make) -> None:
    """A file with a game that the rules do not allow is refused, and the game is named."""
    game = hex_games[0]
    i = next(i for i, move in enumerate(game.moves) if move.startswith("MV"))
    moves = list(game.moves)
    moves[i] = "MV 0,4,-4 0,-4,4"
    wrong = dataclasses.replace(game, moves=tuple(moves), id="")
    with pytest.raises(BadShard, match="is not legal"):
        check_shard(make_shard([wrong, *hex_games[1:]]))


def test_foreign_config(hex_games: list[GameRecord], make_shard: Make) -> None:
    """Games of another board are not taken in."""
    with pytest.raises(BadShard, match="is hex8:2, expected square8:2"):
        check_shard(make_shard(hex_games), Config("square8", 2))


def test_missing_file(tmp_path: Path) -> None:
    """A missing file is a plain mistake, not a bad shard."""
    with pytest.raises(BadInput, match="no such file"):
        sync_shard(tmp_path / "none.jsonl.zst", BlobStore(tmp_path))


def change(game: GameRecord, **changes: Any) -> GameRecord:
    """The game with its first policy target changed."""
    number = next(n for n, d in enumerate(game.decisions) if d.full)
    decisions: list[Decision] = list(game.decisions)
    decisions[number] = dataclasses.replace(decisions[number], **changes)
    return dataclasses.replace(game, decisions=tuple(decisions))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"a": (), "p": ()}, "no policy target"),
        ({"a": (1, 2), "p": (0.5, 0.4)}, "sums to 0.9"),
        ({"a": (1, 2), "p": (1.5, -0.5)}, "holds -0.5"),
        ({"a": (1, 1), "p": (0.5, 0.5)}, "names an action twice"),
        ({"a": (1, 99999), "p": (0.5, 0.5)}, "outside of 0 to 3722"),
        ({"v": (0.9, 0.9)}, "root values sum to 1.8"),
        ({"v": (1.9, -0.9)}, "no probabilities"),
    ],
)
def test_bad_targets(hex_games: list[GameRecord], changes: dict, fault: str) -> None:
    """Each way a search result can be broken is found and said."""
    found = faults([change(hex_games[0], **changes), *hex_games[1:]], HEX)
    assert len(found) == 1
    assert fault in found[0]


def test_good_games_have_no_fault(hex_games: list[GameRecord]) -> None:
    """Random play passes the gate, as a file of one game does; an empty file does not."""
    assert faults(hex_games, HEX) == []
    assert faults(hex_games[:1], HEX) == []
    assert faults([]) == ["the file holds no games"]


def test_repeated_games(hex_games: list[GameRecord]) -> None:
    """One game under many seeds betrays a broken producer; one id twice is never right."""
    same = [dataclasses.replace(hex_games[0], seed=seed, id="") for seed in range(30)]
    assert any("repeat the moves" in fault for fault in faults(same))
    assert any("2 times" in fault for fault in faults([*hex_games, hex_games[3]]))
