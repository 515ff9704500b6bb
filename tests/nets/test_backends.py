"""Inference: the same answers whichever way they are computed."""

import numpy as np
import pytest
import torch

from ringrift.configs import ALL_CONFIGS, Config
from ringrift.errors import BadInput
from ringrift.nets.arch import Arch
from ringrift.nets.backend import LOGIT_BOUND, VALUE_BOUND, Backend
from ringrift.nets.checkpoint import init_model, load_model, save_model
from ringrift.nets.choice import candidates, choose_backend
from ringrift.nets.kernels.features import write_features
from ringrift.nets.torch_evaluator import TorchEvaluator
from ringrift.rules.boards import board, tables
from ringrift.rules.kernels import constants as k
from ringrift.search.evaluator import Evaluator
from tests.nets.positions import random_positions

SMALL = Arch(channels=16, blocks=3, policy_width=16, value_width=16, value_hidden=16)


def lively(config, arch=SMALL):
    """A network whose outputs differ between positions as much as a trained one's."""
    net = init_model(config, arch, 1)
    random = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for block in net.blocks:
            block.second.norm.weight.fill_(0.5)
        for head in (net.policy_out, net.value_out, net.tail_out):
            bound = (6.0 / head.weight[0].numel()) ** 0.5
            head.weight.uniform_(-bound, bound, generator=random)
    return net


def by_hand(net, states):
    """Logits and values straight from the network, position by position."""
    t, players = tables(net.config.board), net.config.players
    planes = np.zeros((len(states), net.side, net.side, net.inputs), np.float32)
    scalars = np.zeros((len(states), net.scalars), np.float32)
    write_features(states, len(states), t, players, planes, scalars)
    with torch.no_grad():
        out = net(torch.from_numpy(planes).permute(0, 3, 1, 2), torch.from_numpy(scalars))
    policy = out.policy.numpy()[:, :, t.row, t.bit].reshape(len(states), -1)
    logits = np.concatenate([policy, out.tail.numpy()], 1)
    shares = torch.softmax(out.value, 1).numpy()
    movers = states[:, k.F_SCALAR, k.S_PLAYER].astype(int)
    values = np.stack([np.roll(row, m - 1) for row, m in zip(shares, movers, strict=True)])
    return logits, values


@pytest.mark.parametrize("config", ALL_CONFIGS, ids=str)
def test_float32_is_the_network(config):
    """The float32 evaluator says what the network says, in action order and for absolute seats."""
    net, states = lively(config), random_positions(config, 1, 3, 20)
    evaluator = TorchEvaluator(net, Backend("torch-cpu", "float32", 32))
    logits, values = evaluator.evaluate(states)
    assert isinstance(evaluator, Evaluator)
    assert logits.shape == (len(states), board(config.board).num_actions(config.players))
    expected_logits, expected_values = by_hand(net, states)
    assert np.allclose(logits, expected_logits, atol=1e-4)
    assert np.allclose(values, expected_values, atol=1e-5)


@pytest.mark.parametrize("config", [Config("hex8", 2), Config("square8", 3)], ids=str)
def test_bfloat16_stays_within_its_bounds(config):
    """bfloat16 differs from float32 by no more than the stated bounds."""
    net, states = lively(config), random_positions(config, 3, 3, 200)
    exact, exact_values = by_hand(net, states)
    evaluator = TorchEvaluator(net, Backend("torch-cpu", "bfloat16", 256))
    logits, values = evaluator.evaluate(states)
    assert exact.std() > 0.3  # else the comparison would say nothing
    size = np.abs(exact).max(1, keepdims=True)
    assert (np.abs(logits - exact) <= LOGIT_BOUND * (1 + size)).all()
    assert np.abs(values - exact_values).max() <= VALUE_BOUND


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_part_batches(dtype):
    """A row's bits depend neither on how full the batch is nor on what an earlier batch left behind."""
    config = Config("hex8", 2)
    net, states = lively(config), random_positions(config, 3, 3, 64)
    evaluator = TorchEvaluator(net, Backend("torch-cpu", dtype, 64))
    logits, values = (part.copy() for part in evaluator.evaluate(states))
    for count in (1, 7, 40):
        some_logits, some_values = evaluator.evaluate(states[:count])
        assert (some_logits == logits[:count]).all()
        assert (some_values == values[:count]).all()
    fresh = TorchEvaluator(net, Backend("torch-cpu", dtype, 64)).evaluate(states[:7])
    assert (fresh[0] == logits[:7]).all()


def test_choice_takes_a_candidate_and_says_so():
    """The chosen backend is one of those that were timed, and the sentence names it."""
    config = Config("hex8", 2)
    states = random_positions(config, 1, 3, 16)
    choice = choose_backend(lively(config), states, batches=(8, 16), seconds=0.02)
    assert choice.backend in [t.backend for t in choice.timings]
    assert len(choice.timings) == len(candidates((8, 16)))
    assert str(choice.backend) in str(choice)


def test_backend_round_trip():
    """A backend written into a shard's header is read back as it was; strange ones are refused."""
    backend = Backend("torch-cpu", "bfloat16", 48, 1)
    assert Backend.from_dict(backend.to_dict()) == backend
    with pytest.raises(BadInput, match="bfloat16"):
        Backend(dtype="bfloat")
    with pytest.raises(BadInput, match="threads"):
        Backend.from_dict({"thread": 1})


def test_stored_models_evaluate_alike(tmp_path):
    """A network read from its file gives the same bits as the one in memory."""
    config = Config("hex8", 2)
    net, states = lively(config), random_positions(config, 1, 3, 16)
    path, _ = save_model(net, tmp_path)
    backend = Backend("torch-cpu", "float32", 16)
    here = TorchEvaluator(net, backend).evaluate(states)
    there = TorchEvaluator(load_model(path, config).net, backend).evaluate(states)
    assert (here[0] == there[0]).all()
    assert (here[1] == there[1]).all()
