"""Records: what is written is what is read, and damage is told by line and reason."""

import json
import random
import resource
from dataclasses import replace

import pytest
import zstandard

from ringrift.configs import ALL_CONFIGS, Config
from ringrift.errors import BadInput
from ringrift.rules.game import Game, GameOptions
from ringrift.rules.records import (
    Decision,
    GameRecord,
    RecordReader,
    RecordWriter,
    Result,
    SeatAgent,
    file_sha256,
    write_records,
)
from tests.rules.play import random_game, texts

MODEL = "ab" * 32


def game_record(config, seed):
    """A random game with a made-up search at some of its moves."""
    moves, decisions = [], []
    options = None
    for game, codes, code in random_game(config, seed):
        options = options or game.state_plus()["options"]
        if code is None:
            break
        if len(codes) > 3:
            share = (0.5, 0.25, 0.125, 0.125)
            value = tuple(1 / config.players for _ in range(config.players))
            value = tuple(float(f"{v:.6g}") for v in value)
            decisions.append(
                Decision(len(moves), tuple(codes[:4]), share, value, 64, seed % 2 == 0)
            )
        moves.append(texts(game, [code])[0])
    found = game.result
    return GameRecord(
        config=config,
        options=options,
        seats=tuple(SeatAgent("gumbel-mcts", MODEL, 64) for _ in range(config.players)),
        seed=seed,
        moves=tuple(moves),
        decisions=tuple(decisions),
        result=Result(found.winner, found.victory, found.ranks, found.turns, found.plies),
    )


@pytest.fixture(scope="module")
def records():
    """A few whole games."""
    return [game_record(config, 4) for config in ALL_CONFIGS if config.board != "hexagonal"]


def test_round_trip(records, tmp_path):
    """A file gives back the very records, its spec and its count; its name is its hash."""
    spec = {"run": "r1", "seed": 5, "search": {"simulations": 64}}
    writer = write_records(tmp_path, records, spec)
    assert writer.games == len(records)
    assert writer.path.name == f"{file_sha256(writer.path)}.jsonl.zst"
    reader = RecordReader(writer.path)
    assert reader.spec == spec
    assert list(reader) == records
    assert list(reader) == records, "a reader can be read again"
    assert [path.name for path in tmp_path.iterdir()] == [writer.path.name], "nothing left aside"


def test_replay(records):
    """Replaying the moves of a record gives its result and its number of moves."""
    for record in records:
        options = GameOptions(**record.options)
        game = Game.new(record.config, options)
        for move in record.moves:
            game.apply(move)
        found = game.result
        assert (
            Result(found.winner, found.victory, found.ranks, found.turns, found.plies)
            == record.result
        )


def test_same_games_same_bytes(records, tmp_path):
    """The same records make the same file, so writing them twice leaves one."""
    first = write_records(tmp_path, records)
    second = write_records(tmp_path, records)
    assert first.path == second.path
    assert len(list(tmp_path.iterdir())) == 1


def test_id_is_derived(records):
    """The id depends on seed, agents and moves, and on nothing else."""
    record = records[0]
    assert replace(record, id="").id == record.id
    assert replace(record, id="", seed=record.seed + 1).id != record.id
    assert replace(record, id="", moves=record.moves[:-1]).id != record.id
    assert replace(record, id="", decisions=()).id == record.id


def test_start_position(tmp_path):
    """A record that starts in the middle of a game carries its state+."""
    for number, (game, _, _) in enumerate(random_game(Config("hex8", 2), 1)):  # noqa: B007
        if number == 40:
            break
    start = game.state_plus()
    record = GameRecord(
        config=game.config,
        options=start["options"],
        seats=(SeatAgent("random"), SeatAgent("heuristic")),
        seed=0,
        moves=("NP",),
        start=start,
        result=Result(1, "lps_early", (1, 2), 30, 200),
    )
    (again,) = RecordReader(write_records(tmp_path, [record]).path)
    assert again == record
    assert Game.from_canonical(again.config, again.start).hash() == game.hash()


def test_an_exception_leaves_no_file(records, tmp_path):
    """Leaving the writer by an exception removes what was written."""

    def fail():
        with RecordWriter(tmp_path) as writer:
            writer.write(records[0])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_folder_is_one_line(records, tmp_path):
    """A folder that cannot be made is told in one line with its name."""
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot write to .*file/shards"):
        write_records(tmp_path / "file" / "shards", records)


def test_a_changed_byte_is_noticed(records, tmp_path):
    """A file whose content is not that of its name is refused before anything is read."""
    path = write_records(tmp_path, records).path
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(BadInput, match="damaged, its content has sha256"):
        RecordReader(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_file_is_noticed(records, tmp_path, share):
    """A file that is cut short says so, with file and line, even where names are not checked."""
    path = write_records(tmp_path, records).path
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(BadInput, match=rf"{path.name}:\d+: ") as caught:
        list(RecordReader(path, verify=False))
    assert "\n" not in str(caught.value)


def lines_of(records):
    """The lines of a file as objects."""
    return [json.loads(record.line()) for record in records] + [{"t": "end", "games": len(records)}]


def write_lines(path, lines):
    """Write objects, or raw text, as a file of records."""
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    path.write_bytes(zstandard.ZstdCompressor().compress(text.encode()))
    return path


SPOILED = {
    "not JSON": (lambda lines: ["{", *lines[1:]], ":1: not JSON"),
    "no object": (lambda lines: ["[]", *lines[1:]], ":1: expected an object"),
    "unknown key": (
        lambda lines: [{**lines[0], "winner": 1}, *lines[1:]],
        ":1: the game has an unknown key",
    ),
    "version": (lambda lines: [lines[0], {**lines[1], "v": 2}, *lines[2:]], ":2: version 2"),
    "board": (lambda lines: [{**lines[0], "board": "hex9"}, *lines[1:]], "did you mean 'hex8'"),
    "moves": (
        lambda lines: [{**lines[0], "moves": [1]}, *lines[1:]],
        ":1: 'moves' must hold only texts",
    ),
    "other moves": (
        lambda lines: [{**lines[0], "moves": ["SW"], "decisions": []}, *lines[1:]],
        "is not that of",
    ),
    "seats": (lambda lines: [{**lines[0], "seats": []}, *lines[1:]], "expected 2"),
    "count": (lambda lines: [*lines[1:]], "the file holds 1"),
    "no end": (lambda lines: lines[:-1], ":3: the file is cut short: no end line"),
    "more": (lambda lines: [*lines, lines[0]], ":4: text after the end line"),
    "kind": (lambda lines: [{"t": "x"}, *lines], ":1: unknown kind of line 'x'"),
    "header version": (
        lambda lines: [{"t": "shard", "v": 2, "spec": {}}, *lines],
        ":1: version 2 of a header, this program reads 1",
    ),
    "number as truth": (lambda lines: [{**lines[0], "v": True}, *lines[1:]], ":1: version True"),
    "number with a point": (
        lambda lines: [{**lines[0], "players": 2.0}, *lines[1:]],
        "'players' must be 2, 3 or 4, found 2.0",
    ),
    "no id": (lambda lines: [{**lines[0], "id": ""}, *lines[1:]], "id ''... is not that of"),
    "null option": (
        lambda lines: [{**lines[0], "options": {**lines[0]["options"], "pie": None}}, *lines[1:]],
        "'pie' must be true or false, found None",
    ),
    "not a number": (lambda lines: [json.dumps(lines[0])[:-1] + ',"x":NaN}'], "NaN is no number"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_malformed_lines(records, tmp_path, name):
    """A malformed file is refused with file, line and reason."""
    spoil, message = SPOILED[name]
    path = write_lines(tmp_path / "games.jsonl.zst", spoil(lines_of(records[:2])))
    with pytest.raises(BadInput) as caught:
        list(RecordReader(path, verify=False))
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_name_that_is_no_hash_is_refused(records, tmp_path):
    """Only files that are named by their content can be verified."""
    path = write_lines(tmp_path / "games.jsonl.zst", lines_of(records[:1]))
    with pytest.raises(BadInput, match="named by its sha256"):
        RecordReader(path)


def test_no_room_for_the_end(tmp_path):
    """Where what is buffered finds no room at the end, that is bad input that names the folder, and no half file stays."""
    noise = random.Random(1).randbytes(3_000).hex()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    writer = RecordWriter(tmp_path, {"noise": noise})
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # as a disk with no more room
    try:
        with pytest.raises(BadInput, match=f"cannot write to {tmp_path}"), writer:
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
