"""The whole cluster on one machine, as children of this process.

    with Stack(home, settings) as stack:
        while …:
            stack.check()       # starts again what died; call it every second or so

Ctrl-C reaches only this process (each child has a session of its own), which then stops things in
order: beat, so that nothing new is decided; the workers, which put back what they have begun; the
broker last. When this process is killed, the kernel ends the children.
"""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from ringrift.broker.address import broker_address, check_reachable
from ringrift.broker.embedded import EmbeddedBroker
from ringrift.broker.guard import guarded
from ringrift.broker.lock import take_lock
from ringrift.broker.server import write_private
from ringrift.cli.devices import ONE_THREAD, gpu_workers
from ringrift.errors import BadInput
from ringrift.pipeline.cores import usable_cores
from ringrift.pipeline.queues import CONTROL, CPU, GPU
from ringrift.settings.home import prepare_home
from ringrift.settings.secrets import BROKER_URL, secret
from ringrift.settings.settings import Settings
from ringrift.settings.switches import DISABLE_LOCAL_TASKS, switched_on
from ringrift.store.blobs import BlobStore

#: Flower is for this machine only.
LOOPBACK = "127.0.0.1"

#: Locked by the process that runs a stack, in its state directory.
LOCK = "up.lock"

#: Seconds a worker has to put its work back before it is killed; nothing is lost then either.
STOP_SECONDS = 20.0

#: Seconds between a child's death and its next start: doubled each time, up to the last.
FIRST_PAUSE, LAST_PAUSE = 1.0, 30.0

#: A child that ends so soon after its start, so often in a row, will not do better the next time.
EARLY_SECONDS, EARLY_DEATHS = 15.0, 4

#: Bytes at which a log is put aside when its writer starts.
LOG_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Role:
    """What a child is."""

    #: Its name in the status and of its log.
    name: str
    #: Arguments of Celery's command line.
    arguments: tuple[str, ...]
    #: What its environment has besides ours.
    environ: Mapping[str, str] = field(default_factory=dict)
    #: Without it nothing works; else it is given up when it cannot be kept alive.
    vital: bool = True


@dataclass(slots=True)
class Child:
    """A role's process, as long as it is replaced when it dies."""

    role: Role
    process: subprocess.Popen[bytes]
    started: float
    #: Deaths in a row, each soon after a start.
    early: int = 0
    restarts: int = 0
    #: When to start it again, if it is dead.
    due: float | None = None


class Stack:
    """Broker, workers, beat and Flower of one state directory."""

    #: Celery's command line; its arguments follow.
    program: tuple[str, ...] = (sys.executable, "-m", "celery")

    def __init__(
        self,
        home: Path,
        settings: Settings,
        *,
        config: str | None = None,
        environ: Mapping[str, str] = os.environ,
        extra: Mapping[str, str] | None = None,
        flower: bool = True,
    ) -> None:
        """Start nothing yet.

        ``config`` is the settings file or preset that the children shall read. ``extra`` adds
        variables to their environment, such as RINGRIFT__TRAINING__AUTO_TRIGGER=false for a stack
        that works only on runs that somebody else opens.
        """
        self.home = home.expanduser().resolve()
        self.settings = settings
        self.flower = flower
        self.broker: EmbeddedBroker | None = None
        self.children: list[Child] = []
        self._environ = {**environ, "RINGRIFT_HOME": str(self.home), **(extra or {})}
        if config is not None:
            self._environ["RINGRIFT_CONFIG_PATH"] = config
        self._lock: IO[str] | None = None

    def start(self) -> None:
        """Start everything; what cannot work is refused here, in one line. Then call ``check``."""
        prepare_home(self.settings.storage.min_free_mib, self.home)
        self._lock = take_lock(
            self.home / LOCK, f"{self.home} is in use: process {{}} runs `ringrift up`"
        )
        try:
            BlobStore(self.home).sweep()  # half files of a process that was killed
            if not secret(BROKER_URL, self._environ):
                self.broker = EmbeddedBroker(self.home)
                self.broker.start()
            check_reachable(broker_address(self.home, self._environ))
            for role in self.roles():
                self.children.append(Child(role, self._launch(role), time.monotonic()))
        except BaseException:
            self.stop()
            raise

    def roles(self) -> list[Role]:
        """Return the children to have on this machine."""
        quiet = ("--without-gossip", "--without-mingle", "--loglevel", "INFO")
        devices = [] if self.coordinates_only else gpu_workers(self._environ)
        roles = [
            Role(f"gpu{n}", ("worker", "-Q", GPU, "-n", f"gpu{n}@%h", *quiet), environ)
            for n, environ in enumerate(devices, start=1)
        ]
        # Celery's word for prefork that counts: with another pool in the settings, "-P prefork"
        # is taken for the option's default and loses against them.
        children = ("-P", "processes", "-c", str(max(1, usable_cores() // 2)))
        threads = ("-P", "threads", "-c", "2")
        roles += [
            Role("cpu", ("worker", "-Q", CPU, "-n", "cpu@%h", *children, *quiet), ONE_THREAD),
            Role(
                "control",
                ("worker", "-Q", CONTROL, "-n", "control@%h", *threads, *quiet),
                ONE_THREAD,
            ),
            Role("beat", ("beat", "--loglevel", "INFO")),
        ]
        if self.flower:
            port = str(self.settings.cluster.flower_port)
            arguments = ("flower", "--address=127.0.0.1", f"--port={port}")
            secret = {"FLOWER_BASIC_AUTH": f"ringrift:{self._flower_password()}"}
            roles.append(
                Role("flower", arguments, {**secret, "FLOWER_UNAUTHENTICATED_API": "false"})
            )
        return roles

    @property
    def coordinates_only(self) -> bool:
        """Whether this node plays, trains and evaluates nothing: other nodes do, by the same broker."""
        return switched_on(DISABLE_LOCAL_TASKS, self._environ)

    @property
    def flower_url(self) -> str:
        """Where Flower answers; user ``ringrift``, password in ``flower_password_file``."""
        return f"http://127.0.0.1:{self.settings.cluster.flower_port}"

    @property
    def flower_password_file(self) -> Path:
        """Readable by its owner only."""
        return self.home / "flower.password"

    def log_of(self, name: str) -> Path:
        """Return the log of a child."""
        return self.home / "logs" / f"{name}.log"

    def alive(self) -> bool:
        """Whether the broker, if it is ours, and every vital child run now."""
        broker = self.broker is None or self.broker.pid is not None
        vital = [child for child in self.children if child.role.vital]
        return broker and all(child.process.poll() is None for child in vital)

    def check(self, now: float | None = None) -> list[str]:
        """Start again what died, after a pause; return a line about each change.

        Call it from the thread that called ``start``: a child ends with the thread that started it.
        Raises BadInput when a child dies again and again as soon as it starts.
        """
        now = time.monotonic() if now is None else now
        lines = []
        if self.broker is not None and self.broker.ensure():
            lines.append("the broker had died and was started again; nothing is lost")
        for child in self.children:
            code = child.process.poll()
            if code is None:
                continue
            if child.due is None:
                soon = now - child.started < EARLY_SECONDS
                child.early = child.early + 1 if soon else 0
                if child.early >= EARLY_DEATHS and child.role.vital:
                    raise BadInput(self._hopeless(child, code))
                if child.early >= EARLY_DEATHS:
                    lines.append(f"going on without it: {self._hopeless(child, code)}")
                    child.due = math.inf
                    continue
                pause = min(LAST_PAUSE, FIRST_PAUSE * 2**child.early)
                child.due = now + pause
                lines.append(
                    f"{child.role.name} ended with {code}; starting it again in {pause:.0f} s"
                )
            elif now >= child.due:
                child.process = self._launch(child.role)
                child.started, child.due = now, None
                child.restarts += 1
                lines.append(f"{child.role.name} started again")
        return lines

    def stop(self) -> None:
        """Stop everything in order. A second Ctrl-C while it lasts kills what still runs."""
        try:
            self._end([child for child in self.children if child.role.name == "beat"])
            self._end(self.children)
        finally:
            for child in self.children:
                _kill_group(child.process)
            self.children.clear()
            if self.broker is not None:
                self.broker.stop()
                self.broker = None
            if self._lock is not None:
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

    def _launch(self, role: Role) -> subprocess.Popen[bytes]:
        """Start a child; what it says goes to its log."""
        path = self.log_of(role.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        with path.open("ab") as log:
            return subprocess.Popen(
                guarded([*self.program, "-A", "ringrift", *role.arguments]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**self._environ, "PYTHONUNBUFFERED": "1", **role.environ},
            )

    def _end(self, children: list[Child]) -> None:
        """Ask children to end and wait for them together."""
        running = [child.process for child in children if child.process.poll() is None]
        for process in running:
            process.terminate()
        until = time.monotonic() + STOP_SECONDS
        for process in running:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                _kill_group(process)

    def _flower_password(self) -> str:
        """Read the password; make it at the first start."""
        path = self.flower_password_file
        if not path.exists():
            write_private(path, secrets.token_urlsafe(18) + "\n")
        return path.read_text(encoding="ascii").strip()

    def _hopeless(self, child: Child, code: int) -> str:
        """Return the line about a child that dies as soon as it starts."""
        log = self.log_of(child.role.name)
        said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return (
            f"{child.role.name} ended {child.early} times as soon as it started, with {code}:"
            f" {said[-1] if said else 'it said nothing'} (log: {log})"
        )


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a child that still runs, and its children; each child leads a group of its own."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # gone at this moment
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
