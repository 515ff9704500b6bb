"""Start, watch and stop the embedded broker of a state directory.

One process owns it, by a file lock; the server is the owner's child and ends with it. Everybody
else of this user may use it: ``running_url(home)``.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import quote

from ringrift.broker.guard import guarded
from ringrift.broker.lock import lock_holder, take_lock
from ringrift.broker.place import Place
from ringrift.broker.server import find_server, password_of, socket_of, write_config
from ringrift.errors import BadInput

#: Seconds until a started server must answer. It takes 0.1 s; a long append-only file takes more.
START_SECONDS = 60.0

#: Seconds until a stopped server must be gone before it is killed.
STOP_SECONDS = 10.0

#: Seconds to wait for an answer on the socket.
ANSWER_SECONDS = 2.0

#: Seconds between two looks at a server that starts.
LOOK_SECONDS = 0.02


def running_url(home: Path) -> str | None:
    """Return the URL of the home's broker if it runs and lets us in, else None. Starts nothing."""
    place = Place.of(home)
    try:
        password = place.password.read_text(encoding="ascii").strip()
    except OSError:
        return None
    path = socket_of(place)
    return url_of(path, password) if ask(path, password, "PING") == "+PONG" else None


def unanswering(home: Path) -> str | None:
    """Say of a home's broker that it is there, for ``running_url`` found none; None where nobody runs it.

    It is stopped, overloaded, or just being started again.
    """
    owner = lock_holder(Place.of(home).lock)
    if owner is None:
        return None
    return (
        f"the embedded broker of {home} does not answer; process {owner}, which runs it, starts it"
        " again when it ends"
    )


class EmbeddedBroker:
    """The broker of one home, owned by this process between ``start`` and ``stop``."""

    def __init__(self, home: Path) -> None:
        self.place = Place.of(home)
        self._lock: IO[str] | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._password = ""

    def start(self) -> str:
        """Become the owner, start the server, wait until it answers, return its URL.

        Call it in a thread that outlives the server (``guard.py``). Raises BadInput when another
        process owns it, when there is no server program, or when it does not come up.
        """
        self.place.prepare()
        self._lock = take_lock(
            self.place.lock, f"{self.place.home} is in use: process {{}} runs its broker"
        )
        try:
            self._password = password_of(self.place)
            self._end_leftover()
            write_config(self.place, self._password)
            self._launch()
        except BaseException:
            self.stop()
            raise
        return self.url

    @property
    def url(self) -> str:
        """What Celery and redis-py connect to."""
        return url_of(self.place.socket, self._password)

    @property
    def pid(self) -> int | None:
        """The server's process id, None when it does not run."""
        return self._server.pid if self._server and self._server.poll() is None else None

    def ensure(self) -> bool:
        """Start the server again if it died. True if it had to be; the owner calls it now and then."""
        if self.pid is not None:
            return False
        self._launch()
        return True

    def stop(self) -> None:
        """End the server, remove its socket, give up the lock. Safe to call twice."""
        if self._server is not None:
            self._server.terminate()  # it writes its file out and leaves
            try:
                self._server.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
            self._server = None
        if self._lock is not None:
            self.place.socket.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # gone already
                self.place.socket_folder.rmdir()
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _end_leftover(self) -> None:
        """End a server whose owner is gone; happens only where children outlive parents."""
        path = socket_of(self.place)
        until = time.monotonic() + STOP_SECONDS
        while ask(path, self._password, "PING") is not None:
            ask(path, self._password, "SHUTDOWN")
            if time.monotonic() > until:
                raise BadInput(f"{path}: another server answers here and does not end")
            time.sleep(LOOK_SECONDS)

    def _launch(self) -> None:
        """Start the server and wait for its answer."""
        self.place.socket_folder.mkdir(mode=0o700, exist_ok=True)
        with self.place.log.open("ab") as log:
            begun = log.tell()
            self._server = subprocess.Popen(
                guarded([str(find_server()), str(self.place.config)], signal.SIGTERM),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the owner, who stops things in order
                env=_plain_environment(),
            )
        until = time.monotonic() + START_SECONDS
        while ask(self.place.socket, self._password, "PING") != "+PONG":
            code = self._server.poll()
            if code is not None or time.monotonic() > until:
                said = _last_line(self.place.log, begun)
                why = f"ended with {code}" if code is not None else "does not answer"
                raise BadInput(f"the embedded broker {why}: {said} (log: {self.place.log})")
            time.sleep(LOOK_SECONDS)


def _plain_environment() -> dict[str, str]:
    """Return our environment without what the server has no use for: URLs may hold passwords."""
    return {key: value for key, value in os.environ.items() if not key.startswith("CELERY_")}


def url_of(path: Path, password: str) -> str:
    """Return the URL in the form that kombu, Celery's results and our own clients read."""
    return f"redis+socket://:{password}@{quote(str(path))}"


def ask(path: Path, password: str, command: str) -> str | None:
    """Send one command; return the server's line (``+PONG``), None when nobody answers."""
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(ANSWER_SECONDS)
            line.connect(str(path))
            line.sendall(f"AUTH {password}\r\n{command}\r\n".encode("ascii"))
            with line.makefile("r", encoding="utf-8", newline="\r\n") as answers:
                if not answers.readline().startswith("+OK"):
                    return "-NOAUTH"
                return answers.readline().rstrip()
    except OSError:
        return None


def _last_line(log: Path, begun: int) -> str:
    """Return the last thing said after the byte ``begun`` of the log."""
    with log.open("rb") as stream:
        stream.seek(begun)
        lines = stream.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
