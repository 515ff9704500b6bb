"""Which agents play, from what a person types."""

import pytest

from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.selfplay.engines import needs_model, read_engines, seat_agent, seatings
from ringrift.selfplay.pool import SelfplayParameters

MODEL = "ab" * 32
SEARCH = SelfplayParameters(simulations=48, fast_simulations=12, c_scale=0.5, rule="puct")


def read(text, config="square8:3", **more):
    """The engines of three seats."""
    return read_engines(text, Config.parse(config), MODEL, SEARCH, **more)


def test_one_for_all_seats_or_one_for_each():
    """One engine takes all seats; several are one for each, in their order."""
    assert [agent.identity for agent in read("mcts:r5").seats] == ["mcts:r5"] * 3
    found = read("heuristic,minimax:d2:n9,mcts:t50ms")
    assert [a.identity for a in found.seats] == ["heuristic", "minimax:d2:n9", "mcts:t50ms"]
    assert found.search == SEARCH


def test_gumbel_mcts_takes_the_search_of_the_settings():
    """Its simulations, where none are named, and all constants of its search are those of the settings."""
    own, named, _ = read("gumbel-mcts,gumbel-mcts:s8,random").seats
    assert (own.simulations, named.simulations) == (48, 8)
    assert {(a.c_scale, a.rule, a.model_sha256) for a in (own, named)} == {(0.5, "puct", MODEL)}
    alone = read("gumbel-mcts:s8")
    assert alone.seats == ()
    assert (alone.search.simulations, alone.search.fast_simulations) == (8, 8)
    assert read("gumbel-mcts:t50ms").seats[0].simulations is None


def test_who_needs_a_model():
    """Only engines with a network ask for one."""
    assert needs_model("random,gumbel-mcts")
    assert needs_model("policy-only")
    assert not needs_model("random,heuristic,mcts:r5,minimax")


def test_rotation():
    """Rotating, game i begins with every agent i seats further; the same agents everywhere do not rotate."""
    found = read("random,heuristic,mcts", rotate=True)
    assert found.rotate
    kinds = [[a.kind for a in row] for row in seatings(found.seats, rotate=True)]
    assert kinds == [
        ["random", "heuristic", "mcts"],
        ["heuristic", "mcts", "random"],
        ["mcts", "random", "heuristic"],
    ]
    assert not read("random", rotate=True).rotate


@pytest.mark.parametrize(
    ("text", "kind", "budget"),
    [
        ("random", "random", None),
        ("policy-only", "policy-only", None),
        ("gumbel-mcts:t9ms", "gumbel-mcts:t9ms", None),
        ("mcts", "mcts", 2000),
        ("mcts:r7:t9ms", "mcts:t9ms", 7),
        ("minimax", "minimax", 20000),
        ("minimax:d3", "minimax:d3", None),
        ("minimax:d3:n50", "minimax:d3", 50),
    ],
)
def test_what_a_record_says(text, kind, budget):
    """A seat has its kind, with whatever limits it beside the work of a decision, and that work."""
    agent = seat_agent(read(text).seats[0])
    assert (agent.kind, agent.budget) == (kind, budget)
    assert (agent.model == MODEL) == kind.startswith(("policy", "gumbel"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("heurstic", "unknown agent 'heurstic': did you mean 'heuristic'"),
        ("random,heuristic", "names 2 seats, square8:3 has 3"),
        ("random,,heuristic", "unknown agent ''"),
        ("gumbel-mcts:r5", "'r5' is no budget, expected sNUMBER .simulations. or tNUMBERms .time."),
        ("gumbel-mcts:s1", "simulations is 1: expected 2 to"),
        ("mcts:t5", "'t5' is no budget"),
        ("random:t5ms", "'t5ms' is no budget, expected none"),
        ("mcts:t0ms", "time is 0 ms: expected 1 to"),
        ("gumbel-mcts:s8:t5ms", "simulations or a time, not both"),
        ("mcts:r5:r6", "rollouts is named twice"),
        ("mcts-only", "unknown agent 'mcts-only'"),
    ],
)
def test_bad_engines(text, message):
    """What names no engine is one clear line."""
    with pytest.raises(BadInput, match=message):
        needs_model(text)
        read(text)
