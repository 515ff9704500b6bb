"""`ringrift master-loop` as a person types it, where it starts nothing."""

import json
import sqlite3

import pytest

from ringrift.cli.main import run
from ringrift.settings import home


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch):
    """The command leaves its settings in the environment, for its children."""
    for name in ("RINGRIFT_CONFIG_PATH", "RINGRIFT__LOOP__PROFILE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--status", "--watch"], "give one of --status and --watch"),
        (["--profile", "medium", "--dry-run"], "unknown profile 'medium'"),
        (["--config", "/nowhere.yaml", "--status"], "/nowhere.yaml"),
        (["--config", "quickstrat", "--status"], "did you mean 'quickstart'?"),
        (["--dryrun"], "--dry-run"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(arguments, said, capsys):
    """Two things at once, profiles and files that are not there, options that are misspelt."""
    assert run(["master-loop", *arguments]) == 2
    errors = capsys.readouterr().err
    assert said in errors
    assert errors.count("\n") == 1


def test_status_is_that_of_ringrift_status(promoted, capsys):
    """The same screen, the same JSON; a broker that is not there is said."""
    assert run(["master-loop", "--status"]) == 0
    ours = capsys.readouterr().out
    assert "master     none" in ours
    assert "hex8:2" in ours
    assert len(ours.splitlines()) < 24
    assert run(["master-loop", "--status", "--json"]) == 0
    about = json.loads(capsys.readouterr().out)
    assert about["configs"]["hex8:2"]["champion"]["sha256"]
    assert about["master"]["state"] == "free"


def dump(path):
    """Everything that a ledger holds."""
    with sqlite3.connect(path) as db:
        return list(db.iterdump())


def test_dry_run_says_what_and_why_and_writes_nothing(promoted, capsys):
    """Processes, steps and a decision for each config with its reason; the ledger stays as it was."""
    before = dump(home() / "ringrift.db")
    files = sorted(path for path in home().rglob("*"))
    assert run(["master-loop", "--dry-run", "--profile", "minimal"]) == 0
    said = capsys.readouterr().out
    for part in (
        "profile    minimal",
        "starts     broker, gpu1, cpu, control, beat",
        "control.tick",
    ):
        assert part in said, part
    assert "control.tournament" not in said
    [decision] = [line for line in said.splitlines() if line.startswith("  hex8:2")]
    assert ": " in decision
    assert dump(home() / "ringrift.db") == before
    assert sorted(path for path in home().rglob("*")) == files


def test_dry_run_as_json(promoted, capsys):
    """Each decision with its action, reason and figures, for a program."""
    assert run(["master-loop", "--dry-run", "--json", "--no-flower"]) == 0
    about = json.loads(capsys.readouterr().out)
    [decision] = about["decisions"]
    assert decision["config"] == "hex8:2"
    assert decision["action"]
    assert decision["reason"]
    assert isinstance(decision["figures"], dict)
    assert {"control.tick", "control.tournament"} <= {step["task"] for step in about["steps"]}
    assert "flower" not in about["starts"]
    assert (about["master"], about["joined"]) == (None, None)


def test_dry_run_makes_no_state_directory(capsys):
    """Where there is none yet it decides as for an empty one."""
    assert run(["master-loop", "--dry-run"]) == 0
    assert "hex8:2" in capsys.readouterr().out
    assert not home().exists()
