"""Honest win probabilities."""

import numpy as np
import pytest
import torch

from ringrift.configs import Config
from ringrift.nets.arch import Arch
from ringrift.nets.checkpoint import init_model
from ringrift.training.calibration import MIN_ROWS, apply_temperature, fit_temperature


@pytest.mark.parametrize("truth", [0.6, 1.0, 1.5])
def test_temperature_is_found(truth):
    """Outcomes drawn from softened logits give back the temperature they were softened by."""
    random = np.random.default_rng(1)
    logits = random.standard_normal((40_000, 3)) * 2
    shares = np.exp(logits / truth)
    shares /= shares.sum(1, keepdims=True)
    winners = (shares.cumsum(1) < random.random((len(logits), 1))).sum(1)
    target = torch.from_numpy(np.eye(3)[winners])
    assert fit_temperature(torch.from_numpy(logits), target) == pytest.approx(truth, rel=0.05)


def test_too_few_rows_change_nothing():
    """A handful of rows is no evidence."""
    logits = torch.randn(MIN_ROWS - 1, 2)
    assert fit_temperature(logits, torch.softmax(-logits, 1)) == 1.0


def test_it_divides_the_value_logits():
    """Applied to a network, the temperature divides the value's logits and changes nothing else."""
    net = init_model(Config("hex8", 2), Arch(8, 1), 1)
    torch.nn.init.normal_(net.value_out.weight)  # it starts at zero
    planes, scalars = torch.rand(4, net.inputs, 9, 9), torch.rand(4, net.scalars)
    with torch.no_grad():
        before = net(planes, scalars)
        apply_temperature(net, 2.0)
        after = net(planes, scalars)
    assert torch.allclose(after.value, before.value / 2.0)
    assert torch.equal(after.policy, before.policy)
    assert torch.equal(after.eliminated, before.eliminated)
