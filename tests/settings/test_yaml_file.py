"""What files of settings hold is read as people mean it, and what cannot be read is one line with a line number."""

import math

import pytest

from ringrift.errors import BadInput
from ringrift.settings import Settings
from ringrift.settings.variables import unread
from ringrift.settings.yaml_file import read_value

DIGITS = "9" * 5000


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0256", 256),
        ("-08", -8),
        ("1_000", 1000),
        ("0x1F", 31),
        ("0o17", 15),
        ("0b101", 5),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("1.", 1.0),
        ("-.inf", -math.inf),
        ("1:30", "1:30"),
        ("hex8:2", "hex8:2"),
        ("2001-01-01", "2001-01-01"),
        ("=", "="),
        ("off", False),
        ("yes", True),
        ("~", None),
        ("", None),
    ],
)
def test_words_and_numbers(text, value):
    """A leading zero makes no octal number, a colon no sixties, dashes no date; words for yes and no stay."""
    found = read_value(text, "a test")
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"training: {{batch_size: {DIGITS}}}", "expected a whole number, not '9999"),
        (f"training: {{batch_size: 0x{DIGITS}}}", "expected at most 65536, not a number of 20000 bits"),
        ("training: {batch_size: !!int many}", "expected a whole number, not 'many'"),
        ("training: {batch_size: !!bool many}", "expected true or false, not 'many'"),
        ("training: {batch_size: !!timestamp many}", "expected timestamp, not 'many'"),
        ("loop: &a {configs: *a}", "*a stands within itself"),
        ("training: {}\n---\ntraining: {}", "expected a single document in the stream"),
        ("training: {batch_size: \x07}", "is not YAML: unacceptable character #x0007"),
        ("1: 2", "unknown section 1: valid: loop, "),
        ("~: 2", "unknown section None: valid: loop, "),
        ("training: {2: 3}", "section training: unknown key 2: valid: auto_trigger, "),
        ("per_config: {1: {}}", "per_config: key: expected a text, not 1"),
        ("loop: {configs: [hex8:2, 8]}", "section loop: configs: entry 2: expected a text, not 8"),
        (f"loop: {{configs: ['{DIGITS}']}}", "configs: config '999"),
        (f"loop: {{configs: ['{DIGITS}:2']}}", "configs: unknown board '999"),
        (f"loop: {{configs: ['hex8:{DIGITS}']}}", "configs: config 'hex8:999"),
        ("loop: {configs: []}", "section loop: configs: expected 1 or more in the list, not []"),
        ("evaluation: {<<: {simulations: 3}}", "section evaluation: unknown key '<<'"),
        (
            'per_config: {"hex8:2": {}, "hex8:02": {selfplay: {slots: 4}}}',
            "section per_config: hex8:2 appears twice",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_short_line(tmp_path, text, message):
    """Whatever PyYAML or pydantic stumble over is BadInput, in one short line that names the file."""
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(BadInput) as caught:
        Settings.load(file, environ={})
    said = str(caught.value)
    assert said.startswith(f"{file}:")
    assert message in said
    assert "\n" not in said
    assert len(said) < 1000


@pytest.mark.parametrize("named", ["x" * 300, "y" * 300 + ".yaml", "~no-such-user/mine.yaml"])
def test_a_path_that_cannot_be_is_told(named):
    """RINGRIFT_CONFIG_PATH may be anything that somebody typed."""
    with pytest.raises(BadInput, match="^settings: .*: (File name too long|there is no such user)"):
        Settings.load(None, {"RINGRIFT_CONFIG_PATH": named})


def test_a_variable_that_is_nearly_one_is_told_with_the_one_that_was_meant():
    """One underscore instead of two: each way to write it wrong leads to the right name."""
    meant = "did you mean 'RINGRIFT__TRAINING__BATCH_SIZE'?"
    with pytest.raises(BadInput) as caught:
        Settings.load("unified_loop", {"RINGRIFT__TRAINING_BATCH_SIZE": "3"})
    assert str(caught.value).endswith(f"expected RINGRIFT__SECTION__KEY; {meant}")
    for wrong in ("TRAINING__BATCH_SIZE", "TRAINING_BATCH_SIZE"):
        name = f"RINGRIFT_{wrong}"
        assert unread({name: "3"}) == [f"variable {name}: nothing reads it: {meant}"]
