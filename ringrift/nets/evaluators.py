"""Which evaluator serves a backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ringrift.nets.backend import Backend
from ringrift.nets.cuda_evaluator import CudaEvaluator
from ringrift.nets.evaluator import NetworkEvaluator
from ringrift.nets.network import Network
from ringrift.nets.onnx_evaluator import OnnxEvaluator
from ringrift.nets.openvino_evaluator import OpenvinoEvaluator
from ringrift.nets.torch_evaluator import TorchEvaluator

EVALUATORS: Final[dict[str, Callable[[Network, Backend], NetworkEvaluator]]] = {
    "torch-cpu": TorchEvaluator,
    "torch-cuda": CudaEvaluator,
    "openvino": OpenvinoEvaluator,
    "onnx": OnnxEvaluator,
}


def make_evaluator(net: Network, backend: Backend) -> NetworkEvaluator:
    """Make a network ready on a backend; BadInput where this machine lacks what it needs."""
    return EVALUATORS[backend.kind](net, backend)
