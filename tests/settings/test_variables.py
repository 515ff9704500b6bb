"""The rule of RINGRIFT__SECTION__KEY, for every type that a setting has."""

import typing

import pytest

from ringrift.configs import Config
from ringrift.errors import BadInput
from ringrift.settings import Settings
from tests.settings.test_manual import KEYS

#: (variable, its text, place of the setting, its value)
EXAMPLES = [
    ("TRAINING__BATCH_SIZE", "512", "training.batch_size", 512),
    ("TRAINING__LEARNING_RATE", "1e-3", "training.learning_rate", 0.001),
    ("CLUSTER__TICK_INTERVAL_SECONDS", "7", "cluster.tick_interval_seconds", 7.0),
    ("TRAINING__AUTO_TRIGGER", "false", "training.auto_trigger", False),
    ("SELFPLAY__BACKEND", "torch", "selfplay.backend", "torch"),
    ("LOOP__CONFIGS", "[hex8:2, square8:3]", "loop.configs", ("hex8:2", "square8:3")),
    ("NETWORK__HEX8__BLOCKS", "4", "network.hex8.blocks", 4),
    ("NETWORK__HEX8", "{channels: 32}", "network.hex8.channels", 32),
]


@pytest.mark.parametrize(("name", "text", "place", "value"), EXAMPLES)
def test_each_type_can_be_set(name, text, place, value):
    """A variable sets its key, of whatever type, and no other one of its section."""
    before = Settings.load("unified_loop", {})
    at = Settings.load("unified_loop", {f"RINGRIFT__{name}": text})
    *sections, key = place.split(".")
    for section in sections:
        at, before = getattr(at, section), getattr(before, section)
    assert getattr(at, key) == value
    assert type(getattr(at, key)) is type(value)
    assert at.model_dump(exclude={key}) == before.model_dump(exclude={key})


def test_the_examples_have_every_type():
    """No type of setting is left out above."""

    def kind(field):
        found = field.annotation
        return typing.get_origin(found) or found

    by_place = {".".join(place): field for place, field in KEYS.items()}
    shown = {kind(by_place[place]) for _, _, place, _ in EXAMPLES}
    # per_config, the only mapping, is below; a word is one of some or free.
    assert {kind(field) for field in by_place.values()} - {dict, str} == shown - {str}


def test_settings_of_one_config():
    """per_config is set as a whole, and checked as a file's is."""
    value = '{"hex8:3": {selfplay: {slots: 5}}}'
    made = Settings.load("unified_loop", {"RINGRIFT__PER_CONFIG": value})
    assert made.of(Config("hex8", 3)).selfplay.slots == 5
    assert made.of(Config("hex8", 2)).selfplay.slots == made.selfplay.slots
    with pytest.raises(BadInput, match="variable RINGRIFT__PER_CONFIG: per_config hex8:3"):
        Settings.load("unified_loop", {"RINGRIFT__PER_CONFIG": value.replace("5", "-5")})


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("TRAINING__BATCH_SIZE", "many", "batch_size: expected a whole number, not 'many'"),
        ("TRAINING__BATCH_SIZE", "", "batch_size: expected a whole number, not None"),
        ("TRAINING__AUTO_TRIGGER", "1", "auto_trigger: expected true or false, not 1"),
        ("SELFPLAY__BACKEND", "touch", "backend: expected 'auto', 'torch', "),
        ("SELFPLAY__BACKEND", "openvin", "not 'openvin'; did you mean 'openvino'?"),
        ("LOOP__CONFIGS", "hex8:2", "configs: expected a list, not 'hex8:2'"),
        ("CLUSTER__FLOWER_PORT", "70000", "flower_port: expected at most 65535, not 70000"),
        ("NETWORK__HEX8__BLOKS", "4", "section network.hex8: unknown key 'bloks'"),
    ],
)
def test_a_wrong_one_says_what_was_expected(name, text, said):
    """Type, range and name of a variable are checked as those of a file, and it is named itself."""
    with pytest.raises(BadInput) as caught:
        Settings.load("unified_loop", {f"RINGRIFT__{name}": text})
    assert str(caught.value).startswith(f"variable RINGRIFT__{name}: ")
    assert said in str(caught.value)


def test_no_setting_is_a_secret():
    """The settings may be shown to anybody: no key's name is that of a secret."""
    for place in KEYS:
        assert not {"password", "secret", "token", "url", "key"} & set(place[-1].split("_")), place
