"""Commands of ours as a person types them: one that answers, and one that runs until it is told to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from ringrift.broker.guard import guarded

#: `ringrift` as the installed script calls it.
RINGRIFT = (sys.executable, "-c", "from ringrift.cli.main import main; main()")

#: What is learned where nothing else is asked for.
CONFIGS = ("hex8:2", "square8:2", "square8:3")

#: A person's variables that are kept: where compiled kernels lie.
KEPT = ("RINGRIFT_KERNEL_CACHE",)

#: Seconds that a command may take to answer.
ANSWER_SECONDS = 300.0

#: Seconds that a command may take to stop in order, before it is killed.
STOP_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said, and how it ended."""

    code: int
    text: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where the loops run: their state directory, their settings."""

    home: Path
    settings: Path
    configs: tuple[str, ...]

    @property
    def environ(self) -> Mapping[str, str]:
        """Variables of all commands; no other setting or broker of whoever runs this is seen."""
        own = {k: v for k, v in os.environ.items() if not k.startswith(("CELERY_", "RINGRIFT_"))}
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        return {
            **own,
            **kept,
            "RINGRIFT_HOME": str(self.home),
            "RINGRIFT_CONFIG_PATH": str(self.settings),
            "RINGRIFT__LOOP__CONFIGS": f"[{', '.join(self.configs)}]",
            "PYTHONUNBUFFERED": "1",
        }

    def ask(self, *arguments: str) -> Answer:
        """Run a command to its end."""
        began = time.monotonic()
        try:
            done = subprocess.run(
                [*RINGRIFT, *arguments],
                env=self.environ,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=ANSWER_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            text = f"no answer in {ANSWER_SECONDS:.0f} s\n"
            return Answer(-1, text, time.monotonic() - began)
        return Answer(done.returncode, done.stdout, time.monotonic() - began)

    def start(self, name: str, *arguments: str) -> Command:
        """Start a command that runs until it is told to end."""
        return Command(self, name, arguments)

    def processes(self) -> list[psutil.Process]:
        """Every process that works for the state directory, this one left out."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.pid != os.getpid() and process.environ().get("RINGRIFT_HOME") == str(
                    self.home
                ):
                    found.append(process)
            except psutil.Error:
                continue
        return found


class Command:
    """A command that runs; it ends with this process, however that ends."""

    def __init__(self, place: Place, name: str, arguments: tuple[str, ...]) -> None:
        self.name = name
        #: As a person types it.
        self.shown = " ".join(["ringrift", *arguments]).replace(
            str(place.settings), place.settings.name
        )
        self.console = place.home / "logs" / f"{name}.console.log"
        self.console.parent.mkdir(parents=True, exist_ok=True)
        with self.console.open("ab") as said:
            self.process = subprocess.Popen(
                guarded([*RINGRIFT, *arguments]),
                env=place.environ,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us, who stop things in order
            )

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    @property
    def last_words(self) -> str:
        """The end of what it said."""
        lines = self.console.read_text("utf-8", "replace").strip().splitlines()
        return " / ".join(lines[-3:]) or "it said nothing"

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ctrl-C, and the exit code; -9 where that was not enough."""
        if self.runs:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return -int(signal.SIGKILL)
