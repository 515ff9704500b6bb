"""The reference replays recorded games without a difference."""

import hashlib
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from ringrift.parity.trace import read_trace
from ringrift.reference import ReferenceGame
from ringrift.rules.canonical import canonical_sha

SHIPPED = sorted((Path(__file__).parents[1] / "data" / "traces").glob("*.jsonl.gz"))
MORE = Path(os.environ.get("RINGRIFT_TRACES", ""))


def opening(trace):
    """The start of a recorded game."""
    given = {
        name: getattr(trace.options, name) for name in ("pie", "line_detect", "lps_rounds", "rings")
    }
    if trace.crafted:
        return ReferenceGame.from_state(trace.config, trace.state, **given)
    return ReferenceGame.new(trace.config, **given)


def replay_move(game, line):
    """Compare one move line and make its move."""
    assert (game.player, game.phase) == (line["pl"], line["ph"])
    refused = line.get("rej", [])
    assert set(refused) <= set(game.refused())
    legal = [text for text in game.legal() if text not in refused]
    assert len(legal) == len(set(legal)) == line["n"]
    if "legal" in line:
        assert legal == line["legal"]
    if "lh" in line:
        assert hashlib.sha256("\n".join(legal).encode()).hexdigest() == line["lh"]
    game.apply(line["mv"])
    state = game.canonical()
    if "st" in line:
        assert state == line["st"]
    if "sh" in line:
        assert canonical_sha(state) == line["sh"]
    if "lps" in line:
        lps = game.state_plus()["lps"]
        assert [lps["seat"], lps["count"]] == line["lps"]


def replay_file(path):
    """Replay all games of a file; return how many moves were compared."""
    moves = 0
    for trace in read_trace(path):
        game = opening(trace)
        assert game.canonical() == trace.state
        for line in trace.moves:
            where = f"{path.name}: game {trace.id}, move {line['i']}, {line['mv']}"
            try:
                replay_move(game, line)
            except AssertionError as error:
                raise AssertionError(f"{where}: {error}") from error
        end, result = trace.end, game.result
        assert (result is not None) == end["over"], trace.id
        assert game.state_plus()["turns"] == end["turns"], trace.id
        if result is not None:
            found = result.winner, result.victory, list(result.ranks)
            assert found == (end["winner"], end["victory"], end["ranks"]), trace.id
        moves += len(trace.moves)
    return moves


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name.removesuffix(".jsonl.gz"))
def test_shipped_traces(path):
    """Legal set, state, tracker, ending and ranks are as recorded, at every move."""
    assert replay_file(path) > 100


@pytest.mark.traces
@pytest.mark.skipif(not os.environ.get("RINGRIFT_TRACES"), reason="RINGRIFT_TRACES names no folder")
def test_all_traces_of_a_folder():
    """Every trace in the folder that RINGRIFT_TRACES names passes without a difference."""
    paths = sorted(MORE.glob("*.jsonl.gz"))
    assert paths, f"no *.jsonl.gz in {MORE}"
    jobs = min(4, os.cpu_count() or 1)
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        assert all(pool.map(replay_file, paths))
