"""The evaluator of a network: torch, or none at all where the network says nothing."""

from __future__ import annotations

from ringrift.nets.backends import Backend, TorchEvaluator
from ringrift.nets.network import Network, knows_nothing
from ringrift.search.evaluator import Evaluator, UniformEvaluator


def evaluator_of(net: Network, backend: Backend) -> Evaluator:
    """Evaluator of a network on a backend.

    An untrained network gives equal logits and equal chances in every position. Computing them over and over would
    give the same games a hundred times slower, so `UniformEvaluator` answers in its place, bit for bit the same.
    """
    if knows_nothing(net):
        return UniformEvaluator(net.config, backend.batch)
    return TorchEvaluator(net, backend)
