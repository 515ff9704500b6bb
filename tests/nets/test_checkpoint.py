"""Networks as files."""

import hashlib

import pytest
import torch
from safetensors.torch import load_file, save_file

from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.nets.arch import Arch
from ringrift.nets.checkpoint import init_model, load_model, save_model

CONFIG = Config("hex8", 2)
SMALL = Arch(channels=8, blocks=1, policy_width=8, value_width=8, value_hidden=16)


@pytest.fixture
def saved(tmp_path):
    """Path of a small network."""
    return save_model(init_model(CONFIG, SMALL, 1), tmp_path, {"steps": 3})[0]


def test_round_trip(tmp_path):
    """What is read is what was written, under the sha256 of the file's bytes."""
    net = init_model(CONFIG, SMALL, 1)
    path, sha256 = save_model(net, tmp_path, {"steps": 3})
    assert path.name == f"{sha256}.safetensors"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    loaded = load_model(path, CONFIG)
    assert (loaded.sha256, loaded.info.config, loaded.info.arch) == (sha256, CONFIG, SMALL)
    assert loaded.info.training == {"steps": 3}
    state = net.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in loaded.net.state_dict().items())


def test_equal_networks_are_equal_files(tmp_path):
    """The same weights and description have the same hash, and nothing but that file is left."""
    first = save_model(init_model(CONFIG, SMALL, 1), tmp_path)
    again = save_model(init_model(CONFIG, SMALL, 1), tmp_path)
    assert first == again
    assert list(tmp_path.iterdir()) == [first[0]]


def test_broken_file_is_named(saved):
    """A changed byte is one line with the file, the expected and the found hash."""
    content = bytearray(saved.read_bytes())
    content[-5] ^= 1
    saved.write_bytes(content)
    found = hashlib.sha256(content).hexdigest()
    with pytest.raises(BadInput) as caught:
        load_model(saved)
    message = str(caught.value)
    assert saved.name in message
    assert found in message
    assert "\n" not in message


@pytest.mark.parametrize("content", [b"", b"nonsense" * 100])
def test_other_files_are_refused(tmp_path, content):
    """What is no safetensors file is said to be none."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="not a safetensors file"):
        load_model(path)


def test_missing_file(tmp_path):
    """A file that is not there is named."""
    with pytest.raises(BadInput, match="none.safetensors"):
        load_model(tmp_path / "none.safetensors")


def test_wrong_config(saved):
    """A network for another game is refused, naming both."""
    with pytest.raises(BadInput, match=r"hex8:2.*square8:3"):
        load_model(saved, Config("square8", 3))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"format":1', '"format":9', "format version 9"),
        ('"features":1', '"features":8', "features version 8"),
        ('"channels"', '"chanels"', "unknown size 'chanels'"),
        ('"hex8:2"', '"hex9:2"', "unknown board 'hex9'"),
        ('"config"', '"konfig"', "unreadable description"),
        ('"config":"hex8:2"', '"config":5', "unreadable description"),
        ('"training":{"steps":3}', '"training":[3]', "unreadable description"),
        ('"channels":8', '"channels":9', "expected"),
    ],
)
def test_unknown_descriptions(saved, tmp_path, old, new, expected):
    """A file of another version, config or size is refused in one line."""
    from safetensors import safe_open

    with safe_open(str(saved), framework="pt") as file:
        text = file.metadata()["ringrift"]
    assert old in text
    other = tmp_path / "other.safetensors"
    save_file(load_file(str(saved)), str(other), {"ringrift": text.replace(old, new)})
    with pytest.raises(BadInput, match=expected):
        load_model(other)


def test_strange_tensors(tmp_path):
    """Tensors without our description are not taken for a network."""
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(3)}, str(path))
    with pytest.raises(BadInput, match="not a network of ours"):
        load_model(path)


@pytest.mark.parametrize("number", ["nan", "inf"])
def test_weights_that_are_no_numbers(tmp_path, number):
    """A network with NaN or infinity in it is refused when it is read: no search over it would come to an end."""
    net = init_model(CONFIG, SMALL, 1)
    net.value_hidden.weight.data[3, 2] = float(number)
    path, _ = save_model(net, tmp_path)
    with pytest.raises(BadInput, match="tensor value_hidden.weight holds NaN or infinity"):
        load_model(path, CONFIG)
