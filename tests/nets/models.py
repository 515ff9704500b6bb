"""Networks for tests: untrained ones say nothing, these say something."""

import torch

from ringrift.nets.arch import Arch
from ringrift.nets.checkpoint import init_model

SMALL = Arch(channels=16, blocks=3, policy_width=16, value_width=16, value_hidden=16)


def speaking_model(config, arch, seed):
    """A network with random output layers: different logits and chances in every position."""
    net = init_model(config, arch, seed)
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in (net.policy_out, net.tail_out, net.value_out):
            layer.weight.uniform_(-0.3, 0.3, generator=random)
    return net


def lively_model(config, arch=SMALL):
    """A network whose outputs differ between positions as much as a trained one's, through all of its layers."""
    net = init_model(config, arch, 1)
    random = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for block in net.blocks:
            block.second.norm.weight.fill_(0.5)
        for head in (net.policy_out, net.value_out, net.tail_out):
            bound = (6.0 / head.weight[0].numel()) ** 0.5
            head.weight.uniform_(-bound, bound, generator=random)
    return net
