"""Games that begin in stored ones, and games that open with draws from the policy."""

import dataclasses
import json

import numpy as np
import pytest

from ringrift.configs import Config
from ringrift.data.export import export_dataset
from ringrift.data.gates import parity_of, quality_of
from ringrift.data.npz import read_npz
from ringrift.errors import BadInput, Interrupted
from ringrift.rules.game import opening
from ringrift.rules.records import GameRecord, RecordReader, write_records
from ringrift.selfplay import shard
from ringrift.selfplay.pool import SelfplayParameters, SelfplayPool
from ringrift.selfplay.shard import ShardSpec, produce_shard
from ringrift.selfplay.starts import deal, read_archive
from tests.search.evaluators import HashEvaluator

HEX = Config("hex8", 2)
FAST = SelfplayParameters(simulations=4, fast_simulations=2, full_search_fraction=0.3, slots=4)
OPENINGS = {"opening_random_fraction": 0.5, "opening_random_area": 0.06}


def spec_of(model_of, seed, search=FAST, games=12, **changes):
    """A small shard."""
    sha256 = model_of(HEX)[1]
    return ShardSpec(
        "r" * 8, HEX, sha256, seed=seed, index=0, games=games, search=search, **changes
    )


@pytest.fixture(scope="module")
def stored(model_of, tmp_path_factory):
    """A shard of an earlier iteration: (sha256, file); some of its games opened with draws."""
    spec = spec_of(model_of, 1, dataclasses.replace(FAST, **OPENINGS))
    made = produce_shard(spec, model_of(HEX)[0], tmp_path_factory.mktemp("stored"))
    return made.sha256, made.path


@pytest.fixture(scope="module")
def spec(model_of, stored):
    """A shard half of whose games begin in the stored one."""
    search = dataclasses.replace(FAST, archive_share=0.5, **OPENINGS)
    return spec_of(model_of, 2, search, archive=(stored[0],))


@pytest.fixture(scope="module")
def played(model_of, spec, stored, tmp_path_factory):
    """That shard, as (result, records)."""
    folder = tmp_path_factory.mktemp("played")
    made = produce_shard(spec, model_of(HEX)[0], folder, archive=dict([stored]))
    return made, list(RecordReader(made.path))


def test_archived_games_go_on_from_a_stored_one(played, stored):
    """Such a game has the first moves of the game that it names, and decisions only from there on."""
    made, records = played
    archive = {record.id: record for record in RecordReader(stored[1])}
    begun = [record for record in records if record.origin is not None]
    assert 2 <= len(begun) == made.archived < len(records)
    for record in begun:
        source = archive[record.origin.game]
        move = record.origin.move
        assert record.moves[:move] == source.moves[:move]
        assert move in {decision.i for decision in source.decisions}, "a decision was due there"
        assert record.decisions[0].i >= move
        assert record.id not in archive
        assert record.seed not in {other.seed for other in archive.values()}
    assert len({record.origin for record in begun}) > 1


def test_all_records_are_sound(played, stored):
    """Wherever a game began, it passes both gates: each word, each position, and the oracle move by move."""
    for record in [*played[1], *RecordReader(stored[1])]:
        assert quality_of(record) is None
        assert GameRecord.parse(json.loads(record.line())) == record
    for record in played[1][:3]:
        assert parity_of(record) is None


def test_the_other_games_are_untouched(stored):
    """A game that begins as usual is the same game with and without the others, and so is one with its start."""
    seeds = np.arange(50, 66, dtype=np.uint64)
    search = SelfplayParameters(6, 3, 0.3, archive_share=0.4, **OPENINGS)
    options = next(iter(RecordReader(stored[1]))).options
    starts = deal(seeds, search, HEX, read_archive(dict([stored]), [stored[0]], HEX, options))
    assert 3 < len(starts) < 13
    plain, mixed = ({}, {})
    for found, given in ((plain, {}), (mixed, starts)):
        pool = SelfplayPool(HashEvaluator(HEX, 5), opening(HEX), search)
        found.update({game.index: game for game in pool.run(seeds, given) if game is not None})
    for number in range(16):
        same = np.array_equal(plain[number].codes, mixed[number].codes)
        assert same == (number not in starts)
    assert deal(seeds, SelfplayParameters(6, 3, 0.3), HEX) == {}


def test_drawn_openings(stored, played):
    """About the asked share opens with draws; these are no decisions of the record, and their number is in it."""
    records = [*RecordReader(stored[1]), *played[1]]
    drawn = [record for record in records if record.drawn]
    assert 3 <= len(drawn) <= len(records) - 3
    for record in drawn:
        assert record.origin is None
        if record.decisions:
            assert record.decisions[0].i >= record.drawn
    assert all(r.decisions[0].i == 0 for r in records if not r.drawn and r.origin is None)
    assert len({record.drawn for record in drawn}) > 1


def test_number_of_draws_follows_the_distribution():
    """The number of draws is exponential with the mean that is asked, rounded down; the share is as asked."""
    parameters = SelfplayParameters(opening_random_fraction=0.5, opening_random_area=0.1)
    starts = deal(np.arange(20_000, dtype=np.uint64), parameters, HEX)
    mean = 0.1 * 61
    # P(k draws or more) = e^(-k / mean); no draws is no start of its own
    for least in (1, 3, 10):
        share = sum(start.drawn >= least for start in starts.values()) / 20_000
        assert share == pytest.approx(0.5 * np.exp(-least / mean), abs=0.015)


def test_same_spec_same_file(model_of, spec, played, stored, tmp_path):
    """With the same archive the same spec is the same file; without its archive it is no shard at all."""
    again = produce_shard(spec, model_of(HEX)[0], tmp_path, archive=dict([stored]))
    assert again.sha256 == played[0].sha256
    assert RecordReader(again.path).spec["archive"] == [stored[0]]
    assert ShardSpec.from_dict(spec.as_dict()) == spec
    with pytest.raises(BadInput, match=f"archive: no file with sha256 {stored[0][:12]}"):
        produce_shard(spec, model_of(HEX)[0], tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_interrupted_and_gone_on(model_of, spec, played, stored, tmp_path, monkeypatch):
    """Stopped on its way, such a shard goes on to the same bytes."""
    monkeypatch.setattr(shard, "REPORT_EVERY", 0.0)

    def stop(at):
        if at.games >= 5:
            raise Interrupted("stop")

    files = dict([stored])
    with pytest.raises(Interrupted):
        produce_shard(spec, model_of(HEX)[0], tmp_path, stop, archive=files)
    made = produce_shard(spec, model_of(HEX)[0], tmp_path, archive=files)
    assert (made.resumed >= 5, made.sha256) == (True, played[0].sha256)
    assert made.archived == played[0].archived


def test_first_moves_are_not_exported_again(played, stored, tmp_path):
    """Only what was searched anew becomes rows; a game that goes on from another is held out with it."""
    files = [stored[1], played[0].path]
    games = [r for path in sorted(files, key=lambda p: p.name) for r in RecordReader(path)]
    made = export_dataset(files, HEX, tmp_path, 0.3, 1)
    arrays = read_npz(made.path)
    assert made.rows == sum(len(record.decisions) for record in games)
    unlike = {state.tobytes() for state in arrays["states"]}
    prefixes = sum(
        sum(decision.i < record.origin.move for decision in source.decisions)
        for record in games
        if record.origin is not None
        for source in games
        if source.id == record.origin.game
    )
    assert prefixes > 20, "there is something that could have been exported twice"
    # the position where a game goes on is searched again, and so is the shared opening
    assert made.rows - len(unlike) <= len(games)
    held = {
        record.id: bool(arrays["heldout"][arrays["game"] == number].any())
        for number, record in enumerate(games)
    }
    for record in games:
        if record.origin is not None:
            assert held[record.id] == held[record.origin.game]


def test_bad_archives(model_of, stored, played, tmp_path):
    """A file that is damaged, of another config or holds no game to go on from is named; nothing is played."""
    wanted = [stored[0]]
    options = next(iter(RecordReader(stored[1]))).options
    assert read_archive(dict([stored]), wanted, HEX, options)
    with pytest.raises(BadInput, match="is hex8:2, expected hex8:3"):
        read_archive(dict([stored]), wanted, Config("hex8", 3), options)
    with pytest.raises(BadInput, match="no game that another could go on from"):
        read_archive(dict([stored]), wanted, HEX, {**options, "pie": not options["pie"]})
    bad = tmp_path / stored[1].name
    bad.write_bytes(stored[1].read_bytes()[:-9])
    with pytest.raises(BadInput, match="damaged, its content has sha256"):
        read_archive({stored[0]: bad}, wanted, HEX, options)
    begun = [record for record in played[1] if record.origin is not None]
    chained = write_records(tmp_path, begun)
    with pytest.raises(BadInput, match="no game that another could go on from"):
        read_archive({chained.sha256: chained.path}, [chained.sha256], HEX, options)
