"""The terms of the loss."""

import numpy as np
import pytest
import torch

from ringrift.configs import Config
from ringrift.nets.arch import Arch
from ringrift.nets.checkpoint import init_model
from ringrift.training.dataset import Batcher, Dataset
from ringrift.training.losses import losses_of, total_loss
from ringrift.training.spec import TrainSpec
from tests.training.synthetic import synthetic_dataset

HEX = Config("hex8", 2)


@pytest.fixture
def case(tmp_path):
    """Outputs of a small network on a batch, with the dataset and the terms."""
    dataset = Dataset(synthetic_dataset(tmp_path, HEX, 3), HEX)
    batch = Batcher(dataset, 32, 0.0).make(dataset.training_rows[:32], np.zeros(32, np.int64))
    net = init_model(HEX, Arch(8, 1), 1)
    for head in (net.policy_out, net.tail_out, net.value_out):  # they start at zero
        torch.nn.init.normal_(head.weight, generator=torch.Generator().manual_seed(1))
    spec = TrainSpec("hex8:2", value_weight=2.0)
    return net(batch.planes, batch.scalars), batch, losses_of(spec, dataset.full_share), dataset


def by_name(terms):
    """{name: term}."""
    return {term.name: term for term in terms}


def test_policy_by_hand(case):
    """The policy loss is the cross entropy over legal actions, scaled up by the share of rows with a target."""
    outputs, batch, terms, dataset = case
    rows = by_name(terms)["policy"].rows(outputs, batch)
    assert 0 < dataset.full_share < 1
    for i in range(32):
        n = int(batch.count[i])
        if n == 0:
            assert rows[i] == 0
            continue
        flat = torch.cat([outputs.policy[i].flatten(), outputs.tail[i]])
        logs = torch.log_softmax(flat[batch.legal[i, :n]], 0)
        expected = -(batch.target[i, :n] * logs).sum() / dataset.full_share
        assert rows[i].item() == pytest.approx(expected.item(), rel=1e-4)


def test_value_by_hand(case):
    """The value loss is the cross entropy of the winner's share."""
    outputs, batch, terms, _ = case
    rows = by_name(terms)["value"].rows(outputs, batch)
    expected = torch.nn.functional.cross_entropy(outputs.value, batch.value, reduction="none")
    assert torch.allclose(rows, expected)


def test_territory_ignores_what_is_no_cell(case):
    """Outputs outside the board do not change the territory loss."""
    outputs, batch, terms, _ = case
    term = by_name(terms)["territory"]
    noise = torch.where(batch.territory[:, None] < 0, 100.0, 0.0)
    noise = noise * torch.randn_like(outputs.territory)
    changed = outputs._replace(territory=outputs.territory + noise)
    assert torch.equal(term.rows(outputs, batch), term.rows(changed, batch))


def test_total_is_the_weighted_sum(case):
    """The total is the sum of the reported parts by their weights."""
    outputs, batch, terms, _ = case
    total, parts = total_loss(terms, outputs, batch)
    expected = sum(term.weight * parts[term.name].item() for term in terms)
    assert total.item() == pytest.approx(expected, rel=1e-5)
    assert by_name(terms)["value"].weight == 2.0


def test_terms_without_weight_are_left_out():
    """A weight of 0 removes the term."""
    spec = TrainSpec("hex8:2", territory_weight=0.0)
    assert "territory" not in by_name(losses_of(spec, 1.0))
