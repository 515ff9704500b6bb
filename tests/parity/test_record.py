"""Recording a game gives a trace that this engine passes, the same each time."""

import pytest

from ringrift.configs import Config
from ringrift.parity.gate import check_file
from ringrift.parity.record import record
from ringrift.parity.trace import write_trace
from ringrift.rules.game import Game, GameOptions


@pytest.mark.parametrize(
    ("name", "players", "options"),
    [
        ("square8", 2, GameOptions()),
        ("hex8", 4, GameOptions(line_detect=4)),
        ("square19", 3, GameOptions(rings=6)),
        ("hexagonal", 2, GameOptions(rings=5, pie=False, lps_rounds=2)),
    ],
)
def test_recorded_games_pass(tmp_path, name, players, options):
    """A recorded game passes the gate, with every option and on both kinds of board."""
    config = Config(name, players)
    path = tmp_path / "game.jsonl.gz"
    for seed in range(2):
        game = Game.new(config, options)
        lines = list(record(game, options, "g", "bytype", seed, crafted=False, note="by a test"))
        again = Game.new(config, options)
        assert lines == list(
            record(again, options, "g", "bytype", seed, crafted=False, note="by a test")
        )
        write_trace(path, lines)
        report = check_file(path)
        assert not report.differences, report.differences[0].report()
        assert report.moves == game.result.plies
