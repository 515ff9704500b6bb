"""The agents as players of selfplay: temperature, and what they say of what they found."""

import dataclasses

import numpy as np
import pytest

from ringrift.agents import AgentSpec, make_agent
from ringrift.agents.clock import Limits
from ringrift.agents.evaluators import load_evaluator
from ringrift.agents.lookahead import MctsAgent
from ringrift.configs import Config
from ringrift.nets.backend import Backend
from ringrift.rules.boards import tables
from ringrift.rules.game import opening
from ringrift.rules.kernels.play import choose_uniform, play_all
from ringrift.rules.legal import legal_of
from ringrift.search.temperature import KINDS
from ringrift.selfplay.players import Temperatures, largest, make_player, odds
from ringrift.selfplay.pool import SelfplayParameters

HEX = Config("hex8", 2)
STILL = SelfplayParameters(
    simulations=8, full_search_fraction=1.0, temperature=0.0, temperature_final=0.0
)


def positions(config, count, decisions=9):
    """So many different positions after some random decisions, a decision due in each."""
    states = np.repeat(opening(config), count, axis=0)
    games, t = np.arange(count), tables(config.board)
    log, length = np.zeros((count, 500), np.int32), np.zeros(count, np.int64)
    left, codes = np.zeros(count, np.int32), np.full(count, -1, np.int32)
    play_all(states, games, t, codes, log, length, left)
    for number in range(decisions):
        seeds = np.arange(count, dtype=np.uint64) + np.uint64(1000 * number)
        choose_uniform(states, games, t, seeds, codes)
        play_all(states, games, t, codes, log, length, left)
    assert (left > 1).all()
    return states


def player_of(text, model_of, parameters, batch=64):
    """The player of an engine, and the agent that plays it in matches."""
    path, sha256 = model_of(HEX)
    spec = AgentSpec.parse(text, sha256, 8)
    evaluator = None if spec.model_sha256 is None else load_evaluator(spec, HEX, path, batch)
    return make_player(spec, HEX, path, evaluator, parameters), make_agent(spec, HEX, path)


@pytest.mark.parametrize(
    "text", ["random", "heuristic", "policy-only", "gumbel-mcts", "mcts:r30", "minimax:n200"]
)
def test_without_temperature_they_play_as_in_matches(text, model_of):
    """At temperature 0 and with full searches alone every player chooses what its agent chooses."""
    player, agent = player_of(text, model_of, STILL)
    states, seeds = positions(HEX, 12), np.arange(12, dtype=np.uint64)
    actions, found = player.play(states.copy(), seeds, np.full(12, 9, np.uint64))
    assert actions.tolist() == agent.choose(states.copy(), seeds).tolist()
    assert len(found) in (0, 12)
    for one in found:
        assert one.values.shape == (2,)
        assert one.values.sum() == pytest.approx(1.0, abs=1e-3)
        assert one.visits > 0
        if one.target is not None:
            assert one.target[1].sum() == pytest.approx(1.0, abs=1e-3)


def test_the_prior_is_drawn_from(model_of):
    """policy-only at temperature T draws each action in proportion to p^(1/T)."""
    parameters = dataclasses.replace(STILL, temperature=0.5, temperature_final=0.5)
    player, agent = player_of("policy-only", model_of, parameters, 512)
    state = positions(HEX, 1)
    draws = 2048
    actions = np.concatenate(
        [
            player.play(
                np.repeat(state, 512, axis=0),
                np.arange(first, first + 512, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15),
                np.full(512, 9, np.uint64),
            )[0]
            for first in range(0, draws, 512)
        ]
    )
    legal = legal_of(HEX, state)
    logits = agent.evaluator.evaluate(state, legal)[0].astype(float)
    weights = np.exp((logits - logits.max()) / 0.5)
    expected = weights / weights.sum() * draws
    counted = np.array([(actions == action).sum() for action in legal.actions])
    assert counted.sum() == draws, "an action that is not legal was drawn"
    often = expected > 20
    assert often.sum() > 3
    away = (counted - expected)[often] / np.sqrt(expected[often])
    assert np.abs(away).max() < 4.5
    assert player.evaluations == draws


def test_rollouts_are_drawn_from(model_of):
    """mcts draws what it tried, the more often the more it was tried, and gives the shares as its target."""
    player, agent = player_of("mcts:r60", model_of, dataclasses.replace(STILL, temperature=0.5))
    assert isinstance(agent, MctsAgent)
    state, n = positions(HEX, 1), 200
    seeds = np.arange(n, dtype=np.uint64)
    states = np.repeat(state, n, axis=0)
    actions, found = player.play(states, seeds, np.zeros(n, np.uint64))
    wanted = got = 0.0
    for action, one, search in zip(actions, found, agent.searched(states, seeds), strict=True):
        tried, visits = search.visits()
        share = dict(zip(tried.tolist(), (visits / visits.sum()).tolist(), strict=True))
        assert share[int(action)] > 0
        assert one.visits == 60
        assert dict(zip(*map(np.ndarray.tolist, one.target), strict=True)) == pytest.approx(
            {a: s for a, s in share.items() if s > 0}
        )
        best = int(tried[np.argmax(visits)])
        wanted += share[best] ** 2 / sum(s**2 for s in share.values())  # N^(1/T)
        got += action == best
    assert abs(got - wanted) < 4 * np.sqrt(wanted), "the best is drawn as often as its share says"


def test_full_searches_are_a_share(model_of):
    """A part of the decisions has the full budget and a target, the rest the fast one and none."""
    parameters = SelfplayParameters(simulations=8, fast_simulations=2, full_search_fraction=0.3)
    player, _ = player_of("gumbel-mcts", model_of, parameters, 32)
    states = positions(HEX, 32)
    found = []
    for turn in range(12):
        seeds = np.arange(32, dtype=np.uint64) * np.uint64(7919) + np.uint64(turn << 40)
        found += player.play(states, seeds, np.zeros(32, np.uint64))[1]
    full = [one for one in found if one.visits == 8]
    assert {one.visits for one in found} == {2, 8}
    assert all((one.target is not None) == (one.visits == 8) for one in found)
    assert 0.2 < len(full) / len(found) < 0.4


@pytest.mark.parametrize("kind", KINDS)
def test_temperatures_are_those_of_the_schedule(kind):
    """The schedule's temperature comes out at every decision, of any kind; the entropy counts where it should."""
    p = SelfplayParameters(temperature_schedule=kind, elo=700.0, progress=0.5)
    temperatures, scheduler = Temperatures(p), p.scheduler
    even, sharp = np.full(8, 0.125), np.array([1.0, *[0.0] * 7])
    for n in (0, 5, 29, 30, 200, 10**6):
        wanted = scheduler.temperature(n, elo=700.0, progress=0.5)
        assert temperatures.at(np.array([n], np.uint64)).tolist() == [wanted]
        assert temperatures.of(n, even) == pytest.approx(wanted)
        lower = p.temperature_final if kind == "entropy" else wanted
        assert temperatures.of(n, sharp) == pytest.approx(lower)
    low, high = temperatures.clarity
    assert high * temperatures.at(np.zeros(1, np.uint64))[0] == scheduler.temperature(
        0, elo=700.0, progress=0.5, entropy=1.0
    )
    assert (low == 1.0) == (kind != "entropy")


def test_odds():
    """A value of 0 is a fair share, a won position is 1, and ten points multiply the odds by e."""
    assert odds(0.0, 1, 2).tolist() == [0.5, 0.5]
    assert odds(0.0, 2, 4).tolist() == [0.25] * 4
    assert odds(10.0, 2, 2).tolist() == pytest.approx([1 / (1 + np.e), np.e / (1 + np.e)])
    assert odds(1000.0, 3, 3).tolist() == [0.0, 0.0, 1.0]
    assert odds(-1000.0, 1, 3).tolist() == [0.0, 0.5, 0.5]
    assert odds(-999.0, 1, 3).sum() == pytest.approx(1.0)


def test_largest():
    """A target keeps the largest 64 shares of more than 0.002, the larger first, and they sum to 1."""
    shares = np.full(100, 0.001, np.float32)
    assert largest(np.arange(100, dtype=np.int32), shares) is None
    shares[[7, 3]] = 0.6, 0.2
    actions, kept = largest(np.arange(100, dtype=np.int32), shares)
    assert actions.tolist() == [7, 3]
    assert kept.tolist() == pytest.approx([0.75, 0.25])
    even = np.full(100, 0.01, np.float32)
    assert largest(np.arange(100, dtype=np.int32), even)[0].tolist() == list(range(64))


@pytest.mark.parametrize("limits", [Limits(depth=1), Limits(seconds=0.0)], ids=["whole", "cut"])
@pytest.mark.parametrize("kind", ["step", "entropy"])
def test_with_a_time_games_differ_too(model_of, kind, limits):
    """gumbel-mcts with a time plays one and the same opening differently by the noise of the schedule, and not at 0."""
    path, sha256 = model_of(HEX)
    spec = AgentSpec.parse("gumbel-mcts:t1ms", sha256)
    states = np.repeat(positions(HEX, 1), 24, axis=0)
    seeds, decisions = np.arange(24, dtype=np.uint64), np.full(24, 9, np.uint64)

    def moves(parameters):
        player = make_player(spec, HEX, path, None, parameters)
        player.agent._limits = limits  # one search, whole or of one look: the same on every machine
        return player.play(states.copy(), seeds, decisions)[0].tolist()

    assert len(set(moves(STILL))) == 1
    warm = SelfplayParameters(temperature=1.0, temperature_final=1.0, temperature_schedule=kind)
    found = moves(warm)
    assert len(set(found)) > 4
    assert found == moves(warm), "the seeds decide the noise"


def test_a_time_is_spent_on_the_backend_of_the_shard(model_of):
    """gumbel-mcts with a time asks the backend that the shard's header names, a position at a time."""
    path, sha256 = model_of(HEX)
    backend = Backend("torch-cpu", "float32", 8)
    spec = AgentSpec.parse("gumbel-mcts:t1ms", sha256)
    player = make_player(spec, HEX, path, None, STILL, backend)
    assert player.agent._thinker.evaluator.backend == dataclasses.replace(backend, batch=1)
