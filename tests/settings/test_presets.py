"""The presets in config/: each loads, is small, and says why it differs."""

import re

import pytest
import yaml

from ringrift.configs import Config
from ringrift.settings import Settings
from ringrift.settings.difference import differences
from ringrift.settings.settings import DEFAULTS, PACKAGED

PRESETS = {file.stem: file for file in PACKAGED.glob("*.yaml") if file != DEFAULTS}


def leaves(values, place=()):
    """Yield place and value of each key of a file."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from leaves(value, (*place, name))
        else:
            yield ".".join((*place, name)), value


def test_there_is_one_for_each_surrounding():
    """A first look, a laptop, a machine with GPUs and a cluster have their presets."""
    assert set(PRESETS) == {"quickstart", "laptop", "gpu", "cluster"}


@pytest.mark.parametrize("name", PRESETS)
def test_it_loads_and_holds_only_what_differs(name):
    """By its bare name it loads; each key in it changes something, and nothing else changes."""
    made, sources = Settings.read(name, {})
    changed = {one.key for one in differences(Settings.load(DEFAULTS, {}), made, sources)}
    named = {key for key, _ in leaves(yaml.safe_load(PRESETS[name].read_text()))}
    # A first look says its one config, though it is the default too: `make run` is about it.
    assert named - changed <= {"loop.configs"}
    assert changed <= named


@pytest.mark.parametrize("name", PRESETS)
def test_each_key_says_why(name):
    """A reason stands behind each key, above it, or above the group of keys that it is in."""
    said, inside = False, False
    for line in PRESETS[name].read_text().splitlines():
        key = re.match(r" +[a-z0-9_]+:(.*)", line)
        if line.lstrip().startswith("#"):
            said = True
        elif key is not None and key[1]:
            inside = " # " in line
            assert said or inside, f"{name}: no reason for{line}"
            said = said or inside
        else:
            said = said and line.startswith(" ")  # the head of a section in a section


@pytest.mark.parametrize("name", PRESETS)
def test_gates_search_as_play_does(name):
    """In every preset and for each of its configs, evaluation has the search budget of selfplay."""
    made = Settings.load(name, {})
    for config in made.loop.configs:
        of = made.of(Config.parse(config))
        assert of.evaluation.simulations == of.selfplay.simulations
