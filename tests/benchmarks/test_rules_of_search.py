"""The comparison of Gumbel and PUCT, in its short form."""

from benchmarks.rules_of_search import NO_MODEL, compare
from ringrift.configs import Config
from ringrift.search.evaluator import UniformEvaluator


def test_short_form():
    """Every seed has its games and its score, and the last row is their sum."""
    evaluator = UniformEvaluator(Config("hex8", 2), 8)
    one, two, total = compare(evaluator, NO_MODEL, 4, 4, [1, 2], 1.0)
    assert (one.games, two.games, total.games) == (4, 4, 8)
    assert total.wins == one.wins + two.wins
    assert total.line().startswith("| 4 | all | 8 | ")
