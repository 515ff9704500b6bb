"""The gate passes the shipped traces, and notices whatever is changed in one."""

import copy
import gzip
import json
import os
from pathlib import Path

import pytest

from ringrift.cli.main import run
from ringrift.configs import ALL_CONFIGS
from ringrift.errors import BadInput
from ringrift.parity.gate import check_file, check_files
from ringrift.parity.trace import read_trace, write_trace
from ringrift.rules import notation

SHIPPED = sorted((Path(__file__).parents[1] / "data" / "traces").glob("*.jsonl.gz"))
MORE = Path(os.environ.get("RINGRIFT_TRACES", ""))

#: All words of docs/traces.md §4, and the endings of rules §14 and §15.
KINDS = set(notation.FIELDS)
ENDINGS = {
    "ring_elimination",
    "territory_control",
    "lps_rounds",
    "lps_early",
    "stalemate:territory",
    "stalemate:rings",
    "stalemate:markers_or_last_actor",
}


def lines_of(path):
    """The lines of a trace file as objects."""
    with gzip.open(path, "rt") as file:
        return [json.loads(line) for line in file]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name.removesuffix(".jsonl.gz"))
def test_shipped_traces(path):
    """Every move of the regression set has the same legal set, state and ending here."""
    report = check_file(path)
    assert report.games > 0
    assert not report.differences, report.differences[0].report()
    assert report.rank_differences == 0


def test_the_set_shows_everything():
    """The regression set holds all configurations, kinds of moves and kinds of victory."""
    configs, kinds, endings = set(), set(), set()
    for path in SHIPPED:
        for game in read_trace(path):
            configs.add(game.config)
            kinds |= {line["mv"].split(" ")[0] for line in game.moves}
            endings.add(game.end["victory"])
    assert configs == set(ALL_CONFIGS)
    assert kinds == KINDS
    assert endings == ENDINGS


def test_the_set_is_small():
    """The regression set stays at about 300 kB."""
    assert sum(path.stat().st_size for path in SHIPPED) < 330_000


@pytest.mark.traces
@pytest.mark.skipif(not os.environ.get("RINGRIFT_TRACES"), reason="RINGRIFT_TRACES names no folder")
def test_all_traces_of_a_folder():
    """Every trace in the folder that RINGRIFT_TRACES names passes without a difference."""
    paths = sorted(MORE.glob("*.jsonl.gz"))
    assert paths, f"no *.jsonl.gz in {MORE}"
    reports = check_files(paths, jobs=min(4, os.cpu_count() or 1))
    differences = [difference for report in reports for difference in report.differences]
    assert not differences, differences[0].report()
    assert sum(report.rank_differences for report in reports) == 0


# -- what the gate notices -------------------------------------------------------------------


@pytest.fixture(scope="module")
def game():
    """The lines of the first game of square8 with 2 players."""
    lines = lines_of(next(path for path in SHIPPED if path.name.startswith("square8_2p")))
    return lines[: next(i for i, line in enumerate(lines) if line["t"] == "e") + 1]


def a_move(lines, word):
    """The first move line with a word."""
    return next(line for line in lines if line["t"] == "p" and line["mv"].startswith(word))


def drop_legal(lines):
    """Leave a legal move out."""
    line = a_move(lines, "MV")
    line["legal"] = [text for text in line["legal"] if text != line["mv"]]
    line["n"] -= 1
    return line, "legal moves", "too much"


def add_legal(lines):
    """List a move that is none."""
    line = a_move(lines, "MV")
    line["legal"] = sorted([*line["legal"], "MV 9,9 9,8"])
    line["n"] += 1
    return line, "legal moves", "missing: MV 9,9 9,8"


def wrong_hash(lines):
    """Give the list another hash."""
    line = a_move(lines, "PL")
    line["lh"] = "0" * 64
    return line, "hash of the legal moves", "0000"


def wrong_state(lines):
    """Change a hand."""
    line = a_move(lines, "MV")
    line["st"]["hand"][0] += 1
    return line, "state after MV", "hand"


def wrong_sha(lines):
    """Give the state another hash."""
    line = a_move(lines, "MV")
    del line["st"]
    line["sh"] = "0" * 64
    return line, "hash of the state", "0000"


def wrong_phase(lines):
    """Change a phase."""
    line = a_move(lines, "NL")
    line["ph"] = "movement"
    return line, "turn", "in movement"


def wrong_tracker(lines):
    """Change the tracker."""
    line = a_move(lines, "NT")
    line["lps"] = [2, 9]
    return line, "last-player tracker", "[2, 9]"


def refused_unlisted(lines):
    """Set a move aside that nobody lists."""
    line = a_move(lines, "MV")
    line["rej"] = ["RF 0,0 1,1 2,2"]
    return line, "refused moves not listed", "RF 0,0 1,1 2,2"


def wrong_winner(lines):
    """Let the other seat win."""
    end = lines[-1]
    end["winner"] = 3 - end["winner"]
    return {"i": end["plies"] + 1}, "end of the game", "winner"


def wrong_turns(lines):
    """Count a turn more."""
    end = lines[-1]
    end["turns"] += 1
    return {"i": end["plies"] + 1}, "end of the game", "turns"


def wrong_start(lines):
    """Start with a ring less."""
    lines[0]["state"]["hand"][0] -= 1
    return {"i": 0}, "start state", "hand"


CHANGES = [
    drop_legal,
    add_legal,
    wrong_hash,
    wrong_state,
    wrong_sha,
    wrong_phase,
    wrong_tracker,
    refused_unlisted,
    wrong_winner,
    wrong_turns,
    wrong_start,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_difference_is_noticed(game, tmp_path, change):
    """Each thing changed in a trace is reported at its move, with what differs and the board."""
    lines = copy.deepcopy(game)
    line, subject, detail = change(lines)
    write_trace(tmp_path / "changed.jsonl.gz", lines)
    (found,) = check_file(tmp_path / "changed.jsonl.gz").differences
    assert found.move == line["i"]
    assert found.subject.startswith(subject)
    report = found.report()
    assert detail in report
    assert f"game {game[0]['id']}, move {line['i']}" in report
    assert "seat   hand" in report


def test_refused_slides_are_set_aside(game, tmp_path):
    """Moves under `rej` are taken out of our list before it is compared."""
    lines = copy.deepcopy(game)
    line = a_move(lines, "MV")
    aside = next(text for text in line["legal"] if text != line["mv"])
    line["legal"].remove(aside)
    line["n"] -= 1
    line["rej"] = [aside]
    write_trace(tmp_path / "aside.jsonl.gz", lines)
    assert not check_file(tmp_path / "aside.jsonl.gz").differences


# -- the command -----------------------------------------------------------------------------


def test_command_passes(capsys):
    """Without a difference the command prints games, moves, differences and speed, and exits 0."""
    assert run(["parity", "gate", str(SHIPPED[0]), "--jobs", "1"]) == 0
    out = capsys.readouterr().out
    assert "0 differences" in out
    assert "games" in out
    assert "moves/s" in out


def test_command_reports_a_difference(game, tmp_path, capsys):
    """With a difference the command shows game, move, board and moves, and exits 1."""
    lines = copy.deepcopy(game)
    add_legal(lines)
    path = tmp_path / "changed.jsonl.gz"
    write_trace(path, lines)
    assert run(["parity", "gate", str(path)]) == 1
    captured = capsys.readouterr()
    assert "missing: MV 9,9 9,8" in captured.out
    assert "y\\x" in captured.out
    assert "1 of 1 games differ" in captured.err


def test_command_on_several_processes(game, tmp_path, capsys):
    """Files checked on several processes are reported in their order."""
    lines = copy.deepcopy(game)
    wrong_winner(lines)
    path = tmp_path / "changed.jsonl.gz"
    write_trace(path, lines)
    assert run(["parity", "gate", str(SHIPPED[-1]), str(path), "--jobs", "2"]) == 1
    out = capsys.readouterr().out
    assert out.index(SHIPPED[-1].name) < out.index("changed.jsonl.gz: game")
    assert "2 files: " in out


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_command_on_a_truncated_file(tmp_path, capsys, share):
    """A truncated file is told by file, line and reason, and the command exits 2."""
    data = SHIPPED[0].read_bytes()
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(data[: int(len(data) * share)])
    assert run(["parity", "gate", str(path)]) == 2
    assert "cut.jsonl.gz:" in capsys.readouterr().err


def test_a_missing_file_is_one_line(tmp_path):
    """A file that is not there is a BadInput with its name."""
    with pytest.raises(BadInput, match=r"cannot read .*nothing\.jsonl\.gz"):
        check_file(tmp_path / "nothing.jsonl.gz")
