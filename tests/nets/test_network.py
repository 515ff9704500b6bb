"""The network itself."""

import pytest
import torch

from ringrift.configs import ALL_CONFIGS, Config
from ringrift.errors import BadInput
from ringrift.nets.arch import Arch
from ringrift.nets.checkpoint import init_model
from ringrift.nets.network import PlayNetwork, _pool
from ringrift.rules.boards import board

SMALL = Arch(channels=8, blocks=2, policy_width=8, value_width=8, value_hidden=16)


def inputs(net, rows, seed=0):
    """Random planes that are 0 off board, and scalars."""
    torch.manual_seed(seed)
    planes = torch.rand(rows, net.inputs, net.side, net.side) * net.mask
    return planes, torch.rand(rows, net.scalars)


@pytest.mark.parametrize("config", ALL_CONFIGS, ids=str)
def test_shapes(config):
    """The policy has the planes of the action space, and the other heads one output per seat."""
    net = init_model(config, SMALL, 1)
    out = net(*inputs(net, 3))
    b, seats = board(config.board), config.players
    assert out.policy.shape == (3, b.planes(seats), b.side, b.side)
    assert out.tail.shape == (3, 2)
    assert out.value.shape == out.eliminated.shape == (3, seats)
    assert out.territory.shape == (3, seats + 1, b.side, b.side)


def test_start_depends_on_the_seed_alone():
    """The same seed gives the same weights, whatever torch's own generator did before."""
    config = Config("hex8", 2)
    torch.manual_seed(1)
    one = init_model(config, SMALL, 5).state_dict()
    torch.manual_seed(2)
    other = init_model(config, SMALL, 5).state_dict()
    third = init_model(config, SMALL, 6).state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not all(torch.equal(one[name], third[name]) for name in one)


@pytest.mark.parametrize("config", [Config("hex8", 2), Config("square8", 2)], ids=str)
def test_folding_keeps_the_function(config):
    """With norms folded into convolutions the network says the same."""
    net = init_model(config, SMALL, 1)
    net.train()
    for seed in range(3):  # give the norms statistics of their own
        net(*inputs(net, 16, seed))
    torch.nn.init.ones_(net.blocks[0].second.norm.weight)
    for head in (net.policy_out, net.tail_out, net.value_out):  # they start at zero
        torch.nn.init.normal_(head.weight)
    net.eval()
    planes, scalars = inputs(net, 4, 9)
    with torch.no_grad():
        whole = net(planes, scalars)
        policy, tail, value = PlayNetwork.of(net)(planes, scalars)
    assert torch.allclose(policy, whole.policy.permute(0, 2, 3, 1), atol=1e-5)
    assert torch.allclose(tail, whole.tail, atol=1e-5)
    assert torch.allclose(value, whole.value, atol=1e-5)


def test_unknown_sizes_are_refused():
    """A misspelt size is an error that names the nearest one."""
    with pytest.raises(BadInput, match="channels"):
        Arch.from_dict({"chanels": 32})
    with pytest.raises(BadInput, match="blocks is 0"):
        Arch(blocks=0)


@pytest.mark.parametrize("config", [Config("square19", 2), Config("hexagonal", 2)], ids=str)
def test_the_mean_of_a_large_board_fits_in_float16(config):
    """A mean over cells is right in float16 where their sum is more than float16 can hold; others keep their bits."""
    net = init_model(config, SMALL, 1)
    loud = (300.0 * torch.ones(2, 3, net.side, net.side) * net.mask).half()
    assert torch.isinf(loud.flatten(2).sum(2)).all(), "the sum alone does not fit"
    assert _pool(loud, net.cells).eq(300.0).all()
    for dtype in (torch.float32, torch.bfloat16):
        quiet = (inputs(net, 2)[0] * 7).to(dtype)
        before = quiet.flatten(2).sum(2) / net.cells
        assert _pool(quiet, net.cells)[:, : net.inputs].equal(before)
