"""A cluster of real processes with small services."""

import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from ringrift.cli.roles import Role
from ringrift.cli.stack import Stack
from ringrift.settings.settings import Settings
from ringrift.store import runs
from ringrift.store.ledger import open_ledger

#: Seconds that a test waits for what must happen; on an idle machine it takes a tenth.
PATIENCE = 90.0

#: As quick as the settings allow, so that what a killed worker left is taken over at once.
QUICK = """
loop: {configs: [hex8:2], max_iterations: 1}
selfplay: {first_games: 8, games_per_iteration: 8, games_per_shard: 2}
training: {min_samples_to_trigger: 1}
cluster:
  tick_interval_seconds: 1.0
  reconcile_interval_seconds: 1.0
  heartbeat_seconds: 1.0
  stage_stale_seconds: 5.0
  visibility_timeout_seconds: 10
  lease_seconds: 3.0
  lease_renew_seconds: 0.5
"""


class SmallStack(Stack):
    """The stack with small services, driven by the test."""

    config = QUICK
    patience = PATIENCE
    program: tuple[str, ...] = (sys.executable, str(Path(__file__).with_name("small_celery.py")))

    def __init__(self, home: Path, **extra: str) -> None:
        config = home.with_name("quick.yaml")
        config.write_text(self.config)
        settings = Settings.load(config, {})
        super().__init__(home, settings, config=str(config), extra=extra, flower=False)
        self.ledger = None

    def until(self, reached, about):
        """Look after the children until something holds; fail with the logs' ends if it does not."""
        end = time.monotonic() + self.patience
        while not (value := reached()):
            self.check()
            time.sleep(0.05)
            assert time.monotonic() < end, f"{about} was not reached\n{self.tails()}"
        return value

    def held(self):
        """Wait until a service stands in its middle; return its process id."""
        file = self.home / "held"
        return int(self.until(lambda: file.exists() and file.read_text(), "the hold"))

    def go(self):
        """Let services go on, now and later."""
        (self.home / "go").touch()

    def finished(self):
        """Wait until the first run is closed and return it."""
        return self.until(self.closed_run, "the end of the run")

    def closed_run(self):
        """Return the first run if it is closed."""
        with self.read() as tx:
            run = runs.last_run(tx, "hex8:2")
        return run if run is not None and run.state == runs.CLOSED else None

    def read(self):
        """Begin a reading transaction."""
        self.ledger = self.ledger or open_ledger(self.home)
        return self.ledger.read()

    def child(self, name):
        """Return a child by its name."""
        return next(child for child in self.children if child.role.name == name)

    @contextmanager
    def second(self, name, **extra):
        """Run a second process of a child's kind, which nobody looks after, with its log NAME2."""
        role = self.child(name).role
        arguments = (word.replace(f"{name}@", f"{name}2@") for word in role.arguments)
        process = self._launch(Role(f"{name}2", tuple(arguments), {**role.environ, **extra}))
        try:
            yield process
        finally:
            process.terminate()
            process.wait(20)

    def says(self, name, words):
        """Wait until the log of a child holds some words."""
        log = self.log_of(name)
        self.until(lambda: log.exists() and words in log.read_text(), f"{name}: {words!r}")

    def tails(self):
        """Return the ends of all logs."""
        logs = sorted((self.home / "logs").glob("*.log"))
        return "\n".join(
            f"== {p.name}\n" + "\n".join(p.read_text().splitlines()[-12:]) for p in logs
        )


def family(home):
    """Return every process that works for a state directory, whoever its parent is."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("RINGRIFT_HOME") == str(home) and process.pid != os.getpid():
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.fixture
def home(tmp_path):
    """A state directory; nobody works for it when the test is over."""
    folder = tmp_path / "home"
    yield folder
    left = family(folder)
    for process in left:
        process.kill()
    assert not left, [process.cmdline() for process in left]
