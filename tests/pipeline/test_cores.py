"""How many cores a training takes."""

import pytest

from ringrift.configs import Config
from ringrift.pipeline.cores import MOST_THREADS, training_threads, usable_cores
from ringrift.pipeline.plan import RunPlan
from ringrift.pipeline.runs import open_or_resume
from tests.pipeline import tiny
from tests.pipeline.tiny import HEX8


@pytest.fixture
def ctx(tmp_path):
    """A state directory with one open run."""
    made = tiny.context(tmp_path / "home")
    open_or_resume(made, HEX8)
    yield made
    made.ledger.close()


def threads(ctx, name, cores=4):
    """Threads of a training in a folder of this name."""
    return training_threads(ctx, RunPlan.of(ctx.settings, HEX8), ctx.home / "runs" / name, cores)


def test_a_training_takes_the_cores_that_are_idle(ctx):
    """All of them beside no other run, 8 at most; one beside another run; what it began with when it goes on."""
    assert threads(ctx, "alone") == 4
    assert threads(ctx, "large", cores=64) == MOST_THREADS
    open_or_resume(ctx, Config("square8", 2))
    assert threads(ctx, "beside") == 1
    assert threads(ctx, "alone") == 4
    (ctx.home / "runs" / "alone" / "threads").write_text("torn")
    assert threads(ctx, "alone") == 1


def test_a_number_in_the_settings_counts(ctx):
    """Whoever names a number gets it."""
    told = ctx.with_(settings=tiny.settings(training__threads=3))
    assert threads(told, "told") == 3


def test_there_is_a_core():
    """This process may use at least one."""
    assert usable_cores() >= 1
