"""Which evaluator serves a backend."""

from __future__ import annotations

from ringrift.nets.backend import Backend
from ringrift.nets.cuda_evaluator import CudaEvaluator
from ringrift.nets.evaluator import NetworkEvaluator
from ringrift.nets.network import Network
from ringrift.nets.torch_evaluator import TorchEvaluator


def make_evaluator(net: Network, backend: Backend) -> NetworkEvaluator:
    """Make a network ready on a backend; BadInput where this machine lacks what it needs."""
    if backend.kind == "torch-cuda":
        return CudaEvaluator(net, backend)
    return TorchEvaluator(net, backend)
