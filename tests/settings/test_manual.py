"""config/unified_loop.yaml is complete and true: it is the only manual."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from ringrift.settings import Settings
from ringrift.settings.settings import PACKAGED

MANUAL = PACKAGED / "unified_loop.yaml"


def leaves(model, place=()):
    """Yield (place, field) of every key."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from leaves(field.annotation, (*place, name))
        else:
            yield (*place, name), field


KEYS = dict(leaves(Settings))


def documented():
    """Return {place: (value as written, text of the unit line above it)}."""
    found, place, unit = {}, [], ""
    for line in MANUAL.read_text().splitlines():
        if (match := re.match(r"^( *)([a-z0-9_]+):(?: (.*))?$", line)) is not None:
            indent, key, value = match.groups()
            place = [*place[: len(indent) // 2], key]
            if value is not None:
                found[tuple(place)] = (value, unit)
            unit = ""
        elif "unit:" in line:
            unit = line
    return found


@pytest.mark.parametrize("place", KEYS, ids=".".join)
def test_each_key_is_documented_with_its_unit_default_and_true_range(place):
    """Above each key stand its unit, the default that is in the file, and the range that is checked."""
    value, unit = documented()[place]
    match = re.fullmatch(r" *#   unit: (.+) · default: (.+) · range: (.+)", unit)
    assert match, f"{place}: no line with unit, default and range"
    assert match[2] == value
    for limit in KEYS[place].metadata:
        for name, words in {"ge": "{}", "gt": "above {}", "le": ".. {}", "lt": "below {}"}.items():
            if (bound := getattr(limit, name, None)) is not None:
                assert words.format(bound) in match[3], f"{place}: range leaves out {name} {bound}"


def test_the_manual_has_no_key_that_the_models_lack():
    """Every key of the file is a key of a model."""
    assert set(documented()) == set(KEYS)


def test_presets_hold_only_what_differs():
    """A preset names no key that has the default's value, and loads."""
    defaults = Settings.load(MANUAL, environ={})
    for preset in PACKAGED.glob("*.yaml"):
        if preset == MANUAL:
            continue
        Settings.load(preset, environ={})
        for section, keys in yaml.safe_load(preset.read_text()).items():
            base = getattr(defaults, section).model_dump()
            assert all(base[key] != value for key, value in keys.items() if section != "loop"), (
                preset
            )


def test_the_packaged_folder_is_the_config_folder():
    """There is one set of files: the packaged folder of a checkout is config/ itself."""
    assert PACKAGED.resolve() == Path(__file__).parents[2] / "config"


def test_a_key_that_nothing_reads_says_so():
    """A key either is read outside the settings, or its text admits that nothing uses it yet."""
    root = Path(__file__).parents[2]
    files = [
        *root.glob("*.py"),
        *(root / "workers").rglob("*.py"),
        *(root / "ringrift").rglob("*.py"),
    ]
    code = "\n".join(f.read_text() for f in files if f.parent.name != "settings")
    text = MANUAL.read_text()
    for place in KEYS:
        above = re.search(rf"((?: *#.*\n)+) *{place[-1]}: ", text)
        used = re.search(rf"\b{place[-1]}\b", code) is not None
        assert used != ("nothing uses it yet" in above[1]), f"{place}: used is {used}"
