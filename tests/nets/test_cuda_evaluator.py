"""The GPU path: what of it can be tested on a processor, and the rest where there is a device."""

import numpy as np
import pytest
import torch

from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.nets.backend import BOUNDS, Backend
from ringrift.nets.buffer_network import BufferNetwork
from ringrift.nets.choice import candidates, default_backend
from ringrift.nets.cuda_evaluator import CudaEvaluator
from ringrift.nets.readout import Readout, output_shapes
from ringrift.rules.legal import legal_of
from tests.nets.agreement import by_hand, distance, within
from tests.nets.models import lively_model
from tests.nets.positions import random_positions, whole, whole_space

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
HEX = Config("hex8", 2)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_device():
    """It is imported and named without a device, is not among what is tried, and fails with one clear line."""
    backend = Backend("torch-cuda", "float16", 256)
    assert "torch-cuda" not in {candidate.kind for candidate in candidates()}
    assert default_backend().kind == "torch-cpu"
    with pytest.raises(BadInput, match="^backend torch-cuda: torch sees no CUDA device here$"):
        CudaEvaluator(lively_model(HEX), backend)


@pytest.mark.parametrize("name", ["hex8:2", "square8:3"])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_what_the_device_is_given(name, dtype):
    """The network that goes to the device, half precision included, reads and writes the buffers as they lie there."""
    config = Config.parse(name)
    net, states = lively_model(config), random_positions(config, 2, 3, 32)
    readout = Readout.allocate(config, 32)
    readout.write(states, whole_space(config, len(states)))
    whole = BufferNetwork(net, getattr(torch, dtype))
    with torch.inference_mode():
        said = whole(torch.from_numpy(readout.planes), torch.from_numpy(readout.scalars))
    assert all(part.dtype == torch.float32 for part in said)
    logits, values = readout.read(*(part.numpy() for part in said))
    found = (logits.reshape(len(states), -1), values)
    assert within(distance(by_hand(net, states), found, states, config), BOUNDS[dtype])


@pytest.mark.parametrize("name", ["hex8:2", "square8:3"])
def test_what_the_device_sends_back(name):
    """Only logits of legal actions leave the device: taken there by their places, they are those that are read here."""
    config = Config.parse(name)
    states = random_positions(config, 2, 3, 20)
    readout, legal = Readout.allocate(config, 32), legal_of(config, states)
    readout.write(states, legal)
    random = torch.Generator().manual_seed(1)
    policy, tail, value = (
        torch.randn(shape, generator=random) for shape in output_shapes(config, 32)
    )
    places = torch.zeros(len(legal.actions), dtype=torch.int64)
    readout.places(places.numpy())
    sent = torch.cat((policy.flatten(), tail.flatten())).index_select(0, places)
    logits, _ = readout.read(policy.numpy(), tail.numpy(), value.numpy())
    assert (sent.numpy() == logits).all()


@needs_gpu
def test_two_batches_under_way():
    """Two evaluators hold a batch each at the same time, again and again, and each answers for its own."""
    net, states = lively_model(HEX), random_positions(HEX, 6, 3, 256)
    backend = Backend("torch-cuda", "float16", 32)
    pair = [CudaEvaluator(net, backend) for _ in range(2)]
    expected = by_hand(net, states)
    for at in range(0, len(states) - 64 + 1, 64):
        parts = [slice(at, at + 32), slice(at + 32, at + 64)]
        for evaluator, part in zip(pair, parts, strict=True):
            evaluator.submit(states[part], whole_space(HEX, 32))
        for evaluator, part in zip(pair, parts, strict=True):
            exact = (expected[0][part], expected[1][part])
            logits, values = evaluator.wait()
            found = (logits.reshape(32, -1), values)
            assert within(distance(exact, found, states[part], HEX), BOUNDS["float16"])


@needs_gpu
def test_a_graph_says_what_its_kernels_say(monkeypatch):
    """Replayed as a graph or launched one by one, where a capture fails: the same bits."""
    net, states = lively_model(HEX), random_positions(HEX, 2, 3, 32)
    backend = Backend("torch-cuda", "float16", 32)
    graph = whole(CudaEvaluator(net, backend), states)

    def refuse(*args, **kwargs):
        raise RuntimeError("no capture")

    monkeypatch.setattr(torch.cuda, "graph", refuse)
    single = whole(CudaEvaluator(net, backend), states)
    assert all(np.array_equal(a, b) for a, b in zip(graph, single, strict=True))
