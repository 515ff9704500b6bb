"""The wheel is whole: an installed copy works from any folder, without the checkout."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Build the wheel from a copy of our files and unpack it into a folder of its own."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("target")
    wanted = (
        "ringrift",
        "workers",
        "config",
        "beat_schedule.py",
        "pyproject.toml",
        "README.md",
        "LICENSE",
    )
    for name in wanted:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name,
                source / name,
                symlinks=True,
                ignore=shutil.ignore_patterns("__pycache__"),
            )
        elif (ROOT / name).exists():
            shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    how = ["--no-deps", "--no-build-isolation", "--no-index", "--target", str(target)]
    subprocess.run([*pip, *how, str(source)], check=True, capture_output=True)
    return target


def python(installed, folder, *arguments):
    """Run the installed copy, and only it, from another folder."""
    result = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_commands_work_from_any_folder(installed, tmp_path):
    """The default settings are in the wheel, and a command elsewhere finds them."""
    command = "from ringrift.cli.main import main; main(['config', 'check'])"
    assert str(installed) in python(installed, tmp_path, "-c", command)


def test_every_python_file_is_in_the_wheel(installed):
    """What can be imported from the checkout can be imported from the installed copy."""
    for top in ("ringrift", "workers", "beat_schedule.py"):
        found = [ROOT / top] if top.endswith(".py") else (ROOT / top).rglob("*.py")
        missing = [
            str(f.relative_to(ROOT))
            for f in found
            if not (installed / f.relative_to(ROOT)).exists()
        ]
        assert not missing


def test_the_app_loads_workers_and_schedule_from_the_wheel(installed, tmp_path):
    """``celery -A ringrift`` needs workers and beat_schedule beside the package."""
    where = "import workers, beat_schedule; print(workers.__file__); print(beat_schedule.__file__)"
    assert python(installed, tmp_path, "-c", where).count(str(installed)) == 2
