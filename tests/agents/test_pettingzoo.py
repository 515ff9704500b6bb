"""The PettingZoo environment: that library's own tests, and that the game in it is the game."""

import copy
import pickle
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from pettingzoo.test import api_test, render_test, seed_test
from pettingzoo.test.save_obs_test import test_save_obs as save_obs_check
from pettingzoo.test.state_test import test_state as state_check
from pettingzoo.test.state_test import test_state_space as state_space_check

from ringrift.agents import pettingzoo_env
from ringrift.agents.pettingzoo_env import RawEnv, env
from ringrift.configs import ALL_CONFIGS, Config
from ringrift.errors import BadInput
from ringrift.rules.boards import board
from ringrift.rules.game import Game, GameOptions
from ringrift.rules.kernels import constants as k
from ringrift.rules.outcome import Outcome
from tests.agents.test_simple import recovery
from tests.nets.positions import actions_of

#: Remarks of the library that do not concern us: observations are dictionaries, as in its own board games, and who is
#: not to move, or has finished, has no legal action.
REMARKS = (
    "Observation space for each agent probably should be",
    "Observation is not a NumPy array",
    "Action mask is all zeros",
)


@pytest.fixture(autouse=True)
def _no_other_remarks():
    """A warning of the library is a failure."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for remark in REMARKS:
            warnings.filterwarnings("ignore", re.escape(remark))
        yield


@pytest.mark.parametrize("config", ["hex8:2", "square8:3", "hex8:4", "square19:2", "hexagonal:3"])
def test_api(config):
    """The library's test of the interface passes, over several whole games on the small boards."""
    api_test(env(config), num_cycles=1000 if "8" in config else 20)


@pytest.mark.parametrize("config", ["hex8:2", "square8:3", "square8:4"])
def test_seed(config):
    """The library's test of determinism passes."""
    seed_test(lambda: env(config), num_cycles=200)


@pytest.mark.parametrize("config", ["square8:2", "hex8:3", "hexagonal:4"])
def test_render(config, capsys):
    """The library's test of pictures passes in all three modes."""
    render_test(lambda render_mode: env(config, render_mode=render_mode))
    assert "seat 1" in capsys.readouterr().out


@pytest.mark.parametrize("config", ["square8:2", "hex8:3"])
def test_state(config):
    """The library's tests of the global state pass."""
    state_space_check(env(config))
    state_check(env(config), 10)


def test_saved_observations(capsys):
    """The library's test of observations as images finds that ours are none, as it does for its own board games."""
    save_obs_check(env("square8:2"))
    assert "did not save the observations" in capsys.readouterr().out


def random_game(environment, seed, reset=None):
    """Play randomly; yields (agent, observation, reward, over, info) of each turn, dead steps included."""
    rng = np.random.default_rng(seed)
    environment.reset(options=reset)
    for agent in environment.agent_iter():
        observation, reward, terminated, truncated, info = environment.last()
        yield agent, observation, reward, terminated or truncated, info
        if terminated or truncated:
            environment.step(None)
        else:
            environment.step(int(rng.choice(np.flatnonzero(observation["action_mask"]))))


@pytest.mark.parametrize("config", ALL_CONFIGS, ids=str)
def test_it_is_the_game(config):
    """Legal actions, seats, moves and the end are those of the rules, and the moves replay to the same state."""
    small = config.board in ("hex8", "square8")
    environment = RawEnv(config, rings=None if small else 6)
    ours = Game.new(config, GameOptions(rings=None if small else 6))
    rewards = {}
    for number, (agent, observation, reward, over, info) in enumerate(random_game(environment, 3)):
        if not rewards:
            for move in info["moves"]:
                ours.apply(move)
        if over:
            rewards[agent] = reward
            continue
        assert ours.result is None
        assert info["to_move"] == info["seat"] == ours.player
        assert environment.observation_space(agent).contains(observation)
        if number % 5 == 0:
            legal = np.flatnonzero(observation["action_mask"]).tolist()
            assert legal == sorted(actions_of(config, environment.game.states, 0).tolist())
            assert info["legal"] == len(legal) > 1
            others = [name for name in environment.agents if name != agent]
            for other in others:
                assert not environment.observe(other)["action_mask"].any()
                assert environment.infos[other]["legal"] == 0
    assert ours.result is not None
    assert (ours.states == environment.game.states).all()
    assert environment.agents == []
    assert len(rewards) == config.players
    winner = f"player_{ours.result.winner}"
    if ours.canonical()["swapped"]:
        winner = f"player_{3 - ours.result.winner}"
    assert [agent for agent, reward in rewards.items() if reward == 1] == [winner]
    assert sum(rewards.values()) == pytest.approx(0)


@pytest.mark.parametrize("config", ["hex8:2", "square8:4"])
def test_observation_is_seen_from_the_own_seat(config):
    """For the agent to move the planes are the network's input; for another those with seats turned round."""
    from ringrift.nets.features import num_planes, plane_names

    environment = RawEnv(config)
    players = environment.config.players
    names = plane_names(players)
    compared = 0
    for _, observation, _, over, info in random_game(environment, 5):
        if over or compared > 20:
            break
        compared += 1
        planes = observation["observation"][..., : num_planes(players)]
        scalars = observation["observation"][..., num_planes(players) :]
        assert (scalars == scalars[0, 0]).all()
        for other in environment.agents:
            theirs = environment.observe(other)["observation"]
            turn = environment.infos[other]["seat"] - info["seat"]
            for group in ("marker", "collapsed", "stack", "buried/4"):
                for seat in range(players):
                    there = names.index(f"{group}+{(seat - turn) % players}")
                    assert (planes[..., names.index(f"{group}+{seat}")] == theirs[..., there]).all()
    assert compared > 10


def test_swap_changes_places():
    """After a swap the opener acts for seat 2 and each agent is rewarded for the seat it sits in (rules §12)."""
    config = Config("square8", 2)
    swap = board("square8").num_actions(2) - 1
    environment = RawEnv(config)
    environment.reset()
    swapped = False
    rng = np.random.default_rng(1)
    for agent in environment.agent_iter():
        observation, reward, terminated, _, info = environment.last()
        if terminated:
            winner = environment.game.result.winner
            assert reward == (1 if environment.seat_of(agent) == winner else -1)
            assert agent == f"player_{3 - environment.seat_of(agent)}"
            environment.step(None)
            continue
        assert info["seat"] == environment.game.player
        if not swapped and observation["action_mask"][swap]:
            assert agent == "player_2"
            environment.step(swap)
            swapped = True
            assert environment.agent_selection == "player_1"
            assert environment.infos["player_1"]["seat"] == 2
            assert environment.infos["player_1"]["moves"] == ["SW"]
            continue
        environment.step(int(rng.choice(np.flatnonzero(observation["action_mask"]))))
    assert swapped


def test_recovery_is_two_decisions():
    """A slide with several stacks is chosen first and its stack afterwards, by the same agent; one move is recorded."""
    environment = RawEnv("square8:2")
    environment.reset(options={"state": recovery().state_plus()})
    kinds = set()
    for action in environment._legal().tolist():
        environment.reset(options={"state": recovery().state_plus()})
        environment.step(action)
        if not environment.game.states[0, k.F_SCALAR, k.S_SLIDE]:
            continue
        assert environment.agent_selection == "player_1"
        assert environment.infos["player_1"]["moves"] == []
        mask = environment.observe("player_1")["action_mask"]
        assert mask.sum() >= 2
        environment.step(int(np.flatnonzero(mask)[0]))
        first = environment.infos["player_1"]["moves"][0]
        assert first in recovery().legal()
        kinds.add(first[:2])
    assert kinds


def test_every_move_where_wanted():
    """Without `play_forced` every move is a step, forced ones too, and the moves are the whole record."""
    environment = RawEnv("hex8:3", play_forced=False, rings=3)
    moves, forced = [], 0
    for _, _, _, over, info in random_game(environment, 8):
        if over:
            moves += info["moves"]
            break
        moves += info["moves"]
        forced += info["legal"] == 1
    ours = Game.new(Config("hex8", 3), GameOptions(rings=3))
    for move in moves:
        ours.apply(move)
    assert (ours.states == environment.game.states).all()
    assert forced > 5


def test_truncation():
    """After `max_cycles` decisions the game is truncated, nobody is rewarded, and nobody may move."""
    environment = env("square8:2", max_cycles=7)
    turns = list(random_game(environment, 1))
    assert len(turns) == 7 + 2
    assert all(reward == 0 for _, _, reward, _, _ in turns)
    assert [over for _, _, _, over, _ in turns] == [False] * 7 + [True] * 2
    assert not turns[-1][1]["action_mask"].any()


def test_illegal_action():
    """The raw environment refuses an illegal action; the wrapped one ends the game with -1 for it."""
    raw = RawEnv("square8:2")
    raw.reset()
    with pytest.raises(BadInput, match="action 4544 is not legal for player_1"):
        raw.step(4544)
    with pytest.raises(BadInput, match="action None"):
        raw.step(None)
    wrapped = env("square8:2")
    wrapped.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrapped.step(4544)
    assert wrapped.terminations == {"player_1": True, "player_2": True}
    assert wrapped.rewards == {"player_1": -1, "player_2": 0}


@pytest.mark.parametrize(
    ("name", "ranks", "rewards"),
    [
        ("zero_sum", (2, 1), [-1, 1]),
        ("zero_sum", (2, 1, 2, 4), [-1 / 3, 1, -1 / 3, -1 / 3]),
        ("win_loss", (3, 1, 2), [-1, 1, -1]),
        ("ranks", (1, 2), [1, -1]),
        ("ranks", (3, 1, 2), [-1, 1, 0]),
        ("ranks", (1, 2, 2, 4), [1, 0, 0, -1]),
        ("ranks", (1, 2, 2), [1, -0.5, -0.5]),
    ],
)
def test_rewards(name, ranks, rewards):
    """Each kind of reward is what docs/pettingzoo.md says, equal ranks alike."""
    outcome = Outcome(ranks.index(1) + 1, "lps_early", ranks, 1, 1)
    assert pettingzoo_env.REWARDS[name](outcome) == pytest.approx(rewards)


def test_a_state_to_begin_from():
    """A game can begin from any state that is not over; one that is, or is none, is refused by name."""
    environment = env("square8:2")
    environment.reset(options={"state": recovery().state_plus()})
    assert environment.unwrapped.game.canonical() == recovery().canonical()
    with pytest.raises(BadInput, match="lacks the key"):
        environment.reset(options={"state": {}})
    raw = RawEnv("hex8:2", rings=1)
    assert [over for *_, over, _ in random_game(raw, 1)][-1]
    with pytest.raises(BadInput, match="the game is over there"):
        raw.reset(options={"state": raw.game.state_plus()})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"config": "hex9:2"}, "did you mean 'hex8'"),
        ({"rewards": "zerosum"}, "did you mean 'zero_sum'"),
        ({"render_mode": "rgb"}, "rgb_array"),
        ({"max_cycles": 0}, "expected 1 or more"),
        ({"config": "hex8:3", "pie": True}, "pie rule is for 2 players"),
    ],
)
def test_wrong_options(options, message):
    """What makes no sense is refused in a line that says what was expected."""
    with pytest.raises(BadInput, match=message):
        env(**options)


def test_copies_are_independent():
    """An environment can be pickled and copied in the middle of a game; the copies go their own ways."""
    first = RawEnv("hex8:2")
    first.reset()
    for _ in range(5):
        first.step(int(first._legal()[0]))
    # learners send environments to their processes by pickle; nothing of the project is kept in one
    for second in (copy.deepcopy(first), pickle.loads(pickle.dumps(first))):
        before = first.state().copy()
        assert (second.state() == before).all()
        second.step(int(second._legal()[-1]))
        assert (first.state() == before).all()
        assert not (second.state() == before).all()


def test_documented_example():
    """The program in docs/pettingzoo.md runs as it stands there, and prints what it says."""
    text = (Path(__file__).parents[2] / "docs" / "pettingzoo.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    (expected,) = re.findall(r"^```text\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    printed = []
    exec(program, {"print": lambda *words: printed.append(" ".join(map(str, words)))})
    assert "\n".join(printed) == expected.strip()
