"""Start, watch and stop the embedded broker of a state directory.

One process owns it, by a file lock; the server is the owner's child and ends with it. Everybody
else of this user may use it: ``running_url(home)``.

The owner looks after it (``ensure``): a server that died, hangs or cannot be reached is started again.
One that cannot read what it wrote begins without it, since all of it is issued again from SQL.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
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
from ringrift.broker.server import (
    find_server,
    password_of,
    socket_of,
    write_config,
    write_private,
)
from ringrift.errors import BadInput

#: Seconds until a started server must answer. It takes 0.1 s; a long append-only file takes more.
START_SECONDS = 60.0

#: Seconds until a stopped server must be gone before it is killed.
STOP_SECONDS = 10.0

#: Seconds to wait for an answer on the socket.
ANSWER_SECONDS = 2.0

#: So many questions in a row without an answer, and the server hangs: a minute.
DEAF_AFTER = 20

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
        self._unanswered = 0
        #: What the server could not read at its last start, now in quarantine; None if it could.
        self.unread: Path | None = None

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

    def ensure(self) -> str | None:
        """See that the server runs and can be reached; one line about what was done for it, or None.

        The owner calls it every second or so. Raises BadInput when it does not come up.
        """
        if self.pid is None:
            why = "had died"
        elif not self.place.socket.is_socket():
            why = f"could not be reached, for {self.place.socket} was gone,"
        elif self._is_deaf():
            why = "did not answer any more"
        elif not (self.place.password.exists() and self.place.config.exists()):
            self._write()
            return f"the broker's password was gone from {self.place.folder} and was written again"
        else:
            return None
        self._end_server(signal.SIGKILL)
        self._launch()
        return f"the broker {why} and was started again; {self.state}"

    @property
    def state(self) -> str:
        """What the last start cost, for people."""
        if self.unread is None:
            return "nothing is lost"
        return (
            f"its file could not be read and is now {self.unread}, and what it held is issued again"
        )

    def stop(self) -> None:
        """End the server, remove its socket, give up the lock. Safe to call twice."""
        self._end_server(signal.SIGTERM)  # it writes its file out and leaves
        if self._lock is not None:
            with contextlib.suppress(OSError):  # gone already, or not ours
                self.place.socket.unlink(missing_ok=True)
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

    def _end_server(self, signum: signal.Signals) -> None:
        """End the server if it runs."""
        if self._server is None:
            return
        self._server.send_signal(signum)
        try:
            self._server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._server = None

    def _is_deaf(self) -> bool:
        """Whether the server has not answered for long. Questions are counted, since we may have slept."""
        answer = ask(self.place.socket, self._password, "PING")
        self._unanswered = 0 if answer is not None else self._unanswered + 1
        return self._unanswered >= DEAF_AFTER

    def _write(self) -> None:
        """Write down what server and clients read: they may have been removed."""
        write_private(self.place.password, self._password + "\n")
        write_config(self.place, self._password)

    def _launch(self) -> None:
        """Start the server; where it cannot with what it wrote, without that, which is put away."""
        self.place.prepare()
        self._write()
        self._unanswered, self.unread = 0, None
        try:
            self._run()
        except BadInput as error:
            code = None if self._server is None else self._server.poll()
            # Still loading, killed from outside, or there is nothing that it could have choked on.
            if code in (None, -signal.SIGKILL, -signal.SIGTERM) or not self.place.data.exists():
                raise
            self._run_without(self.place.data, error)

    def _run_without(self, data: Path, error: BadInput) -> None:
        """Start the server with nothing; what it wrote is put away if it was to blame."""
        aside = data.with_name(f"{data.name}.{secrets.token_hex(3)}")
        data.rename(aside)
        try:
            self._run()
        except BadInput:  # a full disk, a missing library: the next start shall find it
            shutil.rmtree(data, ignore_errors=True)
            aside.rename(data)
            raise error from None
        self.unread = self.place.quarantine / f"broker-{aside.name}"
        self.unread.parent.mkdir(exist_ok=True)
        shutil.move(aside, self.unread)
        reason = f"{error}\nfrom: {data}\nwhat it held is issued again from the ledger\n"
        self.unread.with_name(f"{self.unread.name}.reason.txt").write_text(reason, encoding="utf-8")

    def _run(self) -> None:
        """Start the server and wait for its answer. Raises BadInput with the last it said."""
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
