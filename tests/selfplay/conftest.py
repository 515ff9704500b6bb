"""Small untrained networks, made once."""

import pytest

from ringrift.nets.arch import Arch
from ringrift.nets.checkpoint import init_model, save_model


@pytest.fixture(scope="session")
def model_of(tmp_path_factory):
    """Config -> (path, sha256) of an untrained network."""
    made = {}

    def model(config):
        if config not in made:
            folder = tmp_path_factory.mktemp("models")
            made[config] = save_model(init_model(config, Arch(8, 1, 1, 8, 8, 8), 3), folder)
        return made[config]

    return model
