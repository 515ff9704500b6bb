"""The folder of a training in which another trainer is still at work."""

import pytest

from ringrift.errors import Interrupted
from ringrift.pipeline import adapters
from ringrift.training.run_folder import locked


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Nobody waits between two looks."""
    monkeypatch.setattr(adapters, "IN_USE_SECONDS", 0.0)


def train(folder):
    """Do what a trainer does first."""
    with locked(folder):
        return "trained"


def test_the_end_of_the_other_trainer_is_waited_for(tmp_path):
    """The orphan of a worker that is stopped ends by itself: that it is there is no failure of the training."""
    other = locked(tmp_path)
    other.__enter__()
    asked = []

    def stopped():
        asked.append(len(asked))
        if len(asked) == 3:
            other.__exit__(None, None, None)
        return False

    assert adapters._once_free(lambda: train(tmp_path), stopped) == "trained"
    assert len(asked) == 3


def test_whoever_waits_may_be_stopped(tmp_path):
    """A claim that is lost, or somebody who asks for an end, ends the waiting."""
    with locked(tmp_path), pytest.raises(Interrupted, match="another trainer"):
        adapters._once_free(lambda: train(tmp_path), lambda: True)
