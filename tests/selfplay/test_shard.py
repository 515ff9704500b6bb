"""Shards: the same games from the same spec, and everything in them true."""

import dataclasses
import json

import numpy as np
import pytest

from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.nets.backend import Backend
from ringrift.rules.game import Game, GameOptions
from ringrift.rules.kernels import constants as k
from ringrift.rules.records import SUFFIX, RecordReader
from ringrift.selfplay import shard as shard_module
from ringrift.selfplay.pool import SelfplayParameters
from ringrift.selfplay.shard import ShardSpec, found_shards, produce_shard

HEX = Config("hex8", 2)
FAST = SelfplayParameters(simulations=8, fast_simulations=4, full_search_fraction=0.5, slots=16)


def spec_of(config, sha256, **changes):
    """A small shard."""
    values = {"run_id": "r" * 8, "seed": 1, "index": 0, "games": 6, "search": FAST, **changes}
    return ShardSpec(config=config, model_sha256=sha256, **values)


def produce(model_of, folder, config=HEX, progress=None, backend="torch", **changes):
    """Play a small shard."""
    path, sha256 = model_of(config)
    return produce_shard(spec_of(config, sha256, **changes), path, folder, progress, backend)


@pytest.fixture(scope="module")
def played(model_of, tmp_path_factory):
    """A shard of hex8:2 with more games than slots, as (result, records)."""
    result = produce(model_of, tmp_path_factory.mktemp("shards"), games=24)
    return result, list(RecordReader(result.path))


def test_id_is_stable():
    """The id of a spec never changes: shards in ledgers are known by it."""
    search = SelfplayParameters(temperature_decisions=30)
    spec = ShardSpec("run", HEX, "ab" * 32, seed=7, index=3, games=100, search=search)
    assert spec.id == "c9755863fdc97c5bf448bde6132a449c3ac808d325273514f335622b59362ff8"
    assert ShardSpec.from_dict(json.loads(json.dumps(spec.as_dict()))) == spec
    changes = [
        {"run_id": "other"},
        {"config": Config("hex8", 3)},
        {"model_sha256": "cd" * 32},
        {"seed": 8},
        {"index": 4},
        {"games": 99},
        {"search": SelfplayParameters(temperature=0.5)},
        {"options": GameOptions(lps_rounds=2)},
    ]
    ids = {dataclasses.replace(spec, **change).id for change in changes}
    assert len(ids | {spec.id}) == len(changes) + 1, "everything in a spec is part of its id"


def test_game_seeds_are_distinct():
    """Each game of a shard and of its neighbours has a seed of its own; a longer shard is another shard."""
    specs = [spec_of(HEX, "ab" * 32, index=i, games=200) for i in range(3)]
    seeds = np.concatenate([spec.game_seeds() for spec in specs])
    assert seeds.dtype == np.uint64
    assert len(set(seeds.tolist())) == 600


def test_same_spec_same_file(model_of, played, tmp_path):
    """Produced again from its spec, a shard is the same file, bit for bit."""
    again = produce(model_of, tmp_path, games=24)
    assert again.sha256 == played[0].sha256
    assert again.path.read_bytes() == played[0].path.read_bytes()
    other = produce(model_of, tmp_path, games=24, seed=2)
    assert other.sha256 != again.sha256


def test_every_game_is_complete(played):
    """A shard holds as many games as its spec says, each with its own seed, and its header the spec."""
    result, records = played
    reader = RecordReader(result.path)
    assert result.games == len(records) == 24
    assert reader.spec is not None
    backend = Backend.from_dict(reader.spec.pop("backend"))
    assert backend == result.backend
    identity = reader.spec.pop("id")
    spec = ShardSpec.from_dict(reader.spec)
    assert identity == spec.id
    assert sorted(r.seed for r in records) == sorted(spec.game_seeds().tolist())
    assert len({r.id for r in records}) == 24
    assert result.plies == sum(len(r.moves) for r in records)
    assert result.positions == sum(d.full for r in records for d in r.decisions)
    assert sum(result.victories.values()) == 24
    assert {r.result.victory for r in records} == set(result.victories)
    for record in records:
        assert [s.model for s in record.seats] == [spec.model_sha256] * 2
        assert [s.budget for s in record.seats] == [8, 8]


def check_record(record):
    """Replay a record through `Game` and compare all it says with what the rules say there."""
    game = Game.new(record.config, GameOptions(**record.options))
    decisions = iter(record.decisions)
    decision = next(decisions, None)
    for number, text in enumerate(record.moves):
        codes = game.legal_codes().tolist()
        actions = {code & k.ACTION_MASK for code in codes}
        shown = 0
        while decision is not None and decision.i == number:
            if shown:  # the second decision of a move is which stack pays for a slide
                b = game.board
                plane = k.PLANE_RAY + b.D * b.M + 2 * b.A
                actions = {
                    plane * b.n + (code >> k.STACK_SHIFT) - 1
                    for code in codes
                    if code >> k.STACK_SHIFT
                }
            assert len(actions) > 1, "a decision has a choice"
            assert set(decision.a) <= actions
            assert len(set(decision.a)) == len(decision.a)
            assert sum(decision.v) == pytest.approx(1, abs=1e-4)
            assert all(-1e-6 <= v <= 1 + 1e-6 for v in decision.v)
            assert decision.full == bool(decision.a)
            assert decision.n == (FAST.simulations if decision.full else FAST.fast_simulations)
            if decision.full:
                assert sum(decision.p) == pytest.approx(1, abs=1e-4)
                assert all(p > 0 for p in decision.p)
                assert list(decision.p) == sorted(decision.p, reverse=True)
            shown += 1
            decision = next(decisions, None)
        assert shown or len(actions) == 1, "where there is a choice there is a decision"
        game.apply(text)
    assert decision is None
    outcome = game.result
    assert outcome is not None, "the game is played to its end"
    found = (outcome.winner, outcome.victory, outcome.ranks, outcome.turns, outcome.plies)
    said = record.result
    assert found == (said.winner, said.victory, said.ranks, said.turns, said.plies)


def test_replay_agrees(played):
    """Replayed through the rules, each game has legal moves, sound decisions and the recorded end."""
    for record in played[1]:
        check_record(record)


def test_both_budgets_are_used(played):
    """About the asked share of the decisions is searched in full, and only these carry a target."""
    decisions = [d for record in played[1] for d in record.decisions]
    share = sum(d.full for d in decisions) / len(decisions)
    assert 0.4 < share < 0.6


@pytest.mark.parametrize("name", ["hex8:3", "hex8:4", "square8:2", "square8:3", "square8:4"])
def test_other_configs(model_of, tmp_path, name):
    """The small boards play with 2 to 4 players, and their records are as sound."""
    result = produce(model_of, tmp_path, Config.parse(name), games=3)
    records = list(RecordReader(result.path))
    assert len(records) == 3
    for record in records:
        check_record(record)


def test_options(model_of, tmp_path):
    """Rule options of the spec are those of its games."""
    options = GameOptions(pie=False, lps_rounds=2, rings=9)
    result = produce(model_of, tmp_path, games=12, options=options)
    for record in RecordReader(result.path):
        assert record.options == {"pie": False, "line_detect": 4, "lps_rounds": 2, "rings": 9}
        assert "SW" not in record.moves
        check_record(record)


def test_a_few_slots_are_enough(model_of, tmp_path):
    """Fewer games than slots, or a single slot, play as well."""
    lone = dataclasses.replace(FAST, slots=1)
    assert produce(model_of, tmp_path, games=2, search=lone).games == 2
    assert produce(model_of, tmp_path, games=1).games == 1


class Stop(Exception):
    """Raised from the middle of a shard."""


def test_interrupted_leaves_nothing(model_of, tmp_path, monkeypatch):
    """A shard that is stopped on its way leaves no file, whole or half, and can be played again."""
    monkeypatch.setattr(shard_module, "REPORT_EVERY", 0.0)
    told = []

    def stop(at):
        told.append(at)
        if at.games >= 3:
            raise Stop

    with pytest.raises(Stop):
        produce(model_of, tmp_path, progress=stop, games=8)
    assert [at.games for at in told] == sorted(at.games for at in told)
    assert told[-1].games_total == 8
    assert told[-1].evaluations > 0
    assert list(tmp_path.iterdir()) == []
    assert produce(model_of, tmp_path, games=8).path.is_file()


def test_who_else_writes_in_the_folder_is_left_alone(played):
    """Shards that are there are found beside the half-written file of another command that is at work."""
    result, _ = played
    half = result.path.with_name(f".tmp-1-abcdef{SUFFIX}")
    half.write_bytes(result.path.read_bytes()[:100])
    spec = spec_of(HEX, RecordReader(result.path).spec["model_sha256"], games=24)
    try:
        found = found_shards(result.path.parent, [spec])
    finally:
        half.unlink()
    assert [found[spec.id].sha256] == [result.sha256]


def test_bad_models(model_of, tmp_path):
    """A broken model, one of another config, and one that the spec does not name are each refused by name."""
    path, sha256 = model_of(HEX)
    out = tmp_path / "out"
    with pytest.raises(BadInput, match="to be played by ffffffffffff"):
        produce_shard(spec_of(HEX, "f" * 64), path, out)
    square = Config("square8", 2)
    with pytest.raises(BadInput, match="a network for hex8:2, expected one for square8:2"):
        produce_shard(spec_of(square, sha256), path, out)
    broken = tmp_path / path.name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    broken.write_bytes(content)
    with pytest.raises(BadInput, match="broken model file"):
        produce_shard(spec_of(HEX, sha256), broken, out)
    with pytest.raises(BadInput, match="model file"):
        produce_shard(spec_of(HEX, sha256), tmp_path / "absent.safetensors", out)
    assert not out.exists()
