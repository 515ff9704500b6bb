"""Several processes that do one thing to many, and what is said when one of them is gone."""

import os
import signal
from contextlib import closing

import pytest

from benchmarks.histories.spread import Ended, spread


def double(number):
    """Twice as much."""
    return 2 * number


def die_at_three(number):
    """Be killed in the middle."""
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_results_come_in_order():
    """Two processes give what one gives, in the order of what was given to them."""
    with closing(spread(double, range(5), 1)) as one, closing(spread(double, range(5), 2)) as two:
        assert list(one) == list(two) == [0, 2, 4, 6, 8]


def test_a_killed_process_is_said():
    """What a killed process had, and how it ended, is in one line; nothing waits for it."""
    with closing(spread(die_at_three, range(9), 2)) as found:
        assert [next(found) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(Ended, match="had 3 ended by SIGKILL"):
            next(found)
