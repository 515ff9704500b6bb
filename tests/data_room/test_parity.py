"""Games of a shard against the oracle, and what is kept of those that differ."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from ringrift.data.parity import compare_games, keep
from ringrift.errors import BadInput
from ringrift.parity.gate import check_file
from ringrift.rules.records import GameRecord, RecordReader

Make = Callable[[list[GameRecord]], Path]


def lying(game: GameRecord) -> GameRecord:
    """The game with another winner."""
    result = dataclasses.replace(game.result, winner=3 - game.result.winner)
    return dataclasses.replace(game, result=result)


def test_only_the_named_games_are_compared(hex_games: list[GameRecord], make_shard: Make) -> None:
    """In the order of the file; each tells what it is."""
    path = make_shard([lying(hex_games[0]), *hex_games[1:6]])
    found = list(compare_games(path, [hex_games[4].id, hex_games[0].id]))
    assert [game.id for game, _ in found] == [hex_games[0].id, hex_games[4].id]
    assert [difference is None for _, difference in found] == [False, True]


def test_a_game_that_is_not_there(hex_games: list[GameRecord], make_shard: Make) -> None:
    """The ledger knows a game that the file lacks: that is said, not passed over."""
    path = make_shard(hex_games[:2])
    with pytest.raises(BadInput, match="is not in this file"):
        list(compare_games(path, [hex_games[3].id]))


def test_what_is_kept(hex_games: list[GameRecord], make_shard: Make, tmp_path: Path) -> None:
    """Record, reason and trace, each readable; twice makes the same files again."""
    wrong = lying(hex_games[0])
    path = make_shard([wrong])
    [(record, difference)] = compare_games(path, [wrong.id])
    assert difference is not None
    folder = tmp_path / "quarantine"
    kept = keep(record, difference, path, folder)
    files = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert len(files) == 3
    assert keep(record, difference, path, folder) == kept
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == files
    reader = RecordReader(kept.record)
    assert list(reader) == [record]
    assert reader.spec == {"from": path.name, "reason": kept.reason}
    assert kept.reproduction is not None
    [again] = check_file(kept.reproduction).differences
    assert again.game == wrong.id
    text = kept.record.with_name(kept.record.name + ".reason.txt").read_text()
    assert kept.reason in text
    assert "ringrift parity gate" in text
