"""A soak lasts for days: models are promoted meanwhile."""

import dataclasses

import pytest

from ringrift.agents import AgentSpec
from ringrift.configs import Config
from ringrift.errors import BadInput, Interrupted
from ringrift.nets.arch import Arch
from ringrift.nets.checkpoint import save_model
from ringrift.rules.records import RecordReader
from ringrift.selfplay import shard, soak
from ringrift.selfplay.engines import Engines
from ringrift.selfplay.pool import SelfplayParameters
from ringrift.selfplay.soak import (
    STATE,
    Plan,
    ShardRules,
    State,
    alone,
    load_state,
    next_spec,
    play_one,
)
from tests.nets.models import speaking_model

HEX = Config("hex8", 2)
FAST = SelfplayParameters(simulations=2, fast_simulations=1, full_search_fraction=0.3, slots=1)
RULES = ShardRules(games=0, seconds=1e-3, checkpoint_seconds=60.0)


class Champions:
    """Networks in files, of which the last one is the champion."""

    def __init__(self, folder):
        self.folder, self.paths = folder, {}
        self.promote(1)

    def promote(self, seed):
        """Make a network of this seed the champion; return its sha256."""
        path, self.now = save_model(speaking_model(HEX, Arch(8, 1), seed), self.folder)
        self.paths[self.now] = path
        return self.now

    def find(self, config, sha256):
        """What a soak asks before each shard."""
        assert config == HEX
        if sha256 is not None and sha256 not in self.paths:
            raise BadInput("gone")
        return sha256 or self.now, self.paths[sha256 or self.now]


@pytest.fixture
def champions(tmp_path):
    """A first champion."""
    return Champions(tmp_path / "models")


def plan(champions):
    """A soak of small shards."""
    return Plan(
        configs=[HEX],
        model=champions.find,
        engines=lambda _config, _sha256: Engines((), FAST, rotate=False),
        seed=5,
        check_every=4,
        oracle_every=1000,
        rules={str(HEX): RULES},
    )


def players(made):
    """Models of all seats of a shard."""
    return {seat.model for game in RecordReader(made.path) for seat in game.seats}


def test_a_promotion_counts_from_the_next_shard(champions, tmp_path):
    """Without a restart the next shard is played by the new champion, and each record says who played it."""
    state, first = State(5), champions.now
    assert players(play_one(plan(champions), state, tmp_path, lambda _: None)) == {first}
    second = champions.promote(2)
    assert players(play_one(plan(champions), state, tmp_path, lambda _: None)) == {second}
    assert (state.shards, state.models) == (2, {str(HEX): second})


def test_a_stopped_shard_is_ended_by_who_began_it(champions, tmp_path, monkeypatch):
    """Stopped in a shard and started after a promotion, it goes on with the model that the shard was begun with."""
    monkeypatch.setattr(shard, "REPORT_EVERY", 0.0)
    whole = play_one(plan(champions), State(5), tmp_path / "whole", lambda _: None)

    def stop(at):
        if at.games >= 4:
            raise Interrupted("stop")

    with pytest.raises(Interrupted):
        play_one(plan(champions), State(5), tmp_path / "out", stop)
    champions.promote(2)
    state = load_state(tmp_path / "out")
    made = play_one(plan(champions), dataclasses.replace(state), tmp_path / "out", lambda _: None)
    assert made.resumed >= 4
    assert made.sha256 == whole.sha256


def test_each_so_manyth_game_is_checked_across_a_stop(champions, tmp_path, monkeypatch):
    """Stopped after three games of eight, a soak goes on counting: games 4 and 8 are looked at, as without the stop."""
    monkeypatch.setattr(shard, "REPORT_EVERY", 0.0)

    def stop(at):
        if at.games == 3:
            raise Interrupted("stop")

    with pytest.raises(Interrupted):
        play_one(plan(champions), State(5), tmp_path / "out", stop)
    state = load_state(tmp_path / "out")
    assert (state.in_hand, state.checked) == (3, 0)
    looked = []
    monkeypatch.setattr(soak, "quality_of", looked.append)
    made = play_one(plan(champions), state, tmp_path / "out", lambda _: None)
    games = [game.id for game in RecordReader(made.path)]
    assert [game.id for game in looked] == [games[3], games[7]]


def test_what_a_killed_process_looked_at_is_counted(champions, tmp_path, monkeypatch):
    """Stopped and killed in a shard, a soak looks at the games that an undisturbed one looks at, and counts each once."""
    looked, right = [], soak.quality_of

    def look(record):
        looked.append(record.id)
        return right(record)

    monkeypatch.setattr(soak, "quality_of", look)
    monkeypatch.setattr(shard, "REPORT_EVERY", 0.0)
    always = dataclasses.replace(RULES, checkpoint_seconds=0.0)
    every = dataclasses.replace(plan(champions), rules={str(HEX): always})
    assert play_one(every, State(5), tmp_path / "whole", lambda _: None).games == 8
    undisturbed = looked.copy()
    assert len(undisturbed) == 2, "each fourth"
    looked.clear()

    def until(games, error):
        def tell(at):
            if at.games >= games:
                raise error

        return tell

    out = tmp_path / "out"
    stop, kill = Interrupted("stop"), OSError("killed, and no state saved")
    for games, error in ((3, stop), (5, kill), (6, stop)):
        with pytest.raises(type(error)):
            play_one(every, load_state(out) or State(5), out, until(games, error))
    state = load_state(out)
    play_one(every, state, out, lambda _: None)
    assert looked == undisturbed
    assert (state.games, state.checked, state.in_hand) == (8, 2, 0)


def test_each_config_has_shards_of_its_own(champions):
    """A shard has the games that the settings of its config name, else as many as its own seconds are worth."""
    square = Config("square8", 3)
    both = dataclasses.replace(
        plan(champions),
        configs=[HEX, square],
        model=lambda _config, _sha256: None,
        engines=lambda config, _sha256: Engines(
            (AgentSpec("random"),) * config.players, FAST, rotate=False
        ),
        rules={
            str(HEX): dataclasses.replace(RULES, games=3, seconds=1000.0),
            str(square): dataclasses.replace(RULES, seconds=10.0),
        },
    )
    speeds = {str(HEX): 2.0, str(square): 2.0}
    sizes = [next_spec(both, State(5, shards=shards, speeds=speeds)).games for shards in range(4)]
    assert sizes == [3, 20, 3, 20]
    assert next_spec(dataclasses.replace(both, games=2), State(5)).games == 2, (
        "and no more than asked"
    )


def test_one_soak_in_a_folder(tmp_path):
    """A second soak is refused where one is at work, and not afterwards."""
    here = tmp_path / "out"
    with alone(here), pytest.raises(BadInput, match="a soak is at work here"), alone(here):
        pass
    with alone(tmp_path / "out"):
        pass
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="cannot write to"), alone(tmp_path / "file" / "out"):
        pass


@pytest.mark.parametrize("text", ["[1]", "{}", '{"seed": 1, "spec": {"config": "hex8:2"}}', "{"])
def test_what_is_no_state(tmp_path, text):
    """A file that holds no soak's state is named, with what to do about it."""
    (tmp_path / STATE).write_text(text)
    with pytest.raises(BadInput, match="not the state of a soak .*; remove it to begin anew"):
        load_state(tmp_path)
