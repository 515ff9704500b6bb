"""Agent specs: what an agent is, and the identity that ratings belong to."""

import dataclasses

import pytest

from ringrift.agents import AGENT_KINDS, AgentSpec, make_agent
from ringrift.configs import Config
from ringrift.errors import BadInput

SHA = "0123456789ab" + 52 * "c"
HEX = Config("hex8", 2)


@pytest.mark.parametrize(
    ("spec", "identity"),
    [
        (AgentSpec("random"), "random"),
        (AgentSpec("heuristic"), "heuristic"),
        (AgentSpec("mcts"), "mcts:r2000"),
        (AgentSpec("mcts", rollouts=50), "mcts:r50"),
        (AgentSpec("minimax"), "minimax:n20000"),
        (AgentSpec("minimax", depth=3), "minimax:d3"),
        (AgentSpec("minimax", depth=3, nodes=500), "minimax:d3:n500"),
        (AgentSpec("policy-only", SHA), "policy-only:0123456789ab"),
        (AgentSpec("gumbel-mcts", SHA, 64), "gumbel-mcts:0123456789ab:s64"),
    ],
)
def test_identity(spec, identity):
    """The identity names kind, weights and budget, and never changes: ledgers hold it."""
    assert spec.identity == identity


def test_every_kind_is_known():
    """Each kind that may be typed has a spec, and no other word has."""
    for kind in AGENT_KINDS:
        model = SHA if kind in ("policy-only", "gumbel-mcts") else None
        assert AgentSpec(kind, model, 8 if kind == "gumbel-mcts" else None).kind == kind


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("gumbel_mcts", SHA, 8), "did you mean 'gumbel-mcts'"),
        (("random", SHA), "random takes no model"),
        (("policy-only",), "policy-only needs a model"),
        (("gumbel-mcts", None, 8), "gumbel-mcts needs a model"),
        (("gumbel-mcts", SHA), "gumbel-mcts needs a number of simulations"),
        (("policy-only", SHA, 8), "policy-only takes no number of simulations"),
        (("mcts", None, 8), "mcts takes no number of simulations"),
        (("gumbel-mcts", SHA, 1), "simulations is 1: expected 2 to 100000"),
    ],
)
def test_nonsense_is_refused(arguments, message):
    """A spec that no agent can have is refused in one line that says what was expected."""
    with pytest.raises(BadInput, match=message) as error:
        AgentSpec(*arguments)
    assert "\n" not in str(error.value)


def test_budget_and_weights_are_the_agent():
    """Specs of other weights or another budget are other agents; a spec survives JSON."""
    spec = AgentSpec("gumbel-mcts", SHA, 64)
    others = [
        dataclasses.replace(spec, simulations=32),
        dataclasses.replace(spec, model_sha256="f" * 64),
        AgentSpec("policy-only", SHA),
    ]
    assert len({s.identity for s in [spec, *others]}) == 4
    assert AgentSpec.from_dict(spec.as_dict()) == spec


def test_model_file_is_needed():
    """An agent with a network cannot be made without the file of its weights."""
    with pytest.raises(BadInput, match="gumbel-mcts:0123456789ab:s8 needs the file of its model"):
        make_agent(AgentSpec("gumbel-mcts", SHA, 8), HEX)


@pytest.mark.parametrize("text", ["random", "heuristic", "mcts:r50", "minimax:d3", "minimax:d3:n9"])
def test_identities_are_read(text):
    """The identity of an agent without a network names it, and is part of no other agent's JSON form."""
    spec = AgentSpec.parse(text)
    assert spec.identity == text
    assert AgentSpec.from_dict(spec.as_dict()) == spec


def test_old_specs_keep_their_form():
    """Agents from before there were other budgets have the JSON form that ids of matches were made of."""
    assert list(AgentSpec("random").as_dict()) == [
        "kind",
        "model_sha256",
        "simulations",
        "max_considered",
        "c_visit",
        "c_scale",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mcst", "did you mean 'mcts'"),
        ("mcts:500", "'500' is no budget, expected rNUMBER"),
        ("mcts:d4", "'d4' is no budget"),
        ("minimax:x", "expected dNUMBER .depth. or nNUMBER .nodes."),
        ("minimax:d99", "depth is 99: expected 1 to 32"),
        ("heuristic:r5", "'r5' is no budget, expected none"),
        ("policy-only", "needs a model"),
        ("mcts:t50", "'t50' is no budget, expected rNUMBER .rollouts. or tNUMBERms .time."),
        ("minimax:t0ms", "time is 0 ms: expected 1 to"),
        ("random:t5ms", "'t5ms' is no budget, expected none"),
        ("mcts:r5:r6", "rollouts is named twice"),
    ],
)
def test_other_texts_are_refused(text, message):
    """What names no agent without a network is refused in one line."""
    with pytest.raises(BadInput, match=message):
        AgentSpec.parse(text)


def test_times():
    """A time takes the place of the budget of a kind, or stands beside it; gumbel-mcts has one of the two."""
    timed = AgentSpec.parse("mcts:t50ms")
    assert (timed.milliseconds, timed.rollouts, timed.identity) == (50, None, "mcts:t50ms")
    assert AgentSpec.parse("minimax:d4:t7ms").identity == "minimax:d4:t7ms"
    assert AgentSpec.parse("minimax:t7ms").nodes is None
    network = AgentSpec.parse("gumbel-mcts:t9ms", "a" * 64, 64)
    assert (network.simulations, network.identity) == (None, f"gumbel-mcts:{'a' * 12}:t9ms")
    assert AgentSpec.parse("gumbel-mcts", "a" * 64, 48).simulations == 48
    assert AgentSpec.from_dict(timed.as_dict()) == timed
    with pytest.raises(BadInput, match="or a time, not both"):
        AgentSpec("gumbel-mcts", "a" * 64, 8, milliseconds=5)
    with pytest.raises(BadInput, match="takes no time"):
        AgentSpec("random", milliseconds=5)
