"""Where settings come from, and what a wrong one is answered with."""

from pathlib import Path

import pytest

from ringrift.errors import BadInput
from ringrift.settings import Settings


def write(folder: Path, text: str) -> Path:
    """Write a settings file."""
    file = folder / "mine.yaml"
    file.write_text(text)
    return file


def test_a_file_changes_only_the_keys_it_names(tmp_path):
    """What a file leaves out keeps its default."""
    defaults = Settings.load("unified_loop", environ={})
    mine = Settings.load(write(tmp_path, "training: {batch_size: 99}\n"), environ={})
    assert mine.training.batch_size == 99
    assert mine.training.learning_rate == defaults.training.learning_rate
    assert mine.selfplay == defaults.selfplay


def test_the_search_order(tmp_path, monkeypatch):
    """--settings beats RINGRIFT_CONFIG_PATH beats the project folder; variables beat files."""
    project = tmp_path / "project"
    (project / "config").mkdir(parents=True)
    (project / "inner").mkdir()
    (project / "config" / "unified_loop.yaml").write_text("training: {batch_size: 11}\n")
    named = write(tmp_path, "training: {batch_size: 22}\n")
    given = project / "given.yaml"
    given.write_text("training: {batch_size: 33}\n")
    monkeypatch.chdir(project / "inner")

    def size(path=None, **environ):
        return Settings.load(path, environ=environ).training.batch_size

    assert size() == 11
    assert size(RINGRIFT_CONFIG_PATH=str(named)) == 22
    assert size(given, RINGRIFT_CONFIG_PATH=str(named)) == 33
    assert size(given, RINGRIFT__TRAINING__BATCH_SIZE="44") == 44
    monkeypatch.chdir(tmp_path)
    assert size() == Settings.load("unified_loop", environ={}).training.batch_size


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "training: {bach_size: 3}",
            "section training: unknown key 'bach_size': did you mean 'batch_size'?",
        ),
        ("traning: {batch_size: 3}", "unknown section 'traning': did you mean 'training'?"),
        (
            "training: {batch_size: many}",
            "section training: batch_size: expected a whole number, not 'many'",
        ),
        ("training: {batch_size: 1}", "section training: batch_size: expected at least 2, not 1"),
        (
            "training: {auto_trigger: 1}",
            "section training: auto_trigger: expected true or false, not 1",
        ),
        ("training: 5", "training: expected a section of keys, not 5"),
        (
            "network: {hex8: {blocs: 5}}",
            "section network.hex8: unknown key 'blocs': did you mean 'blocks'?",
        ),
        (
            "loop: {configs: [hex9:2]}",
            "section loop: configs: unknown board 'hex9': did you mean 'hex8'?",
        ),
        (
            "loop: {configs: [hex8:5]}",
            "section loop: configs: 5 players on hex8: expected 2, 3 or 4",
        ),
        (
            "selfplay: {fast_simulations: 4000}",
            "section selfplay: fast_simulations: expected at most simulations (64), not 4000",
        ),
        ("- 1", "expected sections with keys, not list"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(tmp_path, text, message):
    """The message holds file and line, the section, the key, what was expected and the nearest key."""
    file = write(tmp_path, text)
    with pytest.raises(BadInput) as caught:
        Settings.load(file, environ={})
    where = file if text == "- 1" else f"{file}:1"
    assert str(caught.value) == f"{where}: {message}"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("loop:\n  # why\n  configs: [hex8:2]\n  wieghts: {}\n", 4, "unknown key 'wieghts'"),
        ("training:\n\n  batch_size: many\n", 3, "expected a whole number"),
        ("loop:\n  configs:\n    - hex8:2\n    - hex9:2\n", 2, "unknown board 'hex9'"),
        ("\nnetwork:\n  hex8:\n    channels: 64\n    blocs: 1\n", 5, "unknown key 'blocs'"),
        ("loop: {}\ntraning:\n  batch_size: 3\n", 2, "unknown section 'traning'"),
        ("loop: {}\ntraining: 5\n", 2, "expected a section of keys"),
        ("selfplay:\n  slots: 8\n  fast_simulations: 4000\n", 1, "at most simulations"),
        (
            "per_config:\n  hex8:3:\n    selfplay:\n      slots: 5\n      slosts: 6\n",
            5,
            "per_config hex8:3: section selfplay: unknown key 'slosts'",
        ),
        ("loop: {}\nper_config:\n  hex8:3: {selfplya: {}}\n", 2, "unknown section 'selfplya'"),
        ("loop:\n  weights:\n    hex9:2: 1.0\n", 2, "unknown board 'hex9'"),
        ("loop: &all {max_iterations: 1}\n\nevaluation: *all\n", 3, "unknown key 'max_iterations'"),
    ],
)
def test_a_wrong_setting_is_named_with_its_line(tmp_path, text, line, message):
    """The line of the key, else of the section whose keys do not agree, or of the alias that repeats it."""
    file = write(tmp_path, text)
    with pytest.raises(BadInput) as caught:
        Settings.load(file, environ={})
    assert str(caught.value).startswith(f"{file}:{line}: ")
    assert message in str(caught.value)


def test_the_line_is_that_of_the_file_that_said_it_last(tmp_path):
    """Not of the manual, which has every key, nor of the file where a variable says it."""
    file = write(tmp_path, "loop: {}\n\ntraining: {batch_size: 8}\n")
    name = "RINGRIFT__TRAINING__BATCH_SIZE"
    with pytest.raises(BadInput) as caught:
        Settings.load(file, environ={name: "many"})
    assert str(caught.value).startswith(f"variable {name}: section training: ")


def test_broken_yaml_is_named_with_its_line(tmp_path):
    """A syntax error and a key that appears twice name file and line."""
    for text in ("training:\n  batch_size: [1\n", "training:\n  batch_size: 3\n  batch_size: 4\n"):
        file = write(tmp_path, text)
        with pytest.raises(BadInput, match=rf"{file}:3: "):
            Settings.load(file, environ={})


def test_a_wrong_variable_is_named():
    """A bad RINGRIFT__ variable is named itself, not the file below it."""
    name = "RINGRIFT__TRAINING__BACH_SIZE"
    with pytest.raises(BadInput, match=f"variable {name}: section training: unknown key"):
        Settings.load("unified_loop", environ={name: "3"})
    with pytest.raises(BadInput, match="expected RINGRIFT__SECTION__KEY"):
        Settings.load("unified_loop", environ={"RINGRIFT__X": "3"})


def test_a_missing_file_or_preset_is_named():
    """An unknown preset is answered with the nearest one, a missing file with its path."""
    with pytest.raises(BadInput, match="did you mean 'quickstart'"):
        Settings.load("quikstart", environ={})
    with pytest.raises(BadInput, match="nowhere/mine.yaml: no such file"):
        Settings.load("nowhere/mine.yaml", environ={})


def test_numbers_may_be_written_with_an_exponent():
    """1e-3 is a number, as in YAML 1.2."""
    settings = Settings.load("unified_loop", environ={"RINGRIFT__TRAINING__LEARNING_RATE": "1e-3"})
    assert settings.training.learning_rate == 0.001


def test_a_changed_section_is_checked_again():
    """``replace`` refuses what a file may not say."""
    training = Settings.load("unified_loop", environ={}).training
    assert training.replace(batch_size=8).batch_size == 8
    with pytest.raises(BadInput, match="batch_size: expected at least 2"):
        training.replace(batch_size=0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("? [a, b]\n: 1\n", ":1: a key cannot be ['a', 'b']"),
        ("loop: " + "[" * 5000, "nested too deeply"),
        ("loop: {" + "x" * 900 + ": 1}", "section loop: unknown key 'xxx"),
        ("training: {seed: '" + "y" * 100_000 + "'}", ": "),
    ],
)
def test_odd_files_are_one_short_line(tmp_path, text, message):
    """Keys that are no words, deep nesting and long texts are told in one short line."""
    path = tmp_path / "odd.yaml"
    path.write_text(text)
    with pytest.raises(BadInput) as caught:
        Settings.load(path, {})
    assert message in str(caught.value)
    assert len(str(caught.value)) < 5000
    assert "\n" not in str(caught.value)


def test_odd_variables_are_one_printable_line():
    """A variable whose name holds control characters or no letters at all is told printably."""
    with pytest.raises(BadInput) as caught:
        Settings.load(None, {"RINGRIFT__TRAINING__\udc98\n": "1"})
    assert str(caught.value).isprintable()
