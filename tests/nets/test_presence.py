"""What is missing is named."""

import subprocess
import sys

import pytest
import torch

from ringrift.errors import BadInput
from ringrift.nets.backend import KINDS
from ringrift.nets.presence import PACKAGES, lacking, present, require

#: Asks for all kinds where a package cannot be imported; what is None in sys.modules is not found by Python.
WITHOUT = """
import sys
sys.modules[sys.argv[1]] = None
from ringrift.nets.backend import Backend, KINDS
from ringrift.nets.evaluators import make_evaluator
from ringrift.nets.choice import choose_backend
from ringrift.errors import BadInput
from tests.nets.models import lively_model
from tests.nets.positions import random_positions, whole
from ringrift.configs import Config
config = Config("hex8", 2)
net, states = lively_model(config), random_positions(config, 1, 1, 8)
for kind in ("openvino", "onnx"):
    try:
        whole(make_evaluator(net, Backend(kind, "float32", 8)), states)
        print(kind, "works")
    except BadInput as error:
        print(error)
choice = choose_backend(net, states, (8,), seconds=0.01)
print(choice.backend.kind, dict(choice.missing))
"""


@pytest.mark.parametrize(
    ("package", "kinds"),
    [("openvino", ["openvino"]), ("onnxruntime", ["onnx"]), ("onnx", ["openvino", "onnx"])],
)
def test_without_a_package(package, kinds):
    """Everything works without an extra; who asks for it is told in a line what to install."""
    made = subprocess.run(
        [sys.executable, "-c", WITHOUT, package], capture_output=True, text=True, check=True
    )
    lines = made.stdout.splitlines()
    for kind, line in zip(("openvino", "onnx"), lines, strict=False):
        if kind in kinds:
            assert line.startswith(f"backend {kind}: ")
            assert f"{package}" in line
            assert line.endswith(f"not installed: pip install 'ringrift[{kind}]'")
    for kind in kinds:
        assert f"'{kind}': " in lines[2]


def test_torch_is_always_there():
    """The default needs nothing but what every install has."""
    assert lacking("torch-cpu") is None
    assert "torch-cpu" in present()
    assert set(present()) <= set(KINDS)
    assert set(PACKAGES) < set(KINDS)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu():
    """Without a device the GPU is refused in one clear line."""
    with pytest.raises(BadInput, match="^backend torch-cuda: torch sees no CUDA device here$"):
        require("torch-cuda")
