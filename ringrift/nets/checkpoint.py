"""Networks as files: safetensors with their description, named by the sha256 of their bytes.

A file holds the weights as float32 and, in the safetensors header, one JSON text under ``ringrift``:

=========== ==========================================================================
key         meaning
=========== ==========================================================================
format      FORMAT of this module
features    version of the input planes the network was trained on
config      such as ``hex8:2``
arch        sizes of the network, see `Arch`
training    what is known of its origin: start, steps, dataset, losses; may be empty
=========== ==========================================================================

No pickle is read or written: a model from elsewhere can be wrong, but it cannot run code.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.nets.arch import Arch
from ringrift.nets.features import FEATURES_VERSION
from ringrift.nets.files import SUFFIX, write_aside
from ringrift.nets.network import Network, init_weights

#: Grows when the meaning of a stored network changes.
FORMAT: Final = 1
_KEY: Final = "ringrift"


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Description of a stored network."""

    #: What it plays.
    config: Config
    #: Its sizes.
    arch: Arch
    #: What is known of its origin; JSON values only.
    training: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the text that stands in the file's header."""
        about = {
            "format": FORMAT,
            "features": FEATURES_VERSION,
            "config": str(self.config),
            "arch": self.arch.to_dict(),
            "training": self.training,
        }
        return json.dumps(about, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A network read from a file."""

    #: In evaluation mode, float32, on the CPU.
    net: Network
    info: ModelInfo
    #: Of the file's bytes: the model's identity.
    sha256: str


def init_model(config: Config, arch: Arch, seed: int) -> Network:
    """Make an untrained network; the same seed gives the same weights on every machine."""
    net = Network(config, arch)
    init_weights(net, seed)
    return net.eval()


def save_model(
    net: Network, folder: Path, training: dict[str, Any] | None = None
) -> tuple[Path, str]:
    """Write a network into `folder`; return its path and sha256.

    The same weights and description give the same file.
    """
    info = ModelInfo(net.config, net.arch, training or {})
    tensors = {
        name: value.detach().to("cpu", torch.float32).contiguous()
        for name, value in sorted(net.state_dict().items())
        if value.is_floating_point()
    }
    content = save(tensors, metadata={_KEY: info.to_json()})
    sha256 = hashlib.sha256(content).hexdigest()
    path = folder / (sha256 + SUFFIX)
    if not path.exists() or path.stat().st_size != len(content):
        write_aside(path, content)
    return path, sha256


def file_sha256(path: Path) -> str:
    """Hash of a file's bytes; BadInput when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"model file {path}: {error.strerror or error}") from error


def _parse_info(path: Path, text: str | None) -> ModelInfo:
    if text is None:
        raise BadInput(
            f"model file {path}: no {_KEY!r} entry in its header, so not a network of ours"
        )
    try:
        about = json.loads(text)
        version, seen = about["format"], about["features"]
        config, sizes, training = about["config"], about["arch"], about["training"]
    except (ValueError, TypeError, KeyError) as error:
        raise BadInput(
            f"model file {path}: unreadable description in its header ({error})"
        ) from error
    if version != FORMAT:
        raise BadInput(
            f"model file {path}: format version {version!r}, this program reads {FORMAT}"
        )
    if seen != FEATURES_VERSION:
        raise BadInput(
            f"model file {path}: trained on features version {seen!r}, "
            f"this program makes {FEATURES_VERSION}"
        )
    if not (isinstance(config, str) and isinstance(sizes, dict) and isinstance(training, dict)):
        raise BadInput(
            f"model file {path}: unreadable description in its header (config, arch or training "
            "is of another kind)"
        )
    return ModelInfo(Config.parse(config), Arch.from_dict(sizes), training)


def load_model(path: Path, config: Config | None = None, *, verify: bool = True) -> LoadedModel:
    """Read a network.

    The name of the file is its expected hash; with `verify` (the default) a file so named whose bytes have
    another hash is refused, as is a file for another config than `config`, where one is given. A file with
    any other name is taken for what it is. Raises BadInput, one line naming file, expected and found.
    """
    sha256 = file_sha256(path)
    expected = path.name.removesuffix(SUFFIX)
    named = len(expected) == 64 and all(ch in "0123456789abcdef" for ch in expected)
    if verify and named and expected != sha256:
        raise BadInput(f"broken model file {path}: expected sha256 {expected}, found {sha256}")
    try:
        with safe_open(str(path), framework="pt") as file:
            info = _parse_info(path, (file.metadata() or {}).get(_KEY))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise BadInput(f"model file {path}: not a safetensors file ({error})") from error
    if config is not None and info.config != config:
        raise BadInput(f"model file {path}: a network for {info.config}, expected one for {config}")
    net = Network(info.config, info.arch)
    own = net.state_dict()
    for name, value in own.items():
        if not value.is_floating_point():
            continue
        if name not in tensors or tensors[name].shape != value.shape:
            found = tuple(tensors[name].shape) if name in tensors else "nothing"
            raise BadInput(
                f"model file {path}: tensor {name} is {found}, expected {tuple(value.shape)}"
            )
        if not torch.isfinite(tensors[name]).all():
            raise BadInput(f"model file {path}: tensor {name} holds NaN or infinity")
    net.load_state_dict(tensors, strict=False)
    return LoadedModel(net.eval(), info, sha256)
