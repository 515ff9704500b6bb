"""Which backends this machine has, and what the others lack."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Final

import torch

from ringrift.errors import BadInput
from ringrift.nets.backend import KINDS

#: Packages that a backend needs beside torch; its extra has its name.
PACKAGES: Final = {"openvino": ("openvino", "onnx"), "onnx": ("onnxruntime", "onnx")}


def lacking(kind: str) -> str | None:
    """What keeps a backend of this kind from running here, for people; None if nothing does."""
    if kind == "torch-cuda":
        return None if torch.cuda.is_available() else "torch sees no CUDA device here"
    absent = [name for name in PACKAGES.get(kind, ()) if find_spec(name) is None]
    if absent:
        return f"{' and '.join(absent)} not installed: pip install 'ringrift[{kind}]'"
    return None


def version_of(package: str) -> str | None:
    """Version of an installed package; None where there is none."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def require(kind: str) -> None:
    """BadInput where a backend of this kind cannot run here."""
    reason = lacking(kind)
    if reason is not None:
        raise BadInput(f"backend {kind}: {reason}")


def present() -> list[str]:
    """Kinds that can run here."""
    return [kind for kind in KINDS if lacking(kind) is None]
