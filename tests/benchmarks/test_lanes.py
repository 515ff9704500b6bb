"""The benchmark of lanes in its short form."""

import pytest

from benchmarks.lanes import ON_DEVICE, WAYS, Paced, measure
from ringrift.configs import Config
from ringrift.search.evaluator import UniformEvaluator
from ringrift.selfplay.pool import SelfplayParameters

HEX = Config("hex8", 2)
FAST = SelfplayParameters(4, 2, slots=4)


@pytest.mark.parametrize("ways", [WAYS, ON_DEVICE])
def test_every_way_is_measured(ways):
    """Each way plays in each of its turns, the first is the base, and no share is more than the whole."""

    def make(rows, threads):
        return Paced(HEX, rows, 1e-5) if ways is ON_DEVICE else UniformEvaluator(HEX, rows)

    found = measure(HEX, make, FAST, 0.1, 2, ways)
    assert [one.name for one in found] == [way.name for way in ways]
    assert found[0].ratio == 1
    for one in found:
        assert one.rate > 0
        assert one.ratio > 0
        assert 0 < one.network < 1
