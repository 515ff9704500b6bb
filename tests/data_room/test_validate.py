"""Validation: every single word of a stored game that is changed is noticed, with its line."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from ringrift.configs import Config
from ringrift.data.validate import Good, Problem, check_record, validate
from ringrift.errors import BadInput
from ringrift.rules.game import Game
from ringrift.rules.lines import Lines
from ringrift.rules.records import GameRecord, Result, SeatAgent, write_records
from tests.rules.play import random_game, texts

TRACES = Path(__file__).parents[1] / "data" / "traces"


@pytest.fixture(scope="module")
def games(hex_games):
    """Games as they come out of a file, numbers with six digits."""
    return [GameRecord.parse(json.loads(game.line())) for game in hex_games]


def again(record: GameRecord, **changes) -> GameRecord:
    """The record with changes, and the id that belongs to them."""
    return replace(record, id="", **changes)


def from_the_middle(seed=3, begin=30):
    """A game that begins in the middle of another."""
    config = Config("hex8", 2)
    game, moves, start = None, [], None
    for number, (at, _, code) in enumerate(random_game(config, seed)):
        game = at
        if number == begin:
            start = at.state_plus()
        if code is not None and number >= begin:
            moves += texts(at, [code])
    found = game.result
    return GameRecord(
        config=config,
        options=start["options"],
        seats=(SeatAgent("random"),) * config.players,
        seed=seed,
        moves=tuple(moves),
        start=start,
        result=Result(found.winner, found.victory, found.ranks, found.turns, found.plies),
    )


def test_good(games, tmp_path):
    """Good records are good, in a file of their hash, and with a start of their own."""
    records = [*games[:10], from_the_middle()]
    found = list(validate(Lines(write_records(tmp_path, records).path)))
    assert found == [Good(n, r.config, len(r.moves)) for n, r in enumerate(records, start=1)]


@pytest.mark.parametrize("name", ["hex8_2p", "square8_3p"])
def test_good_traces(name):
    """Recorded traces are good."""
    found = list(validate(Lines(TRACES / f"{name}.jsonl.gz")))
    assert found
    assert all(isinstance(game, Good) for game in found)


RESULT = {"winner": 2, "victory": "lps_early", "ranks": (2, 1), "turns": 1, "plies": 5000}


@pytest.mark.parametrize("name", RESULT)
def test_result(games, name):
    """Each part of the result is what the replay gives."""
    record = next(g for g in games if g.result.winner == 1 and g.result.victory != "lps_early")
    bad = again(record, result=replace(record.result, **{name: RESULT[name]}))
    with pytest.raises(BadInput, match=f"^{name} is .*, the replay gives "):
        check_record(bad)


def test_moves(games):
    """A game that stops early, goes on after its end, or holds another writing of a move is bad."""
    record = games[0]
    with pytest.raises(BadInput, match=f"the game is not over after its {len(record.moves) - 1}"):
        check_record(again(record, moves=record.moves[:-1], decisions=()))
    with pytest.raises(BadInput, match="'NT' after the end of the game"):
        check_record(again(record, moves=(*record.moves, "NT"), decisions=()))


#: Another text that a reader could take for the same move.
OTHER_TEXTS = {
    "MV": lambda text: text.replace("MV", "CA") + " 0,0,0",
    "NL": lambda _: "NT",
    "NP": lambda _: "SP",
    "PL": lambda text: text.replace("PL ", "PL  "),
    "LN": lambda text: "LN " + ";".join(reversed(text[3:].split(";"))),
    "TO": lambda text: text + ";" + text[3:].split(";")[0],
    "FE": lambda text: text.replace("FE", "ER territory"),
    "CC": lambda text: text.replace("CC", "CA"),
}


@pytest.mark.parametrize("word", OTHER_TEXTS)
def test_one_text_per_move(games, word):
    """A move must be written as the notation writes it: no other text stands for it."""
    record = next(g for g in games if any(m.startswith(word) for m in g.moves))
    at = next(i for i, move in enumerate(record.moves) if move.startswith(word))
    right = record.moves[at]
    wrong = OTHER_TEXTS[word](right)
    moves = (*record.moves[:at], wrong, *record.moves[at + 1 :])
    with pytest.raises(BadInput, match=f"^move {at + 1}: .* is not legal for seat") as caught:
        check_record(again(record, moves=moves, decisions=()))
    assert right in caught.value.legal


def test_nearest_first(games, tmp_path):
    """The legal moves beside an illegal one begin with the nearest; all are there."""
    record = again(games[0], moves=("PL 0,0,0 4",), decisions=())
    record = replace(record, result=replace(record.result, plies=200))
    (bad,) = validate(Lines(write_records(tmp_path, [record]).path))
    assert isinstance(bad, Problem)
    assert bad.line == 1
    assert bad.legal[0] in ("PL 0,0,0 1", "PL 0,0,0 2", "PL 0,0,0 3")
    assert sorted(bad.legal) == Game.new(record.config).legal()


DECISIONS = {
    "shares": (lambda d: replace(d, p=(2.0, *d.p[1:])), "the policy target sums to"),
    "negative": (lambda d: replace(d, p=(-1.0, 2.0) + (0.0,) * (len(d.p) - 2)), "holds -1.0"),
    "values": (lambda d: replace(d, v=(0.9, 0.9)), "the root values sum to"),
    "simulations": (lambda d: replace(d, n=0), "0 simulations"),
    "fast": (lambda d: replace(d, full=False), "a fast search has a policy target"),
    "digits": (lambda d: replace(d, v=(0.12345678, 0.87654322)), "more than six significant"),
    "outside": (lambda d: replace(d, a=(10**6, *d.a[1:])), "an action outside of"),
    "illegal": (lambda d: replace(d, a=(3 * 61 + 5, *d.a[1:])), "action 188 is not legal there"),
    "twice": (lambda d: replace(d, a=(d.a[1], *d.a[1:])), "names an action twice"),
}


@pytest.mark.parametrize("name", DECISIONS)
def test_decisions(games, name):
    """Each number of a decision must make sense where it stands."""
    spoil, message = DECISIONS[name]
    record = next(g for g in games if g.decisions[0].full)
    bad = replace(record, decisions=(spoil(record.decisions[0]), *record.decisions[1:]))
    with pytest.raises(BadInput, match=f"^the decision for move 1: .*{message}"):
        check_record(bad)


def test_order_of_decisions(games):
    """Decisions come in the order of the moves, one for each, and none where there is no choice."""
    record = games[0]
    first, second = record.decisions[:2]
    with pytest.raises(BadInput, match="follows that for"):
        check_record(replace(record, decisions=(second, first)))
    with pytest.raises(BadInput, match="2 decisions for move 1"):
        check_record(replace(record, decisions=(first, first)))
    forced = record.moves.index("NL")
    with pytest.raises(BadInput, match="the move was forced"):
        check_record(replace(record, decisions=(replace(first, i=forced, a=(), p=(), full=False),)))


def spoiled(start, **changes):
    """A start with changed keys."""
    return {**start, **changes}


def test_start():
    """A start must be a whole state+ that can be set up and reads back as it is written."""
    record = from_the_middle()
    check_record(record)
    start = dict(record.start)
    for changed, message in (
        (spoiled(start, hand=[99, 99]), "'start': state key 'hand'"),
        (spoiled(start, last=9), "'start': state key 'last'"),
        (spoiled(start, lps={**start["lps"], "seen": [2, 1], "real": []}), "'lps' is "),
        ({k: v for k, v in start.items() if k in GAME_KEYS}, "a bare canonical state"),
    ):
        with pytest.raises(BadInput, match=message):
            check_record(again(record, start=changed))


GAME_KEYS = Game.new(Config("hex8", 2)).canonical()


def test_options(games):
    """Options that the config does not allow are told."""
    record = games[0]
    for name, value in (("line_detect", 9), ("lps_rounds", 0), ("rings", 0)):
        with pytest.raises(BadInput, match="^'options': "):
            check_record(again(record, options={**record.options, name: value}, decisions=()))


def lines_of(path):
    """The lines of a file of records."""
    return zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes()).split(b"\n")


def test_other_lines_are_read(games, tmp_path):
    """Bad lines of every sort are each told with their number; the games between are good."""
    lines = lines_of(write_records(tmp_path, games[:8]).path)[:-2]
    lines[1] = lines[1][:100]
    lines[3] = lines[3].replace(b'"v":1', b'"v":2', 1)
    lines[5] = lines[5].replace(b'"MV ', b'"MX ', 1)
    lines[6] = b"\xff\x00"
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b"\n".join([*lines, lines[0], b'{"t":"end","games":8}']) + b"\n")
    found = list(validate(Lines(path)))
    problems = {x.line: x.reason for x in found if isinstance(x, Problem)}
    assert [x.line for x in found if isinstance(x, Good)] == [1, 3, 5, 8]
    assert list(problems) == [2, 4, 6, 7, 9, 10]
    assert problems[2].startswith("not JSON: ")
    assert problems[4] == "version 2 of a game record, this program reads 1"
    assert "is not that of this game's moves" in problems[6]
    assert problems[7].startswith("not UTF-8")
    assert problems[9].endswith("stands in line 1 too")
    assert problems[10] == "the end line says 8 games, the file holds 7"


def test_cut_and_renamed(games, tmp_path):
    """A file cut short tells where, and what is not its name; the games before are read."""
    path = write_records(tmp_path, games).path
    path.write_bytes(path.read_bytes()[:-3])
    found = list(validate(Lines(path)))
    assert sum(isinstance(x, Good) for x in found) == len(games)
    first, last = [x for x in found if isinstance(x, Problem)]
    assert (first.line, first.reason[:7]) == (0, "damaged")
    assert "damaged compression: the file is cut short" in last.reason


def test_trace_lines(tmp_path):
    """In a trace each bad line is told, and so is a move that is not legal, with the legal ones."""
    import gzip

    lines = gzip.decompress((TRACES / "square8_2p.jsonl.gz").read_bytes()).splitlines()
    heads = [i for i, line in enumerate(lines) if line.startswith(b'{"t":"h"')]
    first, second, third, fourth = heads[:4]
    lines[first + 1] = b"{"
    move = json.loads(lines[second + 1])
    lines[second + 1] = json.dumps({**move, "mv": "PL 9,9 1"}).encode()
    end = json.loads(lines[fourth - 1])
    lines[fourth - 1] = json.dumps({**end, "turns": 1}).encode()
    lines[fourth] = lines[fourth].replace(b'"v":1', b'"v":7')
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    found = list(validate(Lines(path)))
    problems = {x.line: x for x in found if isinstance(x, Problem)}
    assert list(problems) == [first + 2, second + 2, fourth, fourth + 1]
    assert (
        problems[second + 2].reason
        == "move 1: 'PL 9,9 1' is not legal for seat 1 in ring_placement"
    )
    assert problems[second + 2].legal[0].startswith("PL ")
    assert "end of the game" in problems[fourth].reason
    assert problems[fourth + 1].reason == "version 7 of a trace, this program reads 1"
    assert sum(isinstance(x, Good) for x in found) == len(heads) - 4
    assert third


def test_empty(tmp_path):
    """A file without a game is bad; one that says nothing of its kind cannot be read."""
    path = tmp_path / "a.jsonl.zst"
    path.write_bytes(b"")
    assert [str(x) for x in validate(Lines(path))] == [
        f"{path}:1: the file is cut short: no end line"
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("{}\n")
    with pytest.raises(BadInput, match="neither game records nor traces"):
        list(validate(Lines(path)))


def test_start_options_differ():
    """Options of the game and of its start must agree."""
    record = from_the_middle()
    options = {**record.options, "lps_rounds": 4}
    with pytest.raises(BadInput, match="the options in 'start'"):
        GameRecord.parse(json.loads(again(record, options=options).line()))
