"""`ringrift config` as a person types it."""

import json

import pytest
import yaml

from ringrift.cli.main import run
from ringrift.settings import Settings


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Two files of settings, away from any project."""
    monkeypatch.delenv("RINGRIFT__SELFPLAY__BACKEND")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text("training: {batch_size: 99}\nselfplay: {slots: 7}\n")
    (tmp_path / "b.yaml").write_text("training: {batch_size: 99}\nloop: {configs: [square8:2]}\n")
    return ["a.yaml", "b.yaml"]


def differing(capsys, *arguments):
    """Return exit code, and {key: (first, second)}, of `config diff --json`."""
    code = run(["config", "diff", "--json", *arguments])
    found = json.loads(capsys.readouterr().out)
    return code, {one["key"]: (one["first"], one["second"]) for one in found}


def test_what_a_file_changes(files, capsys):
    """One file is held against the defaults."""
    defaults = Settings.load("unified_loop", {})
    size, slots = defaults.training.batch_size, defaults.selfplay.slots
    assert differing(capsys, "a.yaml") == (
        1,
        {"training.batch_size": (size, 99), "selfplay.slots": (slots, 7)},
    )


def test_two_files(files, capsys):
    """Of two files only keys that differ are told, also those that only the first one changes."""
    code, found = differing(capsys, *files)
    assert code == 1
    assert found["loop.configs"] == (["hex8:2"], ["square8:2"])
    assert found["selfplay.slots"][0] == 7
    assert set(found) == {"loop.configs", "selfplay.slots"}


def test_the_same_is_0_and_says_nothing(files, capsys):
    """Equal settings print nothing and end with 0, as diff does."""
    assert run(["config", "diff", "a.yaml", "a.yaml"]) == 0
    assert capsys.readouterr().out == ""
    assert run(["config", "diff"]) == 0
    assert run(["config", "diff", "--environment"]) == 0


def test_variables_count_only_where_they_are_asked_for(files, capsys, monkeypatch):
    """Files are compared as they are; --environment and the settings in force see the variables."""
    monkeypatch.setenv("RINGRIFT__SELFPLAY__SLOTS", "8")
    monkeypatch.setenv("RINGRIFT__PER_CONFIG", '{"hex8:3": {selfplay: {slots: 5}}}')
    assert differing(capsys, "a.yaml", "a.yaml") == (0, {})
    changed = {"selfplay.slots": (7, 8), "per_config.hex8:3.selfplay.slots": (None, 5)}
    assert differing(capsys, "a.yaml", "--environment") == (1, changed)
    code, found = differing(capsys)
    assert (code, found["selfplay.slots"][1]) == (1, 8)


def test_each_line_names_who_said_it(files, capsys, monkeypatch):
    """The text tells key, both values, and the file or variable that had the last word."""
    monkeypatch.setenv("RINGRIFT_CONFIG_PATH", "a.yaml")
    monkeypatch.setenv("RINGRIFT__SELFPLAY__SLOTS", "8")
    assert run(["config", "diff"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "selfplay.slots: 64 → 8   (variable RINGRIFT__SELFPLAY__SLOTS)" in lines
    assert "training.batch_size: 256 → 99   (a.yaml)" in lines


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.yaml"], "none.yaml"),
        (["a.yaml", "none.yaml"], "none.yaml"),
        (["quikstart"], "did you mean 'quickstart'?"),
        (["a.yaml", "b.yaml", "--environment"], "not two"),
    ],
)
def test_bad_input_is_2(files, capsys, arguments, said):
    """A file that is not there is neither equal nor different."""
    assert run(["config", "diff", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_misspelt_variable_is_told_by_check(files, capsys, monkeypatch):
    """`config check` finds variables that nothing would read."""
    assert run(["config", "check"]) == 0
    monkeypatch.setenv("RINGRIFT_HOEM", "/x")
    assert run(["config", "check"]) == 2
    assert "RINGRIFT_HOEM: nothing reads it: did you mean 'RINGRIFT_HOME'?" in (
        capsys.readouterr().err
    )


def test_what_is_shown_can_be_read_again(files, capsys, tmp_path):
    """`config show` prints a file of settings that means the same."""
    assert run(["config", "show", "a.yaml"]) == 0
    shown = tmp_path / "shown.yaml"
    shown.write_text(capsys.readouterr().out)
    assert yaml.safe_load(shown.read_text())["selfplay"]["slots"] == 7
    assert run(["config", "diff", "a.yaml", str(shown)]) == 0
