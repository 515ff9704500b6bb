import pytest

from ringrift.evaluation.stats import Decision
from ringrift.pipeline import gates
from ringrift.pipeline.plan import RunPlan
from tests.pipeline.tiny import HEX8, settings

A, B, C = "a" * 64, "b" * 64, "c" * 64


def plan(**changes):
    """A plan whose gates have 400 games."""
    numbers = {"evaluation__max_games": 400, "evaluation__min_games": 20, **changes}
    return RunPlan.of(settings(**numbers), HEX8)


def gate(name, **changes):
    """One gate of a candidate that meets a champion."""
    return {g.name: g for g in gates.plan_gates(HEX8, plan(**changes), A, B, C, 7)}[name]


def results(wins, games):
    """So many wins, evenly spread."""
    return {n: float((n + 1) * wins // games - n * wins // games) for n in range(games)}


def test_the_first_candidate_meets_random_and_its_own_beginnings():
    """Later ones the champion too. All with a network search with the budget of the gate."""
    first = gates.plan_gates(HEX8, plan(), A, B, None, 7)
    later = gates.plan_gates(HEX8, plan(), A, B, C, 7)
    assert [g.name for g in first] == ["policy", "random", "initial"]
    assert [g.name for g in later] == ["policy", "random", "initial", "champion"]
    budgets = {(g.match.a.simulations, g.match.b.simulations) for g in later}
    assert budgets == {(None, None), (32, None), (32, 32)}
    assert first[0].match.a.kind == "policy-only"
    assert [g.bound for g in first[1:]] == [pytest.approx(0.80), pytest.approx(0.55)]


@pytest.mark.parametrize(
    ("key", "value"), [("rule", "puct"), ("c_visit", 7.0), ("c_scale", 0.7), ("max_considered", 5)]
)
def test_gates_search_as_play_does(key, value):
    """Every key of the section search that a gate's search has comes from the settings, the rule too."""
    usual, other = gate("champion"), gate("champion", **{f"search__{key}": value})
    assert getattr(usual.match.a, key) != value
    assert [getattr(one, key) for one in (other.match.a, other.match.b)] == [value, value]
    assert other.match_id != usual.match_id


def test_a_gate_is_what_it_is_after_json():
    """It travels through the stage row and keeps its match's id."""
    one = gate("champion")
    assert gates.Gate.from_dict(one.as_dict()) == one
    assert one.match.id == one.match_id


def test_chunks_cover_a_match_once_in_whole_blocks():
    """Whatever their size."""
    one = gate("random")
    for size in (1, 20, 33, 1000):
        pieces = gates.chunks(one, size)
        blocks = [b for c in pieces for b in range(c.first_block, c.first_block + c.blocks)]
        assert blocks == list(range(one.match.blocks))
        assert len({c.unit(one.match_id) for c in pieces}) == len(pieces)


@pytest.mark.parametrize(
    ("wins", "games", "decision"),
    [
        (50, 50, Decision.PASSED),
        (43, 50, Decision.OPEN),
        (10, 50, Decision.FAILED),
        (350, 400, Decision.PASSED),
        (330, 400, Decision.FAILED),
    ],
)
def test_random_gate(wins, games, decision):
    """Passed early only when it is clear; at the end by the plain 95% bound."""
    verdict = gates.judge(gate("random"), results(wins, games), 20)
    assert verdict.decision is decision


def test_only_an_unbroken_prefix_counts():
    """Chunks that came in early are not looked at before those in front of them."""
    scores = results(50, 50)
    one = gate("random")
    late = dict.fromkeys(range(100, 400), 1.0)
    assert gates.judge(one, late, 20).games == 0
    missing = {n: s for n, s in scores.items() if n != 21} | late
    verdict = gates.judge(one, missing, 20)
    assert (verdict.decision, verdict.games) == (Decision.OPEN, 20)
    assert gates.judge(one, scores | late, 20) == gates.judge(one, scores, 20)


def test_no_verdict_on_too_few_games():
    """The first looks are skipped below the minimum."""
    verdict = gates.judge(gate("random"), results(100, 100), 120)
    assert verdict.decision is Decision.OPEN


def test_the_champion_gate_is_an_sprt():
    """A clearly better candidate passes early, an equal one fails, at the latest after all games."""
    one = gate("champion")
    better = gates.judge(one, results(300, 400), 20)
    assert better.decision is Decision.PASSED
    assert better.games < 400
    equal = gates.judge(one, {n: float(n % 2) for n in range(400)}, 20)
    assert equal.decision is Decision.FAILED


def test_bounds_for_more_players_keep_the_ratio_of_strengths():
    """Equal strength is 1/P, and two players are as they were."""
    assert gates.for_players(0.55, 2) == pytest.approx(0.55)
    assert gates.for_players(0.5, 4) == pytest.approx(0.25)
    assert gates.for_players(0.8, 3) == pytest.approx(4 / 6)


def test_weaker_is_said_only_with_evidence():
    """A lost match against random does not speak against learning on; one against the start does."""
    one, start = gate("random"), gate("initial")
    lost = gates.judge(one, results(10, 50), 20)
    assert not gates.shown_weaker([(one, lost)])
    assert not gates.shown_weaker([(start, gates.judge(start, results(24, 50), 20))])
    assert gates.shown_weaker([(start, gates.judge(start, results(10, 50), 20))])
