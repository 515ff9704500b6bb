"""One number that makes win probabilities honest: the temperature of the value's logits.

A network trained on won and lost games tends to be too sure of itself. Dividing its logits by a temperature keeps
its ranking of positions and fits its confidence to held-out games (Guo et al. 2017, section 4.2).
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from ringrift.nets.network import Network

#: Fewer held-out rows say too little: rows of one game share an outcome.
MIN_ROWS: Final = 200
#: Outside of this the fault lies elsewhere.
RANGE: Final = (0.5, 2.0)


def cross_entropy(logits: Tensor, target: Tensor, temperature: float) -> float:
    """Mean cross entropy of float64[n, P] shares under logits float64[n, P] / temperature."""
    return float(-(target * functional.log_softmax(logits / temperature, 1)).sum(1).mean())


def fit_temperature(logits: Tensor, target: Tensor) -> float:
    """The temperature in RANGE with the least cross entropy; 1 with fewer than MIN_ROWS rows.

    logits, target: [n, P]. The cross entropy has one minimum in log temperature: golden section finds it.
    """
    if len(logits) < MIN_ROWS:
        return 1.0
    logits, target = logits.double(), target.double()
    low, high = math.log(RANGE[0]), math.log(RANGE[1])
    ratio = (math.sqrt(5.0) - 1.0) / 2.0
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left = cross_entropy(logits, target, math.exp(left))
    at_right = cross_entropy(logits, target, math.exp(right))
    for _ in range(30):
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = cross_entropy(logits, target, math.exp(left))
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = cross_entropy(logits, target, math.exp(right))
    return math.exp((low + high) / 2.0)


@torch.no_grad()
def apply_temperature(net: Network, temperature: float) -> None:
    """Divide the network's value logits by a temperature, once and for all, in its last layer."""
    net.value_out.weight.div_(temperature)
    net.value_out.bias.div_(temperature)
