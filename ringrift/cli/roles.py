"""What the children of a stack are: which processes make a cluster of one machine, by profile."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ringrift.cli.devices import ONE_THREAD, gpu_workers
from ringrift.pipeline.cores import usable_cores
from ringrift.pipeline.queues import CONTROL, CPU, GPU
from ringrift.settings.profiles import FULL, STANDARD, Profile, covers

#: Celery's command line; arguments follow, and which app.
CELERY = (sys.executable, "-m", "celery")

#: Our own command line; arguments follow.
RINGRIFT = (sys.executable, "-m", "ringrift")

#: Which children decide: they end first, so that nothing new begins while the others stop.
DECIDING = ("beat", "continuous")


@dataclass(frozen=True, slots=True)
class Role:
    """What a child is."""

    #: Its name in the status and of its log.
    name: str
    #: Arguments of Celery's command line, or of ours.
    arguments: tuple[str, ...]
    #: What its environment has besides ours.
    environ: Mapping[str, str] = field(default_factory=dict)
    #: Without it nothing works; else it is given up when it cannot be kept alive.
    vital: bool = True
    #: True for a `ringrift` command, which may come to its end by itself; False for Celery's.
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Parts:
    """Which parts of a cluster a stack starts."""

    profile: Profile
    #: Workers, and Flower where the profile has it.
    workers: bool = True
    #: The clock of the master loop.
    beat: bool = True
    #: The continuous loop.
    continuous: bool = False
    #: No Flower without it, whatever the profile.
    flower: bool = True

    @property
    def has_flower(self) -> bool:
        """Whether Flower is among them."""
        return self.workers and self.flower and covers(self.profile, FULL)

    def roles(
        self,
        environ: Mapping[str, str],
        *,
        local_tasks: bool,
        flower: Role,
        served: Collection[str] = (),
    ) -> list[Role]:
        """The children, in the order of their start.

        local_tasks: whether this node plays and trains; flower: what to start where it is wanted;
        served: queues that other workers of this machine take already.
        """
        found = self._workers(environ, local_tasks, served) if self.workers else []
        if self.beat:
            found.append(Role("beat", ("beat", "--loglevel", "INFO")))
        if self.continuous:
            found.append(Role("continuous", ("continuous",), vital=False, ours=True))
        return [*found, flower] if self.has_flower else found

    def _workers(
        self, environ: Mapping[str, str], local_tasks: bool, served: Collection[str]
    ) -> list[Role]:
        quiet = ("--without-gossip", "--without-mingle", "--loglevel", "INFO")
        many = covers(self.profile, STANDARD)
        devices = gpu_workers(environ) if local_tasks else []
        gpu = [
            Role(f"gpu{n}", ("worker", "-Q", GPU, "-n", f"gpu{n}@%h", *quiet), variables)
            for n, variables in enumerate(devices if many else devices[:1], start=1)
        ]
        # Celery's word for prefork that counts: with another pool in the settings, "-P prefork"
        # is taken for the option's default and loses against them.
        children = ("-P", "processes", "-c", str(max(1, usable_cores() // 2) if many else 1))
        cpu = Role("cpu", ("worker", "-Q", CPU, "-n", "cpu@%h", *children, *quiet), ONE_THREAD)
        threads = ("-P", "threads", "-c", "2")
        control = Role(
            "control", ("worker", "-Q", CONTROL, "-n", "control@%h", *threads, *quiet), ONE_THREAD
        )
        by_queue = {GPU: gpu, CPU: [cpu], CONTROL: [control]}
        return [role for queue, roles in by_queue.items() if queue not in served for role in roles]
