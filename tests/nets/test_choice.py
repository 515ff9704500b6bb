"""Which backend is taken."""

import pytest

from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.nets.backend import BOUNDS, KINDS, Backend
from ringrift.nets.choice import (
    MARGIN,
    Timing,
    candidates,
    choice_of,
    choose_backend,
    default_backend,
    named_backend,
)
from ringrift.nets.evaluators import make_evaluator
from ringrift.nets.presence import lacking, present
from tests.nets.agreement import by_hand, distance, within
from tests.nets.models import lively_model
from tests.nets.positions import random_positions, whole

HEX = Config("hex8", 2)


def timed(rate, kind=None, batch=64, threads=1):
    """A timing; kind None: the default."""
    kind = kind or default_backend().kind
    return Timing(Backend(kind, "float32", batch, threads), rate)


def test_everything_present_is_timed():
    """All kinds that are here are timed with each batch, and all is said in one sentence."""
    states = random_positions(HEX, 1, 3, 16)
    choice = choose_backend(lively_model(HEX), states, (8, 16), seconds=0.02)
    tried = {str(timing.backend) for timing in choice.timings}
    assert tried == set(map(str, candidates((8, 16))))
    assert choice.backend == choice_of(choice.timings).backend
    text = str(choice)
    assert text.startswith(f"{choice.backend}: {choice.evaluations_per_second:,.0f} evaluations/s")
    assert all(str(t) in text for t in choice.timings)
    for kind in KINDS:
        assert (kind in dict(choice.missing)) == (kind not in present())
        assert lacking(kind) is None or f"{kind}: {lacking(kind)}" in text


def test_the_default_stays_unless_another_is_much_faster():
    """Gains within what timings differ by change no bits; beyond it the fastest is taken."""
    default, other = timed(1000.0), timed(1000.0 * MARGIN - 1, "onnx")
    assert choice_of([other, default]) is default
    faster = timed(1000.0 * MARGIN + 1, "onnx")
    assert choice_of([default, faster, other]) is faster


def test_a_larger_batch_and_more_threads_must_be_worth_it():
    """Of one kind the smallest batch and the fewest threads win that are within five percent of its fastest."""
    small, large = timed(1000.0, batch=32), timed(1040.0, batch=128)
    assert choice_of([small, large]) is small
    larger = timed(1100.0, batch=128)
    assert choice_of([small, larger]) is larger
    assert choice_of([larger, timed(1101.0, batch=32, threads=2)]) is larger


@pytest.mark.parametrize("wish", ["torch", "openvino", "onnx"])
def test_a_backend_by_name(wish):
    """A kind that is asked for is taken as it is fastest here, and agrees with the network; or it is said what it lacks."""
    if wish != "torch" and lacking(wish):
        with pytest.raises(BadInput, match=rf"backend {wish}: .*'ringrift\[{wish}\]'"):
            named_backend(wish)
        return
    backend = named_backend(wish, 16)
    assert backend.kind.startswith(wish)
    net, states = lively_model(HEX), random_positions(HEX, 1, 3, 16)
    found = whole(make_evaluator(net, backend), states)
    assert within(distance(by_hand(net, states), found, states, HEX), BOUNDS[backend.dtype])


def test_no_such_name():
    """A wrong name is met with the nearest right one."""
    with pytest.raises(BadInput, match="unknown backend 'openvin': did you mean 'openvino'"):
        named_backend("openvin")


def test_candidates():
    """Each kind that is here is tried with each batch and each number of threads."""
    found = candidates((8, 16), (1, 2))
    assert len(set(found)) == len(found)
    kinds = {backend.kind for backend in found}
    assert kinds == ({"torch-cuda"} if "torch-cuda" in present() else set(present()))
    for kind in kinds - {"torch-cuda"}:
        own = {(backend.batch, backend.threads) for backend in found if backend.kind == kind}
        assert own == {(8, 1), (8, 2), (16, 1), (16, 2)}
