"""What a training is asked to do."""

import pytest

from ringrift.errors import BadInput
from ringrift.training.spec import TrainSpec


def test_round_trip():
    """A spec is read back as it was written."""
    spec = TrainSpec("square8:3", seed=4, optimizer="sgd")
    assert TrainSpec.from_dict(spec.to_dict()) == spec


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"config": "hex9:2"}, "hex8"),
        ({"config": "hex8:2", "optimizer": "adam"}, "adamw"),
        ({"config": "hex8:2", "batchsize": 1}, "batch_size"),
        ({"config": "hex8:2", "batch_size": 1}, "expected 2"),
        ({"config": "hex8:2", "learning_rate": float("nan")}, "learning_rate"),
        ({"config": "hex8:2", "ema_decay": 1.0}, "ema_decay"),
    ],
)
def test_bad_values(values, expected):
    """A wrong field is one line with what was expected or the nearest valid word."""
    with pytest.raises(BadInput, match=expected):
        TrainSpec.from_dict(values)


def test_steps_follow_reuse():
    """Each row is used `sample_reuse` times; max_steps bounds the steps."""
    assert TrainSpec("hex8:2", batch_size=100, sample_reuse=4.0).steps(5000) == 200
    assert TrainSpec("hex8:2", batch_size=100, max_steps=7).steps(5000) == 7
    assert TrainSpec("hex8:2", batch_size=100).steps(1) == 1


def test_rate_rises_and_falls():
    """The rate rises to its highest over the warm-up, then falls to its final fraction."""
    spec = TrainSpec("hex8:2", learning_rate=0.01, warmup_fraction=0.1, final_fraction=0.2)
    rates = [spec.rate(step, 100) for step in range(100)]
    top = rates.index(max(rates))
    assert top == 10
    assert max(rates) == pytest.approx(0.01)
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] == pytest.approx(0.002, rel=0.01)
