"""Shards of any agents: one engine for all seats or one for each, also killed on their way."""

import dataclasses
import json

import numpy as np
import pytest

from ringrift.agents import make_agent
from ringrift.agents.seeds import decision_seeds
from ringrift.configs import Config
from ringrift.data.export import export_dataset
from ringrift.data.gates import parity_of, quality_of
from ringrift.data.quality import faults
from ringrift.data.replay import replay_record
from ringrift.errors import BadInput, Interrupted
from ringrift.rules.boards import tables
from ringrift.rules.game import GameOptions, opening
from ringrift.rules.kernels import constants as k
from ringrift.rules.kernels.play import play_all
from ringrift.rules.records import RecordReader
from ringrift.selfplay import shard
from ringrift.selfplay.agent_games import AgentPool
from ringrift.selfplay.checkpoint import checkpoint_path
from ringrift.selfplay.engines import needs_model, read_engines
from ringrift.selfplay.pool import SelfplayParameters
from ringrift.selfplay.shard import ShardSpec, found_shards, produce_shard
from tests.selfplay.test_checkpoint import kill_after, stop_at

HEX = Config("hex8", 2)
SEARCH = SelfplayParameters(simulations=8, fast_simulations=2, full_search_fraction=0.4, slots=4)


def spec_of(engine, model_of, config=HEX, games=6, **changes):
    """A shard of these engines."""
    sha256 = model_of(config)[1] if needs_model(engine) else None
    rotate = changes.pop("rotate", False)
    who = read_engines(engine, config, sha256, SEARCH, rotate=rotate)
    return ShardSpec(
        "run", config, sha256, 7, 0, games, who.search, engines=who.seats, rotate=who.rotate,
        **changes,
    )  # fmt: skip


def made_of(spec, model_of, folder, *more, **options):
    """Play it."""
    path = None if spec.model_sha256 is None else model_of(spec.config)[0]
    return produce_shard(spec, path, folder, *more, **options)


#: Engine -> kinds, models and budgets of its seats as records have them, and which of them leave policy targets.
ENGINES = {
    "random": (("random", False, None), ("random", False, None), ()),
    "heuristic": (("heuristic", False, None), ("heuristic", False, None), ()),
    "policy-only": (("policy-only", True, None), ("policy-only", True, None), ()),
    "gumbel-mcts:s4,heuristic": (("gumbel-mcts", True, 4), ("heuristic", False, None), (1,)),
    "gumbel-mcts,gumbel-mcts:s4": (("gumbel-mcts", True, 8), ("gumbel-mcts", True, 4), (1, 2)),
    "mcts:r12,random": (("mcts", False, 12), ("random", False, None), (1,)),
    "minimax:n150,mcts:r9": (("minimax", False, 150), ("mcts", False, 9), (2,)),
    "minimax:d1": (("minimax:d1", False, None), ("minimax:d1", False, None), ()),
}


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine(engine, model_of, tmp_path):
    """The same spec gives the same file twice; its games pass both gates, say who played, and hold what was found."""
    spec = spec_of(engine, model_of)
    assert ShardSpec.from_dict(json.loads(json.dumps(spec.as_dict()))) == spec
    first, again = (made_of(spec, model_of, tmp_path / name) for name in "ab")
    assert first.path.read_bytes() == again.path.read_bytes()
    games = list(RecordReader(first.path))
    assert faults(games, HEX) == []
    assert len({game.moves for game in games}) == len(games) == spec.games
    *seats, targets = ENGINES[engine]
    sha256 = spec.model_sha256
    for game in games:
        assert quality_of(game) is None
        assert [(s.kind, s.model, s.budget) for s in game.seats] == [
            (kind, sha256 if network else None, budget) for kind, network, budget in seats
        ]
        deciding = deciders(game)
        assert {deciding[d.i] for d in game.decisions if d.full} <= set(targets)
        for decision in game.decisions:
            kind = seats[deciding[decision.i] - 1][0]
            assert kind.startswith(("gumbel", "mcts", "minimax"))
            assert decision.full == bool(decision.a)
    assert parity_of(games[0]) is None
    assert (first.positions > 0) == bool(targets)
    assert (first.backend is None) == (sha256 is None)
    assert (first.evaluations > 0) == (sha256 is not None)


def deciders(game):
    """Agent, by the seat where it began, that is to move before each move of a game."""
    played = opening(game.config, GameOptions(**game.options))
    states = replay_record(game).states
    assert (states[0] == played[0]).all()
    seat = states[:, k.F_SCALAR, k.S_PLAYER].astype(int)
    swapped = (states[:, k.F_SCALAR, k.S_SWAPPED] != 0) & (seat < 3)
    return np.where(swapped, 3 - seat, seat).tolist()


@pytest.mark.parametrize(("name", "rotate"), [("hex8:2", False), ("square8:3", True)])
def test_every_move_is_that_of_the_agent_who_sits_there(name, rotate, model_of, tmp_path):
    """A game made again, one decision after the other: who sits where follows number, rotation and swap.

    At temperature 0 mcts plays what it tried most, as it does in matches.
    """
    config = Config.parse(name)
    engine = "random,mcts:r20" if config.players == 2 else "heuristic,random,mcts:r8"
    games, options = 12 * (4 - config.players), GameOptions(rings=2)
    still = dataclasses.replace(SEARCH, temperature=0.0, temperature_final=0.0)
    spec = spec_of(engine, model_of, config, games, rotate=rotate, options=options)
    spec = dataclasses.replace(spec, search=still)
    made = made_of(spec, model_of, tmp_path)
    agents = [make_agent(agent, config) for agent in spec.engines]
    t, swaps = tables(config.board), 0
    for game in RecordReader(made.path):
        number = int(np.flatnonzero(spec.game_seeds() == np.uint64(game.seed))[0])
        turn = number % config.players if rotate else 0
        sitting = [agents[(seat + turn) % config.players] for seat in range(config.players)]
        assert [seat.kind for seat in game.seats] == [agent.spec.kind for agent in sitting]
        states = opening(config, spec.options)
        log, length = np.zeros((1, 5000), np.int32), np.zeros(1, np.int64)
        count, row, number = np.zeros(1, np.int32), np.zeros(1, np.int64), 0
        play_all(states, row, t, np.array([-1], np.int32), log, length, count)
        while count[0]:
            seat = int(states[0, k.F_SCALAR, k.S_PLAYER]) - 1
            if states[0, k.F_SCALAR, k.S_SWAPPED] and seat < 2:
                seat = 1 - seat
            seeds = decision_seeds(np.array([game.seed], np.uint64), np.array([number], np.uint64))
            code = sitting[seat].choose(states.copy(), seeds)
            play_all(states, row, t, code, log, length, count)
            number += 1
        codes = log[0, : length[0]]
        texts = shard.move_texts(config, opening(config, spec.options), codes)
        assert list(game.moves) == list(texts)
        swaps += "SW" in game.moves
    assert swaps or config.players > 2, "no game with a swap: the test says nothing of it"


def test_one_engine_of_gumbel_mcts_is_selfplay_as_ever(model_of):
    """gumbel-mcts in all seats names no engine: the shard has the id, and so the games, that it always had."""
    sha256 = model_of(HEX)[1]
    plain = ShardSpec("run", HEX, sha256, 7, 0, 6, SEARCH)
    assert "engines" not in plain.as_dict()
    assert "rotate" not in plain.as_dict()
    for engine in ("gumbel-mcts", "gumbel-mcts,gumbel-mcts", "gumbel-mcts:s8"):
        assert spec_of(engine, model_of, rotate=True) == plain
    assert spec_of("gumbel-mcts:s4", model_of).search.simulations == 4
    assert spec_of("gumbel-mcts,random", model_of).id != plain.id


@pytest.mark.processes
@pytest.mark.parametrize("engine", ["gumbel-mcts:s4,mcts:r6", "heuristic,minimax:n40"])
def test_killed_and_still_the_same_file(engine, model_of, tmp_path):
    """A shard killed by SIGKILL goes on from its checkpoint to the file of an undisturbed one, playing no game twice."""
    spec = spec_of(engine, model_of, games=14, rotate=True)
    whole = made_of(spec, model_of, tmp_path / "whole")
    out = tmp_path / "out"
    kill_after(6, spec, model_of(HEX)[0], out)
    assert checkpoint_path(out, spec.id).is_file()
    assert all(path.name.startswith(".") for path in out.iterdir()), "nothing looks finished"
    played = []
    made = made_of(spec, model_of, out, each=lambda _number, game: played.append(game))
    assert made.path.read_bytes() == whole.path.read_bytes()
    assert made.resumed + len(played) == 14
    assert made.evaluations == whole.evaluations
    assert made.resumed > 0
    assert not checkpoint_path(out, spec.id).exists()


def test_a_request_is_kept_at_every_point(model_of, tmp_path, monkeypatch):
    """Asked to stop after any number of games, the shard goes on to the same file, unfinished games included."""
    monkeypatch.setattr(shard, "REPORT_EVERY", 0.0)
    spec = spec_of("mcts:r6,gumbel-mcts:s4", model_of, games=6)
    whole = made_of(spec, model_of, tmp_path / "whole")
    out = tmp_path / "out"
    for games in (0, 2, 5):
        with pytest.raises(Interrupted):
            made_of(spec, model_of, out, stop_at(games))
    assert made_of(spec, model_of, out).sha256 == whole.sha256


def test_a_snapshot_that_does_not_fit_is_refused():
    """A pool takes no snapshot of one with other slots, and stays as it was."""

    def pool(slots):
        return AgentPool(HEX, opening(HEX, GameOptions()), [], [[0, 0]], slots)

    one = pool(3)
    with pytest.raises(BadInput, match="not those of this pool"):
        one.restore(pool(4).snapshot())
    found = pool(3).snapshot()
    with pytest.raises(BadInput, match="not those of this pool"):
        one.restore({name: array for name, array in found.items() if name != "found.values"})
    one.restore(found)


@pytest.mark.parametrize("engine", ["mcts:r300", "minimax:n4200", "gumbel-mcts:t1ms"])
def test_a_stop_waits_for_one_decision(engine, model_of, tmp_path, monkeypatch):
    """Agents that search one game after the other are stopped between two decisions, not after a round of all games."""
    monkeypatch.setattr(shard, "REPORT_EVERY", 0.0)
    spec = spec_of(engine, model_of, games=4)
    made = []

    def stop(at):
        made.append(at.under_way)
        if len(made) == 6:
            raise Interrupted("stop")

    with pytest.raises(Interrupted):
        made_of(spec, model_of, tmp_path, stop)
    assert made == [1, 2, 3, 4, 5, 6]


def test_a_time_says_so(model_of, tmp_path):
    """A shard with a time for its decisions tells that it cannot be made again, and passes the gates all the same."""
    engine = "mcts:t2ms,minimax:t2ms,gumbel-mcts:t2ms"
    spec = spec_of(engine, model_of, Config("square8", 3), 2, options=GameOptions(rings=3))
    made = made_of(spec, model_of, tmp_path)
    header = RecordReader(made.path).spec
    assert header["reproducible"] is False
    assert [agent["milliseconds"] for agent in header["engines"]] == [2, 2, 2]
    for game in RecordReader(made.path):
        assert [seat.kind for seat in game.seats] == engine.split(",")
        assert quality_of(game) is None
    assert found_shards(tmp_path, [spec])[spec.id].sha256 == made.sha256
    plain = spec_of("random", model_of)
    assert "reproducible" not in RecordReader(made_of(plain, model_of, tmp_path).path).spec


def test_what_there_is_to_learn_from(model_of, tmp_path):
    """Export makes rows of values where there are no targets, of both where there are, and says where there is nothing."""

    def exported(engine):
        made = made_of(spec_of(engine, model_of, games=4), model_of, tmp_path / "games")
        return export_dataset([made.path], HEX, tmp_path / "sets", 0.2, 1), made

    values, _ = exported("minimax:n100")
    assert (values.rows > 0, values.policy_rows) == (True, 0)
    both, made = exported("mcts:r8")
    assert both.rows == both.policy_rows == made.positions > 0
    with pytest.raises(BadInput, match="hold no recorded decision to learn from"):
        exported("heuristic")


def test_the_better_agent_may_win_from_one_seat(model_of, tmp_path):
    """The quality gate asks for winners in all seats only of equal agents."""

    def won_by_seat_1(engine):
        made = made_of(spec_of(engine, model_of, games=20), model_of, tmp_path)
        return [
            dataclasses.replace(game, result=dataclasses.replace(game.result, winner=1))
            for game in RecordReader(made.path)
        ]

    assert faults(won_by_seat_1("heuristic,random"), HEX) == []
    assert faults(won_by_seat_1("random"), HEX) == ["seat 1 wins 20 of 20 games"]


def test_what_a_network_needs_is_asked_for(model_of, tmp_path):
    """A shard whose engines have a network is refused without its file, in one line."""
    spec = spec_of("policy-only,random", model_of)
    with pytest.raises(BadInput, match="needs the file of model"):
        produce_shard(spec, None, tmp_path)
