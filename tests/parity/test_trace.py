"""Trace files are read strictly: every fault is told by file, line and reason."""

import gzip
import json

import pytest

from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.parity.record import record
from ringrift.parity.trace import read_trace, write_trace
from ringrift.rules.game import Game, GameOptions

OPTIONS = GameOptions(pie=False, rings=3)


@pytest.fixture(scope="module")
def lines():
    """A short recorded game."""
    game = Game.new(Config("hex8", 2), OPTIONS)
    return list(record(game, OPTIONS, "g-1", "bytype", 1, crafted=False, note="by a test"))


def test_round_trip(lines, tmp_path):
    """What is written is read back, and the header gives config and options."""
    path = tmp_path / "one.jsonl.gz"
    write_trace(path, lines * 2)
    games = list(read_trace(path))
    assert len(games) == 2
    assert games[0].config == Config("hex8", 2)
    assert games[0].options == GameOptions(pie=False, line_detect=4, lps_rounds=3, rings=3)
    assert list(games[0].moves) == lines[1:-1]
    assert games[0].end == lines[-1]


def test_same_lines_same_bytes(lines, tmp_path):
    """The same lines make the same file, whatever it is called and whenever it is made."""
    write_trace(tmp_path / "a.jsonl.gz", lines)
    write_trace(tmp_path / "b.jsonl.gz", lines)
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()


def changed(index, **keys):
    """Change keys of one line."""

    def change(lines):
        return [{**line, **keys} if i == index else line for i, line in enumerate(lines)]

    return change


def without(index, key):
    """Take a key out of one line."""

    def change(lines):
        kept = {k: v for k, v in lines[index].items() if k != key}
        return [kept if i == index else line for i, line in enumerate(lines)]

    return change


SPOILED = {
    "version": (changed(0, v=2), ":1: version 2"),
    "board": (changed(0, board="hex9"), ":1: unknown board 'hex9': did you mean 'hex8'?"),
    "players": (changed(0, players=5), ":1: 'players' must be 2, 3 or 4"),
    "unknown key": (changed(0, polices=1), "did you mean 'policy'"),
    "missing key": (without(1, "mv"), ":2: the move line lacks the key 'mv'"),
    "const": (changed(0, const=[]), ":1: 'const' must be an object"),
    "legal": (changed(1, legal="PL"), ":2: 'legal' must be a list, found 'PL'"),
    "no object": (changed(2, st=[]), ":3: 'st' must be an object"),
    "no id": (lambda lines: [without(0, "id")(lines)[0]], ":1: the header lacks the key 'id'"),
    "no state": (without(2, "st"), ":3: the move line has neither 'st' nor 'sh'"),
    "index": (changed(3, i=9), ":4: move 9, expected 3"),
    "type": (changed(3, mv=None), ":4: 'mv' must be a text"),
    "end of another": (changed(-1, id="g-2"), "end of 'g-2' in game 'g-1'"),
    "too few moves": (lambda lines: [*lines[:-2], lines[-1]], "the end line says"),
    "no end": (lambda lines: lines[:-1], "cut short inside game 'g-1'"),
    "no header": (lambda lines: lines[1:], ":1: unexpected kind of line 'p'"),
    "two headers": (lambda lines: [lines[0], *lines], ":2: a header before the end"),
    "kind": (lambda lines: [*lines, {"t": "x"}], "unexpected kind of line 'x'"),
    "records": (lambda _: [{"t": "shard"}], "ringrift data check judges those"),
    "list": (lambda lines: [[], *lines], ":1: expected an object"),
    "nothing": (lambda _: [], ":1: the file holds no game"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_malformed(lines, tmp_path, name):
    """A malformed file is a BadInput of one line with file, line number and reason."""
    spoil, message = SPOILED[name]
    path = tmp_path / "spoiled.jsonl.gz"
    spoiled = spoil(lines)
    if name == "end of another":
        spoiled = [*lines[:-1], {**lines[-1], "id": "g-2"}]
    write_trace(path, spoiled)
    with pytest.raises(BadInput) as caught:
        list(read_trace(path))
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_not_json(tmp_path):
    """Text that is not JSON is told with its line."""
    path = tmp_path / "text.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"t":"h"'))
    with pytest.raises(BadInput, match=r"text\.jsonl\.gz:1: not JSON"):
        list(read_trace(path))


def test_not_gzip(tmp_path):
    """A file that is no gzip file is told as such."""
    path = tmp_path / "plain.jsonl.gz"
    path.write_text(json.dumps({"t": "h"}))
    with pytest.raises(BadInput, match=r"plain\.jsonl\.gz:1: damaged compression"):
        list(read_trace(path))


def test_a_crafted_start_is_checked(lines, tmp_path):
    """A crafted start that no game could hold is refused with file and line."""
    path = tmp_path / "start.jsonl.gz"
    state = {**lines[0]["state"], "hand": [1, 1]}
    header = {**lines[0], "crafted": True, "state": state}
    write_trace(path, [header, *lines[1:]])
    with pytest.raises(BadInput, match=r"start\.jsonl\.gz:1: state key 'elim'"):
        list(read_trace(path))


def test_constants_must_be_those_of_the_rules(lines, tmp_path):
    """A header with constants that the rules do not give is refused."""
    path = tmp_path / "const.jsonl.gz"
    for key, value, message in (
        ("lineLength", 5, "const 'lineLength' is 5, expected 4"),
        ("lineDetect", "4", "'lineDetect' must be a whole number"),
        ("ringsPerPlayer", 0, "rings per player is 0"),
    ):
        const = {**lines[0]["const"], key: value}
        write_trace(path, [{**lines[0], "const": const}, *lines[1:]])
        with pytest.raises(BadInput, match=message):
            list(read_trace(path))
