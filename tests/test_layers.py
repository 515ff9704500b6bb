"""What may be loaded where. The directions of imports themselves are checked by ``make lint``."""

import os
import pkgutil
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import ringrift.cli
import workers

ROOT = Path(__file__).parents[1]

#: What Celery loads, and every file of the command line.
LIGHT = [
    *(name for name in ("beat_schedule", "ringrift.celery") if find_spec(name)),
    *(f"workers.{module.name}" for module in pkgutil.walk_packages(workers.__path__)),
    *(f"ringrift.cli.{module.name}" for module in pkgutil.walk_packages(ringrift.cli.__path__)),
]


def loaded_after(statement):
    """Run a statement in a fresh interpreter and return the top-level packages it loaded."""
    names = "import sys; print('\\n'.join({m.partition('.')[0] for m in sys.modules}))"
    result = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{names}"],
        cwd=ROOT,
        env={**os.environ, "CELERY_BROKER_URL": "redis://127.0.0.1:6379/0"},  # named, not used
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())


def test_app_workers_and_command_line_do_not_load_torch():
    """CUDA and OpenMP do not survive a fork: torch is loaded by the work itself, not by imports."""
    assert "torch" not in loaded_after("\n".join(f"import {name}" for name in LIGHT))


def test_help_loads_nothing_heavy():
    """``ringrift --help`` answers without torch, numba, Celery and SQLAlchemy."""
    loaded = loaded_after("from ringrift.cli.main import run; run(['--help'])")
    assert not loaded & {"torch", "numba", "celery", "sqlalchemy", "pydantic", "typer"}


def our_files():
    """Return every text file of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("this is no git checkout, whose list of files tells ours from others'")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_knows_one_machine():
    """No file holds a path of somebody's machine or the address of a package index."""
    paths = re.compile(r"(?<![\w.~}*)])/(?:work|root|home|farm|Users|tmp)/\w|https?://\S*/simple\b")
    found = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for file in our_files()
        if b"\0" not in (content := file.read_bytes())
        for number, line in enumerate(content.decode("utf-8").splitlines(), 1)
        if paths.search(line)
    ]
    assert not found, "\n".join(found)


def test_every_package_is_in_the_wheel():
    """Each folder with Python files is a package, so that an installed copy has it too."""
    python = (file for file in our_files() if file.suffix == ".py")
    folders = {
        file.parent for file in python if file.relative_to(ROOT).parts[0] in ("ringrift", "workers")
    }
    bare = [
        str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").exists()
    ]
    assert not [name for name in bare if "migrations" not in name]
