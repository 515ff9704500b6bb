"""The network as an ONNX file, which other programs than torch read."""

from __future__ import annotations

import io
import warnings
from typing import Final

import torch

from ringrift.nets.buffer_network import BufferNetwork
from ringrift.nets.network import Network
from ringrift.nets.readout import input_shapes

#: Names in the file, in the order of `BufferNetwork.forward`.
INPUTS: Final = ("planes", "scalars")
OUTPUTS: Final = ("policy", "tail", "value")

#: Version of the operators. All that the network needs is older; a low one is read by every program of today.
OPSET: Final = 17


def onnx_bytes(net: Network, rows: int) -> bytes:
    """An ONNX file of what `net` says in evaluation mode, float32, for batches of exactly so many rows."""
    whole = BufferNetwork(net)
    inputs = tuple(torch.zeros(shape) for shape in input_shapes(net.config, rows))
    file = io.BytesIO()
    with torch.inference_mode(), warnings.catch_warnings():
        # The exporter of TorchScript is deprecated. The one that follows it needs onnxscript, and takes 20 times as long.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            whole,
            inputs,
            file,
            input_names=INPUTS,
            output_names=OUTPUTS,
            opset_version=OPSET,
            dynamo=False,
        )
    return file.getvalue()
