"""Datasets: what each row says, and that equal input gives equal bytes."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ringrift.configs import Config
from ringrift.data.export import export_dataset, heldout_games
from ringrift.data.npz import DTYPES, read_npz, write_npz
from ringrift.errors import BadInput
from ringrift.rules.boards import tables
from ringrift.rules.kernels import constants as k
from ringrift.rules.kernels.moves import legal_actions
from ringrift.rules.records import GameRecord

Make = Callable[[list[GameRecord]], Path]
HEX = Config("hex8", 2)


def test_rows(hex_games: list[GameRecord], make_shard: Make, tmp_path: Path) -> None:
    """Each recorded decision is a row whose state allows exactly the actions of its target."""
    info = export_dataset([make_shard(hex_games)], HEX, tmp_path / "sets", 0.2, 1)
    data = read_npz(info.path)
    decisions = [d for g in hex_games for d in g.decisions]
    n = len(decisions)
    assert info.rows == n == len(data["states"])
    assert info.policy_rows == sum(d.full for d in decisions)
    assert {name: str(data[name].dtype) for name in data} == dict(DTYPES)
    t, out = tables("hex8"), np.empty(k.MAX_MOVES, np.int32)
    halves = 0
    for row, decision in enumerate(decisions):
        low, high = data["policy_index"][row : row + 2]
        assert data["full"][row] == decision.full
        assert tuple(data["policy_action"][low:high]) == decision.a
        if decision.full:
            # The target of a uniform search is the legal list: it must be that of the row's state.
            legal = out[: legal_actions(data["states"], row, t, out)]
            assert sorted(legal.tolist()) == sorted(decision.a)
            assert np.isclose(data["policy_prob"][low:high].sum(), 1.0)
            halves += int(data["states"][row, k.F_SCALAR, k.S_SLIDE] != 0)
    assert data["policy_index"][-1] == len(data["policy_action"])


def test_half_slides(
    record_of: Callable[..., GameRecord], make_shard: Make, tmp_path: Path
) -> None:
    """A decision on the stack that pays for a slide has the half-played slide as its state."""
    games = [record_of(Config("hex8", 4), seed, full_share=1.0) for seed in range(60)]
    info = export_dataset([make_shard(games)], Config("hex8", 4), tmp_path, 0.0, 0)
    data = read_npz(info.path)
    slides = np.flatnonzero(data["states"][:, k.F_SCALAR, k.S_SLIDE])
    assert slides.size > 0
    t, out = tables("hex8"), np.empty(k.MAX_MOVES, np.int32)
    for row in slides:
        low, high = data["policy_index"][row : row + 2]
        legal = out[: legal_actions(data["states"], row, t, out)]
        assert sorted(legal.tolist()) == sorted(data["policy_action"][low:high].tolist())


def test_outcomes(hex_games: list[GameRecord], make_shard: Make, tmp_path: Path) -> None:
    """Value, territory and eliminated rings are those of the end of the row's game."""
    data = read_npz(export_dataset([make_shard(hex_games)], HEX, tmp_path, 0.2, 1).path)
    for number, game in enumerate(hex_games):
        rows = np.flatnonzero(data["game"] == number)
        assert rows.size == len(game.decisions)
        swapped = "SW" in game.moves
        for row, decision in zip(rows, game.decisions, strict=True):
            before = swapped and decision.i <= game.moves.index("SW")
            winner = 3 - game.result.winner if before else game.result.winner
            assert data["value"][row].tolist() == [float(winner == 1), float(winner == 2)]
        for seat in (1, 2):
            cells = (data["final_territory"][rows] == seat).sum(axis=1)
            assert (cells == cells[0]).all()
        if game.result.victory == "ring_elimination":
            assert (data["final_elim"][rows, game.result.winner - 1] >= 18).all()


def test_swapped_game(
    record_of: Callable[[Config, int], GameRecord], make_shard: Make, tmp_path: Path
) -> None:
    """Rows before a swap are valued for the agents that sat there then."""
    seed = 0
    while "SW" not in (game := record_of(HEX, seed)).moves:
        seed += 1
    data = read_npz(export_dataset([make_shard([game])], HEX, tmp_path, 0.0, 1).path)
    at = game.moves.index("SW")
    for row, decision in enumerate(game.decisions):
        winner = 3 - game.result.winner if decision.i <= at else game.result.winner
        assert data["value"][row, winner - 1] == 1.0
    assert data["states"][-1, k.F_SCALAR, k.S_SWAPPED] == 1


def test_same_bytes(hex_games: list[GameRecord], make_shard: Make, tmp_path: Path) -> None:
    """Shards in any order, or named twice, give the same file; another seed gives another."""
    first, second = make_shard(hex_games[:20]), make_shard(hex_games[20:])
    one = export_dataset([first, second], HEX, tmp_path / "1", 0.2, 1)
    two = export_dataset([second, first, second], HEX, tmp_path / "2", 0.2, 1)
    assert one.sha256 == two.sha256
    assert one.path.name == f"{one.sha256}.npz"
    assert one.path.read_bytes() == two.path.read_bytes()
    assert export_dataset([first, second], HEX, tmp_path / "1", 0.2, 2).sha256 != one.sha256
    assert not list((tmp_path / "1").glob(".tmp*"))


def test_game_counts_once(hex_games: list[GameRecord], make_shard: Make, tmp_path: Path) -> None:
    """A game that occurs in two shards is in the dataset once."""
    shards = [make_shard(hex_games[:20]), make_shard(hex_games[10:])]
    info = export_dataset(shards, HEX, tmp_path, 0.2, 1)
    assert info.games == 40
    assert info.rows == sum(len(g.decisions) for g in hex_games)


def test_heldout_by_game(hex_games: list[GameRecord], make_shard: Make, tmp_path: Path) -> None:
    """Whole games are held out, each by its own id, whatever else is exported."""
    shard, part = make_shard(hex_games), make_shard(hex_games[:25])
    whole = export_dataset([shard], HEX, tmp_path, 0.3, 9)
    data = read_npz(whole.path)
    for number in range(40):
        assert len(set(data["heldout"][data["game"] == number].tolist())) == 1
    assert whole.heldout_rows == data["heldout"].sum()
    assert 0 < whole.heldout_games < 40
    fewer = read_npz(export_dataset([part], HEX, tmp_path, 0.3, 9).path)
    for number in range(25):
        assert (
            fewer["heldout"][fewer["game"] == number][0]
            == data["heldout"][data["game"] == number][0]
        )


def test_heldout_share() -> None:
    """About the asked fraction is held out; never none and never all."""
    ids = [f"{i:064x}" for i in range(5000)]
    assert 0.04 < heldout_games(ids, 0.05, 3).mean() < 0.06
    for n in (2, 3, 5):
        assert 0 < heldout_games(ids[:n], 0.01, 3).sum() < n
        assert 0 < heldout_games(ids[:n], 0.99, 3).sum() < n
    assert not heldout_games(ids, 0.0, 3).any()


def test_meta(hex_games: list[GameRecord], make_shard: Make, tmp_path: Path) -> None:
    """A dataset says what it was made from."""
    shard = make_shard(hex_games)
    info = export_dataset([shard], HEX, tmp_path, 0.2, 1)
    with np.load(info.path, allow_pickle=False) as archive:
        meta = json.loads(archive["meta"].tobytes())
    assert meta["config"] == "hex8:2"
    assert meta["shards"] == [shard.name]
    assert meta["rows"] == info.rows


def test_refusals(hex_games: list[GameRecord], make_shard: Make, tmp_path: Path) -> None:
    """Foreign, empty and lying shards are refused with one clear line; nothing is left behind."""
    shard = make_shard(hex_games)
    with pytest.raises(BadInput, match="expected square8:2"):
        export_dataset([shard], Config("square8", 2), tmp_path / "o", 0.1, 1)
    bare = make_shard([dataclasses.replace(g, decisions=()) for g in hex_games])
    with pytest.raises(BadInput, match="no recorded decision"):
        export_dataset([bare], HEX, tmp_path / "o", 0.1, 1)
    game = hex_games[0]
    result = dataclasses.replace(game.result, winner=3 - game.result.winner)
    liar = make_shard([dataclasses.replace(game, result=result)])
    with pytest.raises(BadInput, match="the record says winner"):
        export_dataset([liar], HEX, tmp_path / "o", 0.1, 1)
    assert not (tmp_path / "o").exists()


def test_bad_games_are_left_out(
    hex_games: list[GameRecord], make_shard: Make, tmp_path: Path
) -> None:
    """Games that are not what they say are told with their shard; the rest is as if they were not there."""
    sound, cut, lying, twice = hex_games[:3], *hex_games[3:6]
    cut = dataclasses.replace(cut, moves=cut.moves[:-1], id="")
    result = dataclasses.replace(lying.result, winner=3 - lying.result.winner)
    lying = dataclasses.replace(lying, result=result)
    first, *others = twice.decisions
    twice = dataclasses.replace(twice, decisions=(first, first, *others))
    shard = make_shard([lying, sound[0], twice, *sound[1:], cut])
    told: list[tuple[Path, str, str]] = []
    mixed = export_dataset(
        [shard],
        HEX,
        tmp_path / "mixed",
        0.2,
        1,
        bad=lambda path, game, error: told.append((path, game.id, str(error))),
    )
    assert [(path, game) for path, game, _ in told] == [
        (shard, game.id) for game in (lying, twice, cut)
    ]
    for (_, _, reason), said in zip(told, ("winner", "no paid", "not over"), strict=True):
        assert said in reason
    found = read_npz(mixed.path)
    expected = read_npz(export_dataset([make_shard(sound)], HEX, tmp_path / "o", 0.2, 1).path)
    for name in expected.keys() - {"meta"}:
        assert np.array_equal(found[name], expected[name]), name


def test_damaged_dataset(hex_games: list[GameRecord], make_shard: Make, tmp_path: Path) -> None:
    """A dataset whose bytes changed is refused."""
    path = export_dataset([make_shard(hex_games)], HEX, tmp_path, 0.2, 1).path
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(BadInput, match="damaged"):
        read_npz(path)
    with pytest.raises(BadInput, match="cannot read"):
        read_npz(tmp_path / "none.npz")


def test_wrong_arrays(tmp_path: Path) -> None:
    """A dataset with missing or wrongly typed arrays is not written."""
    with pytest.raises(BadInput, match="a dataset holds"):
        write_npz(tmp_path, {}, {})
    arrays = {name: np.zeros(1, np.float64) for name in DTYPES if name != "meta"}
    with pytest.raises(BadInput, match="states must be uint16"):
        write_npz(tmp_path, arrays, {})
    assert list(tmp_path.iterdir()) == []
