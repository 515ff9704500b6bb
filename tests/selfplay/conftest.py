"""Small networks with random outputs, made once."""

import pytest

from ringrift.nets.arch import Arch
from ringrift.nets.checkpoint import save_model
from tests.nets.models import speaking_model


@pytest.fixture(scope="session")
def model_of(tmp_path_factory):
    """Config -> (path, sha256) of a network that says something."""
    made = {}

    def model(config):
        if config not in made:
            folder = tmp_path_factory.mktemp("models")
            made[config] = save_model(speaking_model(config, Arch(8, 1, 1, 8, 8, 8), 3), folder)
        return made[config]

    return model
