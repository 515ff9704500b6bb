"""Inference: every backend says what the network says, to the bounds of its number format."""

import gc

import numpy as np
import psutil
import pytest
import torch

from ringrift.configs import ALL_CONFIGS, Config
from ringrift.errors import BadInput
from ringrift.nets.arch import Arch
from ringrift.nets.backend import BOUNDS, DTYPES, Backend
from ringrift.nets.checkpoint import load_model, save_model
from ringrift.nets.evaluators import EVALUATORS, make_evaluator
from ringrift.nets.presence import lacking
from ringrift.rules.boards import board
from ringrift.search.evaluator import Evaluator
from tests.nets.agreement import by_hand, distance, within
from tests.nets.models import lively_model
from tests.nets.positions import random_positions, whole, whole_space

HEX = Config("hex8", 2)

#: Every kind with each of its number formats, where this machine has it.
BACKENDS = [
    pytest.param(
        (kind, dtype), id=f"{kind}-{dtype}", marks=pytest.mark.skipif(bool(why), reason=str(why))
    )
    for kind in DTYPES
    for why in [lacking(kind)]
    for dtype in DTYPES[kind]
]
each_backend = pytest.mark.parametrize("backend", BACKENDS)


@pytest.mark.parametrize("config", ALL_CONFIGS, ids=str)
def test_float32_is_the_network(config):
    """The float32 evaluator says what the network says, in action order and for absolute seats."""
    net, states = lively_model(config), random_positions(config, 1, 3, 20)
    evaluator = make_evaluator(net, Backend("torch-cpu", "float32", 32))
    logits, values = whole(evaluator, states)
    assert isinstance(evaluator, Evaluator)
    assert logits.shape == (len(states), board(config.board).num_actions(config.players))
    expected_logits, expected_values = by_hand(net, states)
    assert np.allclose(logits, expected_logits, atol=1e-4)
    assert np.allclose(values, expected_values, atol=1e-5)


@each_backend
@pytest.mark.parametrize("name", ["hex8:2", "square8:3", "hexagonal:4", "square19:2"])
def test_each_backend_stays_within_its_bounds(backend, name):
    """Chances and policies of a full and of a part batch differ from float32's by no more than the stated bounds.

    The network's policy is far from uniform there, else the comparison would say nothing.
    """
    config = Config.parse(name)
    rows = 64 if config.board in ("hex8", "square8") else 16
    net, states = lively_model(config), random_positions(config, 2, 3, rows + rows // 2)
    exact = by_hand(net, states)
    assert exact[0].std() > 0.3
    evaluator = make_evaluator(net, Backend(*backend, rows))
    batches = (states[:rows], states[rows:])
    parts = [whole(evaluator, batch) for batch in batches]
    found = [np.concatenate(column) for column in zip(*parts, strict=True)]
    assert within(distance(exact, found, states, config), BOUNDS[backend[1]])


@each_backend
def test_the_default_network_stays_within_the_bounds(backend):
    """The same holds for a network of the size that the settings have: rounding adds up over its layers."""
    net, states = lively_model(HEX, Arch(64, 6)), random_positions(HEX, 3, 3, 64)
    found = whole(make_evaluator(net, Backend(*backend, 64)), states)
    assert within(distance(by_hand(net, states), found, states, HEX), BOUNDS[backend[1]])


def test_the_bounds_notice_another_network():
    """A network whose first layer is a third stronger in half of its channels is out of every bound."""
    net, states = lively_model(HEX, Arch(64, 6)), random_positions(HEX, 3, 3, 64)
    exact = by_hand(net, states)
    net.stem.conv.weight.data[::2] *= 1.3
    found = by_hand(net, states)
    for bounds in BOUNDS.values():
        assert not within(distance(exact, found, states, HEX), bounds)


@each_backend
def test_part_batches(backend):
    """A row's bits depend neither on how full the batch is nor on what an earlier batch left behind."""
    net, states = lively_model(HEX), random_positions(HEX, 3, 3, 64)
    evaluator = make_evaluator(net, Backend(*backend, 64))
    logits, values = whole(evaluator, states)
    for count in (1, 7, 40):
        some_logits, some_values = whole(evaluator, states[:count])
        assert (some_logits == logits[:count]).all()
        assert (some_values == values[:count]).all()
    fresh = whole(make_evaluator(net, Backend(*backend, 64)), states[:7])
    assert (fresh[0] == logits[:7]).all()


@each_backend
def test_submit_and_wait(backend):
    """Two evaluators with a batch each under way, and states that are gone by then, answer as `evaluate` does."""
    net, states = lively_model(HEX), random_positions(HEX, 3, 3, 64)
    first, second = (make_evaluator(net, Backend(*backend, 32)) for _ in range(2))
    expected = [whole(first, states[i : i + 32]) for i in (0, 32)]
    legal = whole_space(HEX, 32)
    lent = states.copy()
    first.submit(lent[:32], legal)
    second.submit(lent[32:], legal)
    lent[:] = 0
    for evaluator, answer in ((second, expected[1]), (first, expected[0])):
        for found, wanted in zip(evaluator.wait(), answer, strict=True):
            assert (found == wanted.reshape(found.shape)).all()


@pytest.mark.parametrize("head", ["policy_out", "value_out"])
def test_what_is_no_number_is_said(head):
    """Finite weights that are too large for the number format give no NaN to a search, but a line that says so."""
    net, states = lively_model(HEX), random_positions(HEX, 1, 3, 16)
    getattr(net, head).weight.data.fill_(3e38)
    evaluator = make_evaluator(net, Backend("torch-cpu", "bfloat16", 16))
    with pytest.raises(
        BadInput, match="hex8:2 says NaN or infinity, computed by torch-cpu bfloat16"
    ):
        whole(evaluator, states)


def test_every_kind_has_an_evaluator():
    """Whatever a shard's header may name can be made."""
    assert set(EVALUATORS) == set(DTYPES)


def test_stored_models_evaluate_alike(tmp_path):
    """A network read from its file gives the same bits as the one in memory."""
    net, states = lively_model(HEX), random_positions(HEX, 1, 3, 16)
    path, _ = save_model(net, tmp_path)
    backend = Backend("torch-cpu", "float32", 16)
    here = whole(make_evaluator(net, backend), states)
    there = whole(make_evaluator(load_model(path, HEX).net, backend), states)
    assert (here[0] == there[0]).all()
    assert (here[1] == there[1]).all()


@each_backend
def test_networks_come_and_go(backend):
    """A process that plays with one network after the other holds no more memory than with the first ones."""
    net = lively_model(HEX)

    def held():
        """Play with so many networks; what the process holds then, in MiB."""
        for _ in range(5):
            evaluator = make_evaluator(net, Backend(*backend, 16))
            evaluator.start()
            del evaluator
        gc.collect()
        return psutil.Process().memory_info().rss / 2**20

    before = held()
    assert max(held() for _ in range(2)) < before + 15


def test_programs_are_shared_and_weights_are_not():
    """Two networks of one kind, at work side by side, each say what they say alone."""
    nets, states = [lively_model(HEX), lively_model(HEX)], random_positions(HEX, 1, 3, 16)
    with torch.no_grad():
        for parameter in nets[1].parameters():
            parameter.mul_(1.1)
    both = [make_evaluator(net, Backend("torch-cpu", "float32", 16)) for net in nets]
    for evaluator, net in (*zip(both, nets, strict=True), (both[0], nets[0])):
        logits, values = whole(evaluator, states)
        expected_logits, expected_values = by_hand(net, states)
        assert np.allclose(logits, expected_logits, atol=1e-4)
        assert np.allclose(values, expected_values, atol=1e-5)
    assert not np.allclose(by_hand(nets[0], states)[0], by_hand(nets[1], states)[0], atol=1e-2)
