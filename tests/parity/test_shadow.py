"""Recorded games against engine and oracle, and the traces of those that differ."""

import dataclasses

import pytest

from ringrift.configs import ALL_CONFIGS, Config
from ringrift.parity import gate, lockstep
from ringrift.parity.shadow import compare, reason, trace_of
from ringrift.parity.trace import write_trace
from ringrift.reference import ReferenceGame
from ringrift.rules.records import Result
from tests.data_room.conftest import random_record

HEX = Config("hex8", 2)


@pytest.fixture(scope="module")
def record():
    """One random game."""
    return random_record(HEX, 5)


def found_by_gate(record, difference, tmp_path):
    """What `ringrift parity gate` says of the reproduction."""
    path = tmp_path / "one.jsonl.gz"
    write_trace(path, trace_of(record, difference))
    report = gate.check_file(path)
    assert report.games == 1
    return report


@pytest.mark.parametrize("config", [c for c in ALL_CONFIGS if c.board[-1] == "8"], ids=str)
def test_a_sound_game_has_no_difference(config):
    """Engine, oracle and record agree at every move and at the end; every move is asked for."""
    game = random_record(config, 3)
    asked = []
    assert compare(game, lambda: asked.append(1)) is None
    assert len(asked) == len(game.moves)


@pytest.mark.parametrize("name", ["winner", "victory", "ranks", "turns"])
def test_a_wrong_result_is_found_and_shown_again(record, tmp_path, name):
    """Legal moves and a result that is not theirs: the gate finds it in the reproduction."""
    result = record.result
    other = {
        "winner": 3 - result.winner,
        "victory": next(v for v in ("territory", "lps_rounds") if v != result.victory),
        "ranks": result.ranks[::-1],
        "turns": result.turns + 1,
    }[name]
    wrong = dataclasses.replace(record, result=dataclasses.replace(result, **{name: other}))
    difference = compare(wrong)
    assert difference.number == len(record.moves) + 1
    assert f"the record says {name} {other}" in reason(difference)
    report = found_by_gate(wrong, difference, tmp_path)
    if name == "ranks":  # those of a trace are advisory, and told apart
        assert report.rank_differences + len(report.differences) == 1
    else:
        [again] = report.differences
        assert again.move == difference.number


def test_a_move_that_is_not_legal_is_found_and_shown_again(record, tmp_path):
    """It is named; the gate stops at the same move."""
    at = next(i for i, move in enumerate(record.moves) if move.startswith("MV"))
    moves = (*record.moves[:at], "MV 0,4,-4 0,-4,4", *record.moves[at + 1 :])
    wrong = dataclasses.replace(record, moves=moves, decisions=(), id="")
    difference = compare(wrong)
    assert difference.number == at + 1
    assert "'MV 0,4,-4 0,-4,4' is not legal" in reason(difference)
    [again] = found_by_gate(wrong, difference, tmp_path).differences
    assert (again.move, again.found or again.expected) == (at + 1, "MV 0,4,-4 0,-4,4")


def test_a_game_cut_short_is_found(record, tmp_path):
    """A record that claims an end which its moves do not reach."""
    cut = dataclasses.replace(record, moves=record.moves[:40], decisions=(), id="")
    difference = compare(cut)
    assert "not over" in reason(difference)
    [again] = found_by_gate(cut, difference, tmp_path).differences
    assert again.move == 41


class Forgetful(ReferenceGame):
    """An oracle that knows of no captures: one rule broken in memory."""

    def legal(self):
        """All but captures."""
        return [move for move in super().legal() if not move.startswith("CA")]


class Greedy(ReferenceGame):
    """An oracle that counts one turn too many from the tenth move on."""

    def state_plus(self):
        """The state, with a wrong count."""
        plus = super().state_plus()
        return {**plus, "turns": plus["turns"] + 1} if plus["plies"] >= 10 else plus


class Fragile(ReferenceGame):
    """An oracle that fails in the middle of a game."""

    def apply(self, move):
        """Fail at a line."""
        if move.startswith("LN"):
            raise KeyError(move)
        super().apply(move)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (Forgetful, "too much: CA"),
        (Greedy, "turns"),
        (Fragile, "KeyError"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_engines_that_part_are_found(record, tmp_path, monkeypatch, broken, said):
    """One engine broken in memory: the first difference is told, and the trace of it is readable."""
    monkeypatch.setattr(lockstep, "ReferenceGame", broken)
    difference = compare(record)
    assert said in reason(difference)
    assert difference.number < len(record.moves)
    report = found_by_gate(record, difference, tmp_path)
    if broken is not Fragile:  # there the oracle tells nothing of the place
        assert report.differences


def test_records_know_their_result():
    """What is compared of a result is all that it holds."""
    assert {f.name for f in dataclasses.fields(Result)} == {
        "winner",
        "victory",
        "ranks",
        "turns",
        "plies",
    }
