"""A place that hangs holds up nobody: not the loop, not the worker, not the other places.

A pipe that nobody writes into hangs whoever opens it, as a folder whose server is gone does.
"""

import contextlib
import os

import psutil
import pytest

from ringrift.models import distribution
from ringrift.pipeline import model_files, porters
from ringrift.pipeline.runs import open_or_resume
from ringrift.settings import prepare_home
from ringrift.store import events, models
from tests.models.history import context
from tests.pipeline.tiny import HEX8


@pytest.fixture
def make(tmp_path):
    """A state directory with an open run, whose models are to be taken to these places."""
    opened = []

    def made(*places, seconds=0.5, **fields):
        changes = {
            "models__distribute_to": tuple(map(str, places)),
            "models__distribute_timeout_seconds": seconds,
        }
        ctx = context(tmp_path / "home", 10, **changes).with_(**fields)
        opened.append(ctx)
        open_or_resume(ctx, HEX8)
        return ctx

    yield made
    for ctx in opened:
        ctx.ledger.close()


@pytest.fixture
def hanging(tmp_path):
    """A place where everything that is read is a pipe without a writer."""
    place, held = tmp_path / "hanging", []
    place.mkdir()

    def pipe(name):
        os.mkfifo(place / name)
        held.append(place / name)
        return place

    yield pipe
    for path in held:  # lets go whoever waits
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))


def failures(ctx):
    """What was told of places that got nothing: (place, what went wrong)."""
    with ctx.ledger.read() as tx:
        found = events.all_of(tx, "DISTRIBUTION_FAILED")
    return [(event.payload["target"], event.payload["error"]) for event in found]


def commands():
    """Command lines of the children of this process that live."""
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended meanwhile
            found.append(child.cmdline())
    return found


def test_the_other_places_are_served_beside_one_that_hangs(make, hanging, tmp_path):
    """All at once; and whoever asks for an end gets it, with nobody left behind."""
    good = tmp_path / "good"
    ctx = make(hanging("hex8_2.json"), good, seconds=600.0, stop=(good / "hex8_2.json").exists)
    porters.take_out(ctx)
    (manifest,) = distribution.manifests(str(good))
    assert (good / manifest.newest.file).exists()
    assert failures(ctx) == []
    assert "ringrift.pipeline.porters" not in str(commands())


def test_a_place_that_hangs_is_told_and_left_alone(make, hanging):
    """In bounded time, once; the next pass does not begin to wait for it again."""
    place = hanging("hex8_2.json")
    ctx = make(place)
    porters.take_out(ctx)
    why = f"{place}: not done within 0.5 s (models.distribute_timeout_seconds)"
    assert failures(ctx) == [(str(place), why)]
    hasty = ctx.with_(stop=lambda: pytest.fail("it is waited for"))
    porters.take_out(hasty)
    porters.after_run(hasty, "hex8:2")
    assert len(failures(ctx)) == 1


def test_a_place_that_is_away_is_told_once_and_then_served(make, tmp_path):
    """Each pass tries again; what the porter found is told, and in the end that the models are there."""
    place = tmp_path / "place"
    place.write_text("a file where a folder is to be")
    ctx = make(place, seconds=600.0)
    porters.take_out(ctx)
    (done,) = model_files.distribute(ctx)
    assert done.error is not None
    ((where, why),) = failures(ctx)
    assert where == str(place)
    assert str(place) in why
    place.unlink()
    model_files.distribute(ctx)
    assert distribution.manifests(str(place))
    with ctx.ledger.read() as tx:
        assert len(events.all_of(tx, "MODEL_DISTRIBUTED")) == 1


def test_a_model_is_fetched_from_the_next_place_when_one_hangs(make, hanging, tmp_path):
    """Who waits gives signs of life meanwhile, and does not begin to wait there again."""
    good = tmp_path / "good"
    ctx = make(good)
    model_files.distribute(ctx)
    with ctx.ledger.read() as tx:
        row = models.newest_accepted(tx, "hex8:2")
    slow = make(hanging(distribution.file_name(row.sha256)), good)
    for name in ("node", "other"):
        node = slow.with_(home=prepare_home(0, tmp_path / name))
        model_files.bring(node, row, lambda: None)
        assert node.blobs.verify(node.blobs.path(row.path), row.sha256)
