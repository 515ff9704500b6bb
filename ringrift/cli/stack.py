"""The cluster of one machine, or a part of it, as children of this process.

    with Stack(home, settings) as stack:
        while …:
            stack.check()       # starts again what died; call it every second or so

Ctrl-C reaches only this process (each child has a session of its own), which then stops things in
order: what decides (beat), so that nothing new begins; the workers, which put back what they have
begun; the broker last. When this process is killed, the kernel ends the children.

Two stacks of one state directory may share the work: one has broker and workers (``beat=False``),
the other joins them and is the clock (``join=True``). Then each lives and dies by itself.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from ringrift.broker.embedded import EmbeddedBroker
from ringrift.broker.guard import guarded
from ringrift.broker.lock import lock_holder, take_lock
from ringrift.broker.place import Place
from ringrift.celery_flower import LOOPBACK, password_file, variables
from ringrift.cli.joining import await_broker, check_settings, note_settings, served_here
from ringrift.cli.roles import CELERY, DECIDING, RINGRIFT, Parts, Role
from ringrift.errors import BadInput
from ringrift.settings.home import DATABASE, prepare_home
from ringrift.settings.secrets import BROKER_URL, DATABASE_URL, secret
from ringrift.settings.settings import Settings
from ringrift.settings.switches import DISABLE_LOCAL_TASKS, switched_on
from ringrift.store.blobs import BlobStore
from ringrift.store.engine import check_file, check_whole, identity

#: Locked by the process that runs broker and workers, in its state directory.
LOCK = "up.lock"

#: Locked by the process that runs beat.
MASTER_LOCK = "master.lock"

#: Seconds a worker has to put its work back before it is killed; nothing is lost then either.
STOP_SECONDS = 20.0

#: Seconds between a child's death and its next start: doubled each time, up to the last.
FIRST_PAUSE, LAST_PAUSE = 1.0, 30.0

#: A child that ends so soon after its start, so often in a row, will not do better the next time.
EARLY_SECONDS, EARLY_DEATHS = 15.0, 4

#: Bytes at which a log is put aside when its writer starts.
LOG_BYTES = 16 * 2**20


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
    """Broker, workers, beat and Flower of one state directory, or some of them."""

    #: Celery's command line, and ours; arguments follow.
    program: tuple[str, ...] = CELERY
    ringrift: tuple[str, ...] = RINGRIFT

    def __init__(
        self,
        home: Path,
        settings: Settings,
        *,
        config: str | None = None,
        environ: Mapping[str, str] = os.environ,
        extra: Mapping[str, str] | None = None,
        flower: bool = True,
        workers: bool = True,
        beat: bool = True,
        continuous: bool = False,
        join: bool = False,
    ) -> None:
        """Start nothing yet.

        ``config`` is the settings file or preset that the children shall read. ``extra`` adds
        variables to their environment, such as RINGRIFT__TRAINING__AUTO_TRIGGER=false for a stack
        that works only on runs that somebody else opens. With ``join`` parts that are there are
        used and not started: broker and workers of another stack, and the queues that other
        workers of this machine take.
        """
        self.home = home.expanduser().resolve()
        self.settings = settings
        self.parts = Parts(
            settings.loop.profile, workers=workers, beat=beat, continuous=continuous, flower=flower
        )
        self.broker: EmbeddedBroker | None = None
        self.children: list[Child] = []
        #: The process whose broker and workers are used; None if they are ours.
        self.joined: int | None = None
        #: Queues that other workers of this machine took already when we started.
        self.served: Collection[str] = ()
        self._join = join
        self._environ = {
            **environ,
            "RINGRIFT_HOME": str(self.home),
            "RINGRIFT__LOOP__PROFILE": settings.loop.profile,
            **(extra or {}),
        }
        if config is not None:
            self._environ["RINGRIFT_CONFIG_PATH"] = config
        self._locks: list[IO[str]] = []
        self._seen: int | None = None
        self._ledger: tuple[int, int] | None = None

    def start(
        self,
        prepare: Callable[[], None] = lambda: None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Start everything; what cannot work is refused here, in one line. Then call ``check``.

        prepare: called before workers are started, when nobody else can start some any more.
        """
        prepare_home(self.settings.storage.min_free_mib, self.home)
        try:
            self._take_parts()
            if self.joined is None:
                if not secret(DATABASE_URL, self._environ):
                    check_whole(self.home / DATABASE)
                note_settings(self.home, self.settings)
                prepare()
                BlobStore(self.home).sweep()  # half files of a process that was killed
            self._have_broker(say)
            if self.joined is not None:
                check_settings(self.home, self.joined, self.settings)
            elif self._join and self.broker is None:
                self.served = served_here()
            for role in self.roles():
                self.children.append(Child(role, self._launch(role), time.monotonic()))
        except BaseException:
            self.stop()
            raise

    def _take_parts(self) -> None:
        """Lock the parts that are ours; find out whose the others are. Raises BadInput."""
        holder = lock_holder(self.home / LOCK)
        if self._join and holder is not None:
            self.joined = self._seen = holder
            self.parts = replace(self.parts, workers=False)
        else:
            held = f"{self.home} is in use: process {{}} runs its broker and workers"
            self._locks.append(take_lock(self.home / LOCK, held))
        if self.parts.beat:
            held = (
                f"{self.home} has a master loop: process {{}} runs it, and"
                " `ringrift master-loop --watch` looks on"
            )
            self._locks.append(take_lock(self.home / MASTER_LOCK, held))

    def _have_broker(self, say: Callable[[str], None]) -> None:
        """Start the embedded broker where no other is to be used, and see that it answers."""
        theirs = lock_holder(Place.of(self.home).lock)
        configured = secret(BROKER_URL, self._environ)
        if not configured and self.joined is None and theirs is None:
            self.broker = EmbeddedBroker(self.home)
            self.broker.start()
            if self.broker.unread is not None:
                say(f"the broker begins anew; {self.broker.state}")

        def comes() -> bool:
            if configured or self.broker is not None:
                return False
            return any(map(lock_holder, (self.home / LOCK, Place.of(self.home).lock)))

        await_broker(self.home, self._environ, comes, say)

    def roles(self) -> list[Role]:
        """Return the children to have on this machine."""
        return self.parts.roles(
            self._environ,
            local_tasks=not self.coordinates_only,
            flower=self._flower,
            served=self.served,
        )

    @property
    def coordinates_only(self) -> bool:
        """Whether this node plays, trains and evaluates nothing: other nodes do, by the same broker."""
        return switched_on(DISABLE_LOCAL_TASKS, self._environ)

    @property
    def flower_url(self) -> str:
        """Where Flower answers; user ``ringrift``, password in ``flower_password_file``."""
        return f"http://{LOOPBACK}:{self.settings.cluster.flower_port}"

    @property
    def flower_password_file(self) -> Path:
        """Readable by its owner only."""
        return password_file(self.home)

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
        Raises BadInput when a child dies again and again as soon as it starts, and when the ledger's file is
        gone.
        """
        now = time.monotonic() if now is None else now
        lines = []
        self._check_ledger()
        if self.broker is not None and (done := self.broker.ensure()):
            lines.append(done)
        if self.joined is not None:
            lines += self._look_at_joined(self.joined)
            if lock_holder(self.home / LOCK) is None:
                return lines  # without a broker no child could stay
        for child in self.children:
            code = child.process.poll()
            if code is None:
                continue
            if child.due is None:
                if child.role.ours and code == 0:
                    child.due = math.inf
                    lines.append(f"{child.role.name} has come to its end")
                    continue
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

    def _check_ledger(self) -> None:
        """End here when the ledger's file is not the one any more: the children write nothing into another."""
        path = self.home / DATABASE
        if self._ledger is not None:
            check_file(path, self._ledger)
        self._ledger = identity(path)

    def stop(self) -> None:
        """Stop everything in order. A second Ctrl-C while it lasts kills what still runs."""
        try:
            self._end([child for child in self.children if child.role.name in DECIDING])
            self._end(self.children)
        finally:
            for child in self.children:
                _kill_group(child.process)
            self.children.clear()
            if self.broker is not None:
                self.broker.stop()
                self.broker = None
            while self._locks:
                self._locks.pop().close()

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
                guarded(self._command(role)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**self._environ, "PYTHONUNBUFFERED": "1", **role.environ},
            )

    def _command(self, role: Role) -> list[str]:
        if role.ours:
            return [*self.ringrift, *role.arguments]
        return [*self.program, "-A", "ringrift", *role.arguments]

    def _look_at_joined(self, known: int) -> list[str]:
        """Say when the process whose parts we use goes away, and when another comes."""
        now = lock_holder(self.home / LOCK)
        if now == self._seen:
            return []
        self._seen = now
        if now is None:
            gone = f"process {known}, which ran broker and workers, is gone"
            return [f"{gone}: waiting for another (`ringrift up --no-beat` starts one)"]
        self.joined = now
        return [f"process {now} runs broker and workers"]

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

    @property
    def _flower(self) -> Role:
        """Flower, which nothing depends on: its port may be taken. Where it is not wanted no password is made."""
        wanted = self.parts.has_flower
        extra = variables(self.home, self.settings.cluster.flower_port) if wanted else {}
        return Role("flower", ("flower",), extra, vital=False)

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
