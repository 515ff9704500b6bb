"""Conversion: there and back gives the same games, and what cannot be held is refused by name."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ringrift.configs import Config
from ringrift.data.convert import convert, policy_of, to_record, to_trace
from ringrift.errors import BadInput
from ringrift.parity.gate import check_file, check_files
from ringrift.parity.trace import read_trace, write_trace
from ringrift.rules.lines import Lines
from ringrift.rules.records import GameRecord, RecordReader, SeatAgent, write_records
from tests.data_room.conftest import random_record
from tests.data_room.test_validate import again, from_the_middle

TRACES = Path(__file__).parents[1] / "data" / "traces"
SEATS = (SeatAgent("gumbel-mcts", "ab" * 32, 64), SeatAgent("random"))


@pytest.fixture(scope="module")
def games(hex_games):
    """Games as they come out of a file, of different agents."""
    made = [GameRecord.parse(json.loads(game.line())) for game in hex_games[:4]]
    return [again(made[0], seats=SEATS), *made[1:]]


def converted(source, target, to, **options):
    """Convert a file and return the path of the new one."""
    return convert(Lines(source), target, to, **options).path


def test_records_there_and_back(games, tmp_path):
    """Records come back from a trace that the gate passes: same ids, same bytes but for searches."""
    plain = [replace(game, decisions=()) for game in games]
    first = write_records(tmp_path, plain).path
    trace = converted(first, tmp_path / "t.jsonl.gz", "trace")
    report = check_file(trace)
    assert (report.games, report.differences, report.rank_differences) == (len(games), (), 0)
    second = converted(trace, tmp_path, "record")
    assert second == first
    assert list(RecordReader(second)) == plain


@pytest.mark.parametrize("path", sorted(TRACES.glob("*.gz")), ids=lambda path: path.name[:-9])
def test_traces_there_and_back(path, tmp_path):
    """A trace of every config becomes records and the same trace again, crafted starts included."""
    records = converted(path, tmp_path / "r.jsonl.zst", "record")
    trace = converted(records, tmp_path / "t.jsonl.gz", "trace")
    for old, new in zip(read_trace(path), read_trace(trace), strict=True):
        assert (new.config, new.options, new.crafted) == (old.config, old.options, old.crafted)
        assert new.state == old.state
        assert [m["mv"] for m in new.moves] == [m["mv"] for m in old.moves]
        assert {**new.end, "id": old.id} == old.end
        assert new.notes == {**old.notes, "recorded": new.notes["recorded"]}
    again_there = converted(trace, tmp_path / "r2.jsonl.zst", "record")
    assert again_there.read_bytes() == records.read_bytes()


def test_packings(games, tmp_path):
    """The name decides on compression; the games are the same, and records keep their searches."""
    first = write_records(tmp_path, games, {"made": "here"}).path
    plain = converted(first, tmp_path / "plain.jsonl", "record")
    assert plain.read_bytes().startswith(b'{"t":"shard","v":1,"spec":{"made":"here"}}\n')
    packed = converted(plain, tmp_path / "packed.jsonl.zst", "record")
    assert packed.read_bytes() == first.read_bytes()
    assert converted(packed, tmp_path, "record") == first
    trace = converted(packed, tmp_path / "plain_trace.jsonl", "trace")
    assert len(list(read_trace(trace))) == len(games)


def test_policy():
    """Agents that a plain name tells are written so; all others as objects."""
    assert policy_of((SeatAgent("random"),) * 3) == "random"
    assert policy_of(SEATS)[0] == {"kind": "gumbel-mcts", "model": "ab" * 32, "budget": 64}


@pytest.mark.parametrize("begin", [1, 2, 30, 61])
def test_start_with_history(tmp_path, begin):
    """A start in the middle of a game, or of a turn, goes through a trace unchanged."""
    inside = from_the_middle(begin=begin)
    first = write_records(tmp_path, [inside]).path
    trace = converted(first, tmp_path / "t.jsonl.gz", "trace")
    (report,) = check_files([trace])
    assert (report.games, report.differences) == (1, ())
    (game,) = read_trace(trace)
    assert game.state == inside.start
    assert converted(trace, tmp_path, "record") == first


def test_options_of_a_start_are_those_of_the_header(tmp_path):
    """A trace whose state+ has other options than its header is refused."""
    lines = list(to_trace(from_the_middle()))
    state = lines[0]["state"]
    options = {**state["options"], "lps_rounds": 5}
    header = {**lines[0], "state": {**state, "options": options}}
    write_trace(tmp_path / "t.jsonl", [header, *lines[1:]])
    with pytest.raises(BadInput, match="lps_rounds is not that of the header"):
        list(read_trace(tmp_path / "t.jsonl"))


def test_unfinished_and_odd_traces(tmp_path):
    """Traces that no record can hold are refused by name."""
    config = Config("hex8", 2)
    lines = list(to_trace(random_record(config, 1)))
    for changed, message in (
        ([{**lines[0], "seed": "x"}, *lines[1:]], "'seed' is 'x', and a record needs a whole"),
        ([{**lines[0], "policy": [1]}, *lines[1:]], "'policy' must hold only objects"),
        ([{**lines[0], "policy": 7}, *lines[1:]], "'policy' must be a list"),
    ):
        path = tmp_path / "odd.jsonl.gz"
        write_trace(path, changed)
        with pytest.raises(BadInput, match=message):
            converted(path, tmp_path / "r.jsonl.zst", "record")
    write_trace(
        path, [*lines[:1], {**lines[-1], "plies": 0, "turns": 1, "over": False, "winner": 0}]
    )
    with pytest.raises(BadInput, match=r"odd.jsonl.gz:1: game .*: is not over"):
        converted(path, tmp_path / "r.jsonl.zst", "record")


def test_bad_games_are_refused_or_skipped(games, tmp_path):
    """The first bad game stops everything; with `skip` each is told and the good ones are kept."""
    bad = again(games[1], moves=("PL 9,9,9 1",), decisions=())
    path = write_records(tmp_path, [games[0], bad, games[2]]).path
    target = tmp_path / "t.jsonl.gz"
    with pytest.raises(BadInput, match=r":2: move 1: 'PL 9,9,9 1' is not legal"):
        converted(path, target, "trace")
    assert not target.exists()
    told = []
    made = convert(Lines(path), target, "trace", skip=told.append)
    assert (made.games, made.skipped, [p.line for p in told]) == (2, 1, [2])
    assert made.decisions == len(games[0].decisions) + len(games[2].decisions)
    assert [to_record(game).id for game in read_trace(target)] == [games[0].id, games[2].id]


def test_targets(games, tmp_path):
    """A target that exists, has another ending, or lies nowhere is refused; --force overwrites."""
    path = write_records(tmp_path, games[:1]).path
    target = tmp_path / "t.jsonl.gz"
    target.write_text("old")
    with pytest.raises(BadInput, match="exists; --force"):
        converted(path, target, "trace")
    assert target.read_text() == "old"
    converted(path, target, "trace", force=True)
    for name, message in (
        ("t.jsonl.zst", "a file of traces ends in .jsonl or .jsonl.gz"),
        ("t.gz", "a file of traces ends in"),
        ("no/t.jsonl.gz", "no such folder"),
        ("", "is a folder"),
    ):
        with pytest.raises(BadInput, match=message):
            converted(path, tmp_path / name, "trace")
    with pytest.raises(BadInput, match="holds traces already"):
        converted(target, tmp_path / "u.jsonl.gz", "trace")
