"""The record of a backend."""

import pytest

from ringrift.errors import BadInput
from ringrift.nets.backend import BOUNDS, DTYPES, KINDS, Backend


def test_backend_round_trip():
    """A backend written into a shard's header is read back as it was; strange ones are refused."""
    backend = Backend("torch-cpu", "bfloat16", 48, 1)
    assert Backend.from_dict(backend.to_dict()) == backend
    with pytest.raises(BadInput, match="'bfloat': did you mean 'bfloat16'"):
        Backend(dtype="bfloat")
    with pytest.raises(BadInput, match="'openvin': did you mean 'openvino'"):
        Backend("openvin")
    with pytest.raises(
        BadInput, match="backend onnx computes no 'bfloat16': did you mean 'float32'"
    ):
        Backend("onnx", "bfloat16")
    with pytest.raises(BadInput, match="threads"):
        Backend.from_dict({"thread": 1})


def test_every_number_format_has_bounds():
    """Whatever a backend may compute in, it is said how far that may be from float32."""
    assert set(DTYPES) == set(KINDS)
    assert {dtype for dtypes in DTYPES.values() for dtype in dtypes} == set(BOUNDS)
