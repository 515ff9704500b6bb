"""Networks for tests: untrained ones say nothing, these say something."""

import torch

from ringrift.nets.checkpoint import init_model


def speaking_model(config, arch, seed):
    """A network with random output layers: different logits and chances in every position."""
    net = init_model(config, arch, seed)
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in (net.policy_out, net.tail_out, net.value_out):
            layer.weight.uniform_(-0.3, 0.3, generator=random)
    return net
