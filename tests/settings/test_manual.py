"""config/unified_loop.yaml is complete and true: it is the only manual."""

from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from ringrift.settings import Settings, manual
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
    """Return {place: what the manual says of it}."""
    return {tuple(entry.key.split(".")): entry for entry in manual.entries(MANUAL.read_text())}


@pytest.mark.parametrize("place", KEYS, ids=".".join)
def test_each_key_is_documented_with_its_unit_default_and_true_range(place):
    """Above each key stand its unit, the default that is in the file, and the range that is checked."""
    entry = documented()[place]
    assert entry.said == entry.default
    for limit in KEYS[place].metadata:
        for name, words in {"ge": "{}", "gt": "above {}", "le": ".. {}", "lt": "below {}"}.items():
            if (bound := getattr(limit, name, None)) is not None:
                assert words.format(bound) in entry.range, (
                    f"{place}: range leaves out {name} {bound}"
                )


def test_the_manual_has_no_key_that_the_models_lack():
    """Every key of the file is a key of a model."""
    assert set(documented()) == set(KEYS)


def test_the_page_is_what_the_file_says():
    """docs/settings.md was made of this very file, and every published value names a source that is listed."""
    text = MANUAL.read_text()
    made = manual.page(text)
    assert (MANUAL.resolve().parents[1] / manual.PAGE).read_text() == made, (
        "python -m ringrift.settings.manual makes it again"
    )
    known = [source.partition(":")[0] for source in manual.sources(text)]
    for entry in documented().values():
        assert f"| `{entry.key}` | " in made
        for value in filter(None, entry.published.split("; ")):
            assert value.startswith(tuple(known)), f"{entry.key}: {value}"


def test_a_page_that_is_not_what_the_file_says_is_told(tmp_path, monkeypatch, capsys):
    """--check ends with 1 where the page is another one or not there; without it the page is written."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "unified_loop.yaml").touch()
    (tmp_path / "docs").mkdir()
    monkeypatch.chdir(tmp_path)
    assert manual.main(["--check"]) == 1
    assert manual.main([]) == 0
    assert manual.main(["--check"]) == 0
    (tmp_path / manual.PAGE).write_text("# Settings\n")
    assert manual.main(["--check"]) == 1
    assert capsys.readouterr().out.endswith("not as unified_loop.yaml says\n")


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
