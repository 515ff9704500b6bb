"""How decided games are counted."""

import json
from dataclasses import replace

import pytest

from ringrift.cli.game_text import heading
from ringrift.cli.selfplay_decided import decided_figures, decided_lines
from ringrift.data.decided import DecidedGames
from ringrift.data.export import export_dataset
from ringrift.data.npz import read_npz
from ringrift.data.statistics import statistics
from ringrift.data.validate import check_record
from ringrift.errors import BadInput
from ringrift.pipeline.decided import entry, warnings
from ringrift.rules.records import Decided, GameRecord, Origin
from ringrift.store.stages import DONE


def end(game, decision, audited, right=True):
    """The game as if it had been decided with that decision; not audited, the rest is unsearched."""
    seat = game.result.winner if right else 3 - game.result.winner
    rest = game.decisions[decision + 1 :]
    if not audited:
        rest = tuple(replace(d, n=0, full=False, a=(), p=()) for d in rest)
    decisions = (*game.decisions[: decision + 1], *rest)
    return replace(game, decisions=decisions, decided=Decided(decision, seat, audited))


def again(record):
    """The record as it is read from its line."""
    return GameRecord.parse(json.loads(record.line()))


@pytest.fixture
def late(hex_games):
    """Games without a swap: in them the winner's seat is the same throughout."""
    return [again(game) for game in hex_games if "SW" not in game.moves]


def test_counts(late):
    """Audited and stopped games are counted apart, false ones by the real winner, and savings by what was searched."""
    games = [
        end(late[0], 20, audited=True),
        end(late[1], 25, audited=True, right=False),
        end(late[2], 30, audited=False),
        end(late[3], 9, audited=False, right=False),
        late[4],
    ]
    found = sum(map(DecidedGames.of, games), DecidedGames())
    assert (found.games, found.decided) == (5, 4)
    assert (found.audited, found.audited_false) == (2, 1)
    assert (found.stopped, found.stopped_false) == (2, 1)
    assert found.simulations == sum(d.n for game in games for d in game.decisions)
    saved = 0.0
    for game, searched in ((games[2], 31), (games[3], 10)):
        mean = sum(d.n for d in game.decisions) / searched
        saved += mean * (len(game.decisions) - searched)
    assert found.saved == pytest.approx(saved)
    assert found.saving == pytest.approx(saved / (saved + found.simulations))
    (told,) = statistics(games, sample=0)
    assert told.decided == found
    figures = decided_figures(found)
    assert figures["audited_false_rate"]["estimate"] == 0.5
    assert figures["audited_false_rate"]["low"] == pytest.approx(0.0945, abs=1e-3)
    assert figures["audited_false_rate"]["high"] == pytest.approx(0.9055, abs=1e-3)


def test_before_a_swap(late):
    """The seat that was to win is meant as agents sat then: a swap turns it round."""
    moves, place = late[0].moves, late[0].decisions[1].i
    game = replace(late[0], moves=(*moves[:place], "SW", *moves[place + 1 :]), id="")
    assert DecidedGames.of(end(game, 0, audited=True, right=False)).audited_false == 0
    assert DecidedGames.of(end(game, 0, audited=True, right=True)).audited_false == 1
    last = len(game.decisions) - 1
    assert DecidedGames.of(end(game, last, audited=True, right=True)).audited_false == 0


def test_warning():
    """There is a warning once the false rate is above the bound beyond doubt, and not before."""
    few = DecidedGames(games=100, audited=4, audited_false=1)
    assert few.audited_false / few.audited > 0.05
    assert not any("warning" in line for line in decided_lines(few, 0.05))
    good = DecidedGames(games=100, audited=40, audited_false=2)
    assert not any("warning" in line for line in decided_lines(good, 0.05))
    bad = DecidedGames(games=100, audited=40, audited_false=8)
    assert any("warning" in line for line in decided_lines(bad, 0.05))
    assert decided_lines(DecidedGames(games=9), 0.05) == []


class Row:
    """What `warnings` reads of a stage row."""

    stage, state = "selfplay", DONE

    def __init__(self, audited, false):
        counts = DecidedGames(games=100, audited=audited, audited_false=false).as_dict()
        self.result = {"games": 100, **entry(counts, 0.05)}


def test_warning_of_a_run():
    """A run's shards are judged together."""
    assert warnings([Row(20, 2)]) == []
    (line,) = warnings([Row(20, 3), Row(20, 3), Row(20, 3)])
    assert "9 of 60 decided games" in line
    assert warnings([Row(20, 0), Row(20, 1)]) == []
    assert entry({}, 0.05) == {}


def test_unsearched_rows(late, make_shard, tmp_path):
    """A decision that was not searched is a row with the real result, without a target and without a root value."""
    game = end(late[0], 20, audited=False)
    check_record(game)
    made = export_dataset([make_shard([game])], game.config, tmp_path / "out", 0.0, 1)
    arrays = read_npz(made.path)
    unsearched = [d.n == 0 for d in game.decisions]
    assert sum(unsearched) == len(game.decisions) - 21
    assert (~(arrays["root_value"] == arrays["root_value"]).all(axis=1)).tolist() == unsearched
    assert not arrays["full"][unsearched].any()
    assert (arrays["value"].argmax(axis=1) + 1 == game.result.winner).all()


def test_course_of_a_record(late):
    """Origin, draws and the decision of a game are read back as they were, and left out where they say nothing."""
    game = late[0]
    assert not {"origin", "drawn", "decided"} & set(json.loads(game.line()))
    move = game.decisions[5].i
    begun = replace(game, origin=Origin("ab" * 32, move), decisions=game.decisions[5:])
    drawn = replace(game, drawn=5, decisions=game.decisions[5:])
    for record in (begun, drawn, end(game, 8, audited=True), end(game, 8, audited=False)):
        assert again(record) == record
        assert record.id == game.id
        check_record(record)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"origin": Origin("ab" * 32, 10**6)}, "'origin' shares 1000000 of"),
        ({"origin": Origin("ab" * 32, 60)}, "which 'origin' played"),
        ({"origin": Origin("x", 1)}, "must be the id of a game"),
        ({"origin": Origin("ab" * 32, 1), "drawn": 3, "decisions": ()}, "begins in one place"),
        ({"decided": Decided(10**6, 1, True)}, "'decided' names decision 1000000 of"),
        ({"decided": Decided(3, 3, True)}, "must be 1 to 2, found 3"),
        ({"decided": Decided(3, 1, False)}, "searched after the game was decided and not audited"),
    ],
)
def test_wrong_course(late, changes, message):
    """What contradicts itself is refused with its reason."""
    with pytest.raises(BadInput, match=message):
        again(replace(late[0], **changes))


def test_course_is_shown(late):
    """`record show` tells where a game began and when it was decided."""
    move = late[0].decisions[5].i
    begun = replace(late[0], origin=Origin("ab" * 32, move), decisions=late[0].decisions[5:])
    told = [
        *heading(begun, colour=False),
        *heading(replace(late[0], drawn=3), colour=False),
        *heading(end(late[0], 8, audited=False), colour=False),
    ]
    assert f"goes on from game abababababab after {move} moves" in told
    assert "its first 3 decisions were drawn from the policy" in told
    winner, at = late[0].result.winner, late[0].decisions[8].i + 1
    assert f"decided for seat {winner} at move {at}, played on without search" in told
    assert len(list(heading(late[0], colour=False))) == 5


def test_unsearched_needs_its_reason(late):
    """A decision without a simulation is a fault where the record does not say that the game was decided."""
    game = end(late[0], 8, audited=False)
    with pytest.raises(BadInput, match="0 simulations"):
        check_record(replace(game, decided=None))
