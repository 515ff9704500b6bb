"""A state directory with one promoted run, made once and copied for each test that wants it."""

import shutil

import pytest

from ringrift.pipeline.in_process import work_off
from ringrift.pipeline.runs import open_or_resume
from ringrift.settings import home
from tests.pipeline import tiny


@pytest.fixture(scope="session")
def promoted_home(tmp_path_factory):
    """Where it is made; not to be changed."""
    folder = tmp_path_factory.mktemp("promoted") / "home"
    ctx = tiny.context(folder)
    work_off(ctx, open_or_resume(ctx, tiny.HEX8).id)
    ctx.ledger.close()
    return folder


@pytest.fixture
def promoted(promoted_home):
    """The context of a copy of it, in the test's own state directory."""
    shutil.copytree(promoted_home, home())
    ctx = tiny.context(home())
    yield ctx
    ctx.ledger.close()
